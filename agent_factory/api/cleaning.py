"""What was decided about a day's traces, and a person's word against it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from agent_factory.api.context import Ctx, Key
from agent_factory.api.delivery import once
from agent_factory.api.error import tell
from agent_factory.api.reviewer import Who
from agent_factory.contracts.decision import Decision, Overruling, Verdict
from agent_factory.contracts.record import Count, Name, Part

router = APIRouter(tags=["data"])
_MOST = 1000


class Decisions(Part):
    """The decisions on a day that were asked for.

    ``counts`` by verdict are over the whole day, ``found`` is how many match before ``limit``.
    """

    day: str
    counts: dict[str, Count]
    found: Count
    decisions: tuple[Decision, ...]


class OverruleRequest(Part):
    """Keep or drop a trace whatever the rules say, why, and who says so (else ``X-Reviewer`` does, or their key)."""

    verdict: Literal["keep", "drop"]
    reason: str = Field(min_length=1, max_length=4000)
    reviewer: str | None = Field(default=None, min_length=1, max_length=200)


@router.get("/data/decisions", summary="What cleaning decided on a day", responses=tell(404, 422))
def list_decisions(
    context: Ctx,
    day: date,
    verdict: Verdict | None = None,
    rule: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Decisions:
    """Each trace of the day with verdict, rule and reason, and who overruled it; 404 where the day was not cleaned."""
    from agent_factory.core.decision import read_decisions

    decisions = list(read_decisions(context.artifacts, context.project, day.isoformat()).values())
    counts = Counter(decision.verdict for decision in decisions)
    found = [
        decision
        for decision in decisions
        if verdict in (None, decision.verdict) and (rule is None or rule == decision.rule)
    ]
    shown = tuple(found[offset : offset + limit])
    return Decisions(day=day.isoformat(), counts=dict(sorted(counts.items())), found=len(found), decisions=shown)


@router.post(
    "/data/decisions/{trace_id}", status_code=201, summary="Overrule a decision", responses=tell(404, 409, 422, 429)
)
def overrule_decision(
    trace_id: Name, body: OverruleRequest, context: Ctx, key: Key = None, who: Who = None
) -> Overruling:
    """The overruling as kept; the trace's day is made again with it within seconds. 404 where no such trace came in."""
    from agent_factory.data.cleaning.overruling import overrule

    reviewer = context.sign(body.reviewer, who)

    def make() -> Overruling:
        return overrule(context.store, context.project, trace_id, body.verdict, body.reason, reviewer)

    path = f"/data/decisions/{trace_id}"
    return once(context, key, path, {**body.model_dump(mode="json"), "reviewer": reviewer}, Overruling, make)
