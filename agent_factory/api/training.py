"""Training: builds are ordered, followed, and told how to mix their rewards."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from agent_factory.api.build import draft_build
from agent_factory.api.context import Context, Ctx, Key
from agent_factory.api.error import tell
from agent_factory.api.order import OrderReply, accept, tell_wait
from agent_factory.contracts.build import BuildSpec, DataWindow, Order, OrderState
from agent_factory.contracts.evaluation import EvalReport, Verdict
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.record import Name, Part
from agent_factory.contracts.reward import RewardConfig
from agent_factory.contracts.stage import StageRun
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError
from agent_factory.core.order import order_build
from agent_factory.core.recipe import load_recipe

router = APIRouter(prefix="/train", tags=["training"])
Job = Annotated[str, Path(description="The build's id, as POST /train/jobs gave it")]


class JobRequest(Part):
    """A build of a recipe from the traces of some days; ``overrides`` has the shape of build.toml.

    Both days are counted; a day that no data is taken of, such as tomorrow (UTC), is refused.
    """

    recipe: Name
    first_day: date
    last_day: date
    overrides: dict[str, Any] = Field(default_factory=dict)


class RewardRequest(Part):
    """Weights by which solved episodes of one scenario are ranked; see RewardConfig."""

    reward_model: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    tool_error: float = Field(default=0.0, le=0, allow_inf_nan=False)
    step: float = Field(default=0.0, le=0, allow_inf_nan=False)


class JobStatus(BaseModel):
    """How far a build is: its orders, its stages in the order they began, what they made.

    ``state`` is how far the work has come; ``order_state`` is that of the newest build order, ``failed`` where all
    work is done and the gate said FAIL.
    """

    build: str
    recipe: str
    state: Literal["waiting", "running", "failed", "refused", "done"]
    order_state: OrderState | None
    reason: str | None
    orders: list[Order]
    stages: list[StageRun]
    models: list[ModelManifest]
    verdict: Verdict | None


@router.post("/jobs", status_code=202, summary="Order a build", responses=tell(404, 409, 422))
def order_job(body: JobRequest, response: Response, context: Ctx, key: Key = None) -> OrderReply:
    """The order; its ``build`` is the job's id."""
    recipe = load_recipe(body.recipe, context.settings.recipes)
    window = DataWindow(first_day=body.first_day, last_day=body.last_day)
    build_id = None if key is None else f"{body.recipe}-{digest_json([context.project, key])[:12]}"
    known = None if build_id is None else context.store.peek(BuildSpec, build_id)
    spec = draft_build(recipe, context.project, window, body.overrides, build_id=build_id)
    if known is not None:
        changed = spec.model_copy(update={"created_at": known.created_at}) != known
        if changed:
            raise ConflictError(f"the Idempotency-Key was used for build {build_id!r}, which was ordered differently")
        spec = known
    order = order_build(context.store, spec, reason=tell_wait(context))
    return accept(response, order, f"/train/{spec.id}/status")


@router.get("/{job}/status", summary="How far a build is", responses=tell(404, 422))
def show_status(job: Job, context: Ctx) -> JobStatus:
    """The build's stages with what they have measured so far."""
    return read_status(context, context.get(BuildSpec, job))


@router.post("/{job}/reward-config", summary="Set a build's reward mix", responses=tell(404, 409, 422))
def set_rewards(job: Job, body: RewardRequest, context: Ctx) -> RewardConfig:
    """The weights, for reinforcement to read; 409 once the build's reinforcement stage has begun."""
    build = context.get(BuildSpec, job)
    for run in context.store.find(StageRun, build=build.id):
        if run.factory == "training" and run.stage in ("policy_model", "rft"):
            raise ConflictError(
                f"build {job!r} began its stage {run.stage!r} at {run.started_at:%H:%M:%S}: "
                "its rewards are fixed. Order a new build to change them."
            )
    config = RewardConfig(
        id=build.id, project=build.project, created_at=clock.now(), build=build.id, **body.model_dump()
    )
    context.store.put(config, replace=True)
    return config


def read_status(context: Context, build: BuildSpec) -> JobStatus:
    """The status of a build from its records."""
    store = context.store
    orders = store.find(Order, build=build.id)
    stages = sorted(store.find(StageRun, build=build.id), key=lambda run: run.started_at)
    reports = store.find(EvalReport, build=build.id, newest_first=True, limit=1)
    asked = [order for order in orders if order.kind == "build"]
    # Only the newest order counts: an earlier one that failed was taken up again by it.
    newest = asked[-1] if asked else None
    refused = newest if newest and newest.state in ("refused", "failed") and not reports else None
    told = newest.reason if newest and newest.state in ("waiting", "refused", "failed") else None
    broken = next((run for run in stages if run.state == "failed"), None)
    state: Literal["waiting", "running", "failed", "refused", "done"] = "running" if stages else "waiting"
    if refused is not None:
        state = "refused" if refused.state == "refused" else "failed"
    elif broken is not None:
        state = "failed"
    elif reports:
        state = "done"
    return JobStatus(
        build=build.id,
        recipe=build.recipe,
        state=state,
        order_state=newest.state if newest else None,
        reason=broken.error if broken and not refused else told,
        orders=orders,
        stages=stages,
        models=store.find(ModelManifest, build=build.id),
        verdict=reports[0].verdict if reports else None,
    )
