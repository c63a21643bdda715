"""Compute: slots that are held, and what was spent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from agent_factory.api.context import Ctx, Key
from agent_factory.api.delivery import once
from agent_factory.api.error import tell
from agent_factory.compute.lease import allocate, release, show_pools
from agent_factory.compute.usage import Dimension, UsageSummary, summarize
from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.compute import FactoryName, Lease, Pool, ResourceSpec
from agent_factory.contracts.record import Name, Part

router = APIRouter(prefix="/compute", tags=["compute"])


class AllocateRequest(ResourceSpec):
    """Slots of a pool for a holder, given back by themselves after ``ttl_seconds``."""

    holder: str = Field(min_length=1, max_length=200)
    ttl_seconds: float = Field(default=60.0, gt=0, le=86400)
    build: Name | None = None


class ReleaseRequest(Part):
    """The lease to give back."""

    lease_id: Name


@router.post("/allocate", status_code=201, summary="Hold slots of a pool", responses=tell(404, 409, 422, 429))
def allocate_slots(body: AllocateRequest, context: Ctx, key: Key = None) -> Lease:
    """A lease; 429 with Retry-After where the pool is full."""
    if body.build is not None:
        context.get(BuildSpec, body.build)

    def make() -> Lease:
        resource = ResourceSpec(pool=body.pool, slots=body.slots)
        return allocate(
            context.store,
            resource,
            body.holder,
            body.ttl_seconds,
            body.build,
            project=context.project,
            recipes=context.settings.recipes,
        )

    return once(context, key, "/compute/allocate", body.model_dump(mode="json"), Lease, make)


@router.post("/release", summary="Give a lease's slots back", responses=tell(404, 422))
def release_slots(body: ReleaseRequest, context: Ctx) -> Lease:
    """The lease as it is now; giving back twice changes nothing."""
    return release(context.store, context.get(Lease, body.lease_id).id)


@router.get("/pools", summary="The pools and what is held of them", responses=tell(422))
def list_pools(context: Ctx) -> list[Pool]:
    """Each pool's limit and the slots held now."""
    return list(show_pools(context.store, context.settings.recipes))


@router.get("/usage", summary="What was spent", responses=tell(422))
def show_usage(
    context: Ctx,
    by: Annotated[Dimension, Query(description="One row for each value of it")] = "build",
    build: Name | None = None,
    factory: FactoryName | None = None,
    day: Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None,
) -> list[UsageSummary]:
    """Sums of wall time, CPU time, memory, tokens and cost of the caller's project."""
    return list(summarize(context.store, context.project, by, build=build, factory=factory, day=day))
