"""Screenshots of an episode as artifacts, by their content: the same picture is kept once.

Invariant: nothing reads them but people and the timeline; what an agent reads is text.
"""

from __future__ import annotations

from collections.abc import Callable

from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_bytes


def screenshot_keeper(artifacts: Artifacts, project: str) -> Callable[[bytes], str]:
    """A function that puts a PNG away and tells its path."""

    def keep(png: bytes) -> str:
        path = f"projects/{project}/screenshots/{digest_bytes(png)}.png"
        return path if artifacts.exists(path) else artifacts.write_bytes(path, png)

    return keep
