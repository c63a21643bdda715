"""Which trace stands for a session: each one repeats the conversation before it, so the last one holds it all.

Invariant: which one is the last follows from the traces alone, whatever the order in which they arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from agent_factory.contracts.trace import Source
from agent_factory.core.artifact import Artifacts

_COLUMNS = ("id", "session_id", "started_at", "steps", "source", "recipe")


def find_superseded(
    artifacts: Artifacts,
    paths: Iterable[str],
    *,
    recipe: str | None = None,
    sources: Sequence[Source] | None = None,
) -> frozenset[str]:
    """Ids of the traces that a later one of their session repeats, among the files of a project's days.

    The last is the one that began last; of those, the one with the most steps, then with the highest id.
    Traces of other recipes or ``sources`` than asked for are passed over. NotFoundError for a missing file.
    """
    turns: dict[str, list[tuple[datetime, int, str]]] = {}
    for path in paths:
        for row in artifacts.read_table(path, _COLUMNS).to_pylist():
            asked = recipe in (None, row["recipe"]) and (sources is None or row["source"] in sources)
            if asked and row["session_id"] is not None:
                turns.setdefault(row["session_id"], []).append((row["started_at"], row["steps"], row["id"]))
    return frozenset(trace_id for told in turns.values() for _, _, trace_id in sorted(told)[:-1])
