"""The one way to a model: engines, routing, metering, and exact token ids.

Whatever loads torch in this house comes through here first, so this is where its threads are told to
sleep while they wait for one another. They spin by default, and on cores that others use too a step of
training was seen to take ten times as long. OpenMP reads the variable once, when torch is loaded.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
