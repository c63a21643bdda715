"""What a round remembers of itself, so that it goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from agent_factory.contracts.record import Part


def memo_path(folder: Path, project: str, recipe: str) -> Path:
    """Where the memo of a project's round is."""
    return folder / project / f"round-{recipe}.json"


class RoundMemo(Part):
    """The days of the first traffic, what made it, whether it was sent, and the build that was ordered of it."""

    days: tuple[str, ...] = ()
    made_by: dict[str, str] = Field(default_factory=dict)
    sent: bool = False
    build: str | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """The memo of a file; an empty one where there is none, or none that can be read."""
        try:
            return cls.model_validate_json(path.read_text())
        except (FileNotFoundError, ValueError):
            return cls()

    def write(self, path: Path) -> None:
        """Write the memo, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(self.model_dump_json(indent=1))
        temporary.replace(path)
