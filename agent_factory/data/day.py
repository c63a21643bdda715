"""The files of a day, and how one is written: streamed, with its rows counted and digested on the way.

Invariant: the digest is over ids and contents in order, times of arrival apart, so that an unchanged
day has an unchanged digest however often it is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Literal

from agent_factory.contracts.record import Count, Part
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import canonical_json
from agent_factory.core.error import InputError

FileName = Literal["events", "clean_events", "decisions", "labels"]


class DayFile(Part):
    """A parquet artifact of one day."""

    day: str
    path: str
    rows: Count
    digest: str


def day_path(day: str, name: FileName) -> str:
    """Where a day's file is; InputError unless ``day`` is YYYY-MM-DD."""
    try:
        canonical = date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise InputError(f"{day!r} is not a day: expected YYYY-MM-DD") from error
    return f"days/{canonical}/{name}.parquet"


class Tally:
    """Counts and digests traces that pass through it."""

    def __init__(self) -> None:
        self.rows = 0
        self._digest = hashlib.sha256()

    def watch(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """The same traces, each added to the tally."""
        for trace in traces:
            self.rows += 1
            content = canonical_json(trace.model_dump(mode="json", exclude={"created_at"}))
            self._digest.update(f"{content}\n".encode())
            yield trace

    @property
    def digest(self) -> str:
        """Hex SHA-256 over what has passed."""
        return self._digest.hexdigest()


def write_day(artifacts: Artifacts, day: str, name: FileName, traces: Iterable[Trace]) -> DayFile:
    """Write a day's traces, a batch in memory at a time."""
    path = day_path(day, name)
    tally = Tally()
    artifacts.write_traces(path, tally.watch(traces))
    return DayFile(day=day, path=path, rows=tally.rows, digest=tally.digest)
