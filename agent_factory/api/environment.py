"""Environment: scenarios are made and proved, episodes are run and read."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from agent_factory.api.context import Context, Ctx, Key
from agent_factory.api.delivery import once
from agent_factory.api.episode import order_episodes
from agent_factory.api.error import tell
from agent_factory.api.order import OrderReply, accept
from agent_factory.contracts.build import BuildSpec, Order, OrderState
from agent_factory.contracts.evaluation import LevelCheck
from agent_factory.contracts.record import Name, Part
from agent_factory.contracts.scenario import ScenarioSet, Split
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.error import ConflictError
from agent_factory.core.lineup import order_folder
from agent_factory.core.recipe import load_recipe

router = APIRouter(prefix="/env", tags=["environment"])


class ScenarioRequest(Part):
    """How many scenarios of a recipe, from which seed."""

    recipe: Name
    count: int = Field(ge=5, le=5000)
    seed: int = Field(default=0, ge=0)
    build: Name | None = None


class WrittenRequest(Part):
    """Scenarios written by hand: the ``text`` of a file, whose name (.jsonl, .yaml) says its format."""

    recipe: Name
    file: str = Field(max_length=300, pattern=r"\.(jsonl|ya?ml)$")
    text: str
    held_out: bool = False


class RunRequest(Part):
    """Episodes of a build's SFT model or of the ``model`` named, on its training scenarios or on the set named.

    ``scenarios`` is the id of a set that ``POST /env/scenarios`` made, of which all are played.
    """

    build: Name | None = None
    model: Name | None = None
    scenarios: Name | None = None


class RunPage(BaseModel):
    """A part of a run's traces; ``next_offset`` is None on the last page."""

    run: str
    state: OrderState
    offset: int
    next_offset: int | None
    traces: list[Trace]


@router.post(
    "/scenarios", status_code=201, summary="Make training scenarios", responses=tell(404, 409, 422, 429, 502, 504)
)
def make_scenarios(body: ScenarioRequest, context: Ctx, key: Key = None) -> ScenarioSet:
    """A set of which each scenario was solved by its reference solution, and not by doing nothing."""
    return make_set(body, context, key, "train", "/env/scenarios")


def make_set(body: ScenarioRequest, context: Context, key: str | None, split: Split, path: str) -> ScenarioSet:
    """A scenario set of that split, made in this request."""
    from agent_factory.environment.scenario import make_scenario_set

    recipe = load_recipe(body.recipe, context.settings.recipes)
    if body.build is not None:
        context.get(BuildSpec, body.build)

    def make() -> ScenarioSet:
        return make_scenario_set(
            context.store,
            context.artifacts,
            recipe,
            set_id=clock.new_id(f"{body.recipe}-{split}"),
            build=body.build,
            split=split,
            count=body.count,
            seed=body.seed,
            project=context.project,
        )

    return once(context, key, path, body.model_dump(mode="json"), ScenarioSet, make)


@router.post(
    "/scenarios/written",
    status_code=201,
    summary="Take scenarios in",
    responses=tell(404, 409, 413, 422, 429, 502, 504),
)
def take_scenarios(body: WrittenRequest, context: Ctx, key: Key = None) -> ScenarioSet:
    """A set of scenarios that were written by hand, each proved; what is wrong is told with its line."""
    from agent_factory.environment.scenario import keep_written
    from agent_factory.environment.written import read_written

    split: Split = "eval" if body.held_out else "train"
    recipe = load_recipe(body.recipe, context.settings.recipes)
    written = read_written(body.text, body.file, recipe, split)

    def make() -> ScenarioSet:
        set_id = clock.new_id(f"{body.recipe}-written")
        stores = (context.store, context.artifacts)
        return keep_written(*stores, recipe, written, set_id=set_id, split=split, project=context.project)

    return once(context, key, "/env/scenarios/written", body.model_dump(mode="json"), ScenarioSet, make)


@router.post("/run", status_code=202, summary="Order a rollout", responses=tell(404, 409, 422))
def order_run(body: RunRequest, response: Response, context: Ctx, key: Key = None) -> OrderReply:
    """The order of a run of its own; read its traces at ``status_url``. What the build learns from stays as it is."""
    order = order_episodes(context, "rollout", body.build, body.model, body.scenarios, key)
    return accept(response, order, f"/env/run/{order.id}/trace")


@router.get("/run/{run_id}/trace", summary="Traces of a run", responses=tell(404, 409, 422))
def show_traces(
    run_id: str,
    context: Ctx,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> RunPage:
    """A page of this run's traces, and of no other's; empty while it has not ended."""
    order = context.get(Order, run_id)
    if order.kind != "rollout":
        raise ConflictError(f"order {run_id!r} is of kind {order.kind!r}, expected a 'rollout' order")
    paths = list_traces(context, order.id)
    found = (trace for path in paths for trace in context.artifacts.read_traces(path))
    traces = list(islice(found, offset, offset + limit + 1))
    more = len(traces) > limit
    return RunPage(
        run=order.id,
        state=order.state,
        offset=offset,
        next_offset=offset + limit if more else None,
        traces=traces[:limit],
    )


@router.get("/levels/{build_id}", summary="Levels beside measured success", responses=tell(404, 422))
def show_levels(build_id: str, context: Ctx) -> LevelCheck:
    """Success by model and level of what a build or an ordered run played, and levels easier than the one before."""
    from agent_factory.evaluation.level import check_build_levels

    return check_build_levels(context.store, context.artifacts, build_id, context.project)


def list_traces(context: Context, order: str) -> list[str]:
    """The files of an order's traces, in name order."""
    root = f"{context.artifacts.root}/"
    folder = context.artifacts.locate(order_folder(order))
    found = sorted(str(path) for path in context.artifacts.files.glob(f"{folder}/*.parquet"))
    return [path.removeprefix(root) for path in found]
