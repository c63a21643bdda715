"""What a reader gives: rows in the order of the file, each with its place, and how one becomes traces.

Invariants: a reader holds one row (or one batch of them) at a time; a row that cannot be read is told by
an InputError, KeyError, TypeError or ValueError and never ends the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from agent_factory.contracts.record import NAME_PATTERN, Part
from agent_factory.contracts.trace import Outcome, Trace
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError


class Quarantined(Part):
    """A row that could not be read: where it stands and why."""

    file: str
    place: str
    reason: str


@dataclass(frozen=True)
class Row:
    """A row as the file has it; an exception in its place is why it could not be got out of the file.

    ``place`` is how a person finds it (``line 7``); ``done`` is the share of the file up to here.
    """

    place: str
    value: Any
    done: float


class NoTimeError(InputError):
    """A row that does not tell when it was, and no day was given."""


@dataclass(frozen=True)
class Origin:
    """Where traces of an import come from, and what they are taken for where the file does not say."""

    file: Path
    project: str
    day: date | None = None
    recipe: str | None = None
    success: bool | None = None
    """What a row without a verdict of its own is taken for; None leaves it without an outcome."""

    def start(self, told: datetime | None) -> datetime:
        """When an episode began: midnight (UTC) of the day that was given, else what the row tells."""
        if self.day is not None:
            return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        if told is None:
            raise NoTimeError("it does not tell when it was: give a day (--day YYYY-MM-DD) to import it under")
        return told if told.tzinfo else told.replace(tzinfo=UTC)

    def outcome(self) -> Outcome | None:
        """The outcome of a row that has none of its own."""
        if self.success is None:
            return None
        return Outcome(success=self.success, reward=float(self.success), graded_by="import")

    def make_trace(self, name: str, content: Any, started_at: datetime | None, **fields: Any) -> Trace:
        """A trace whose id follows from its content alone: ``name`` and a digest of ``content``.

        ValidationError where the fields are no trace.
        """
        base = {
            "id": f"{name}-{digest_json(content)[:24]}",
            "project": self.project,
            "created_at": clock.now(),
            "source": "import",
            "recipe": self.recipe,
            "started_at": self.start(started_at),
        }
        return Trace.model_validate({**base, **fields})


@dataclass(frozen=True)
class Format:
    """A kind of file: its name, what it is, how its rows are read, and how one becomes traces."""

    name: str
    about: str
    rows: Callable[[Path], Iterator[Row]]
    traces: Callable[[Any, Origin], tuple[Trace, ...]]


def to_name(text: str) -> str:
    """A text of another system as part of an id: what ids may not hold becomes '-'."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "-" for letter in text)
    kept = kept.strip("-.")[:60]
    return kept if NAME_PATTERN.fullmatch(kept) else f"x{kept}"


def to_instant(seconds: float) -> datetime:
    """Seconds since 1970 as an instant; InputError where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise InputError(f"its time is {seconds!r} seconds since 1970, expected a time that a calendar has") from error


def require_object(value: Any) -> dict[str, Any]:
    """The value where it is a JSON object, else InputError."""
    if not isinstance(value, dict):
        raise InputError(f"expected an object, got {type(value).__name__}")
    return value
