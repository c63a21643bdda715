"""A person's word against a rule's: kept as a record, so that a day made again decides the same.

Invariant: the newest overruling of a trace counts; it belongs to a trace that has come in to the project.
"""

from __future__ import annotations

from typing import Literal

from agent_factory.contracts.decision import Overruling
from agent_factory.core import clock
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.refresh import request_refresh
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog


def overrule(
    store: Store, project: str, trace_id: str, verdict: Literal["keep", "drop"], reason: str, reviewer: str
) -> Overruling:
    """Keep or drop a trace whatever the rules say, and ask that its day is made again.

    Said again by the same person, it is the same record. NotFoundError where no such trace has come in.
    """
    trace = TraceLog(store).get(trace_id, project)
    if trace is None:
        raise NotFoundError(f"there is no trace {trace_id!r} in project {project!r}")
    if not reason.strip() or not reviewer.strip():
        raise InputError("an overruling needs a reason and a reviewer: say why, and who says so")
    known = find_overrulings(store, project, trace.day).get(trace_id)
    if known is not None and (known.verdict, known.reason, known.reviewer) == (verdict, reason, reviewer):
        return known
    made = Overruling(
        id=clock.new_id("overruling"),
        project=project,
        created_at=clock.now(),
        trace_id=trace_id,
        day=trace.day,
        verdict=verdict,
        reason=reason,
        reviewer=reviewer,
    )
    store.put(made)
    request_refresh(store, project, trace.day, f"{reviewer} overruled the decision on {trace_id}")
    return made


def find_overrulings(store: Store, project: str, day: str) -> dict[str, Overruling]:
    """The newest overruling of each trace of a day that has one."""
    found = sorted(store.find(Overruling, project=project), key=lambda made: (made.created_at, made.id))
    return {made.trace_id: made for made in found if made.day == day}
