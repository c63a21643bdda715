"""Training: base, SFT, reward and policy models, one stage of a build at a time.

Importing this is light; the trainers are imported by workers, when a stage is run.
"""

import agent_factory.gateway  # pyright: ignore[reportUnusedImport]  # noqa: F401 - before torch: see there
