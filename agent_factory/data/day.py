"""How a file of a day is written: streamed, with its rows counted and digested on the way.

Invariant: the digest is over ids and contents in order, times of arrival apart, so that an unchanged
day has an unchanged digest however often it is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from agent_factory.contracts.record import Count, Part
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.aside import SetAside
from agent_factory.core.day import DayFileName, day_path
from agent_factory.core.digest import canonical_json


class DayFile(Part):
    """A parquet artifact of one day; what of its input could not be read was ``set_aside``."""

    day: str
    path: str
    rows: Count
    digest: str
    set_aside: SetAside = SetAside()


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


def write_day(artifacts: Artifacts, project: str, day: str, name: DayFileName, traces: Iterable[Trace]) -> DayFile:
    """Write the traces of a project's day, a batch in memory at a time."""
    path = day_path(project, day, name)
    tally = Tally()
    artifacts.write_traces(path, tally.watch(traces))
    return DayFile(day=day, path=path, rows=tally.rows, digest=tally.digest)
