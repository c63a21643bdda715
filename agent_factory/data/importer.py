"""Imports files of other systems: what can be read goes in, the rest is quarantined with file, place and reason.

Invariant: importing a file twice keeps its traces once.
"""

from __future__ import annotations

from datetime import date
from itertools import islice
from pathlib import Path
from typing import Literal

from agent_factory.contracts.record import Count, Part
from agent_factory.contracts.trace import Trace
from agent_factory.core.day import require_days
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.tau_bench import Quarantined, read_tau_bench

ImportFormat = Literal["tau-bench"]
FORMATS: tuple[ImportFormat, ...] = ("tau-bench",)
_BATCH = 200


class ImportReport(Part):
    """What became of a file; ``days`` are the partitions that its traces belong to."""

    accepted: Count
    duplicates: Count
    quarantined: tuple[Quarantined, ...]
    days: tuple[str, ...]


def import_traces(
    store: Store, path: Path, source_format: ImportFormat, project: str, day: date | None = None
) -> ImportReport:
    """Keep the traces of a file, batch by batch.

    ``day`` puts them under that day instead of the one that the file tells; InputError where no data is
    taken of that day, ConflictError where they are known already under another.
    """
    if day is not None:
        require_days(day, day)
    readers = {"tau-bench": read_tau_bench}
    rows = readers[source_format](path, project, day)
    accepted = duplicates = 0
    quarantined: list[Quarantined] = []
    days: set[str] = set()
    while batch := list(islice(rows, _BATCH)):
        traces = [row for row in batch if isinstance(row, Trace)]
        quarantined += [row for row in batch if isinstance(row, Quarantined)]
        receipt = TraceLog(store).add(traces)
        accepted += receipt.accepted
        duplicates += receipt.duplicates
        days.update(trace.day for trace in traces)
    return ImportReport(
        accepted=accepted, duplicates=duplicates, quarantined=tuple(quarantined), days=tuple(sorted(days))
    )
