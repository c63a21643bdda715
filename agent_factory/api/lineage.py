"""Lineage: what a thing was made from and what it went into, by kind and name."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from agent_factory.api.context import Ctx
from agent_factory.api.error import tell
from agent_factory.contracts.lineage import Lineage
from agent_factory.contracts.record import Name

router = APIRouter(tags=["data"])
LineageKind = Literal["trace", "dataset", "model", "release", "deployment"]


@router.get("/lineage/{kind}/{name}", summary="What it was made from, what was made from it", responses=tell(404, 422))
def show_lineage(
    kind: LineageKind,
    name: Name,
    context: Ctx,
    failures: Annotated[int, Query(ge=0, le=10_000, description="How many failed traces are told one by one.")] = 50,
) -> Lineage:
    """Both directions, nearest first; ``contents`` counts the traces within by outcome and tells failures."""
    from agent_factory.data.lineage import Family, find_lineage

    return find_lineage(Family(context.store, context.artifacts, context.project), kind, name, failures)
