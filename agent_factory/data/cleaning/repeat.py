"""Near copies across the days that are read together: what a dataset of these days leaves out.

Why here and not when a day is cleaned: a day's files follow from that day alone, so that a late trace
makes its own day again and no other. The days of a dataset are its declared inputs; what repeats among
them follows from their files. Invariant: of a trace and its near copies the first by day and id stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.data.cleaning.duplicate import Copy, find_near_copies
from agent_factory.data.cleaning.verdict import OVERRULED


def find_repeats(artifacts: Artifacts, project: str, days: Iterable[str]) -> dict[str, Copy]:
    """Traces that are a near copy of an earlier one; those that a person kept are none.

    Days without clean events are passed over.
    """
    there = [day for day in sorted(set(days)) if artifacts.exists(day_path(project, day, "decisions"))]
    flagged: set[str] = set()
    kept: set[str] = set()
    for day in there:
        table = artifacts.read_table(day_path(project, day, "decisions"), ("trace_id", "verdict", "rule"))
        for row in table.to_pylist():
            if row["verdict"] == "flagged":
                flagged.add(row["trace_id"])
            elif row["rule"] == OVERRULED:
                kept.add(row["trace_id"])
    return find_near_copies(artifacts, project, there, left_out=flagged, immune=kept)
