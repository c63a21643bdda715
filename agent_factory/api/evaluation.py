"""Evaluation: task sets are made, evaluations ordered, reports read."""

from __future__ import annotations

from fastapi import APIRouter, Response

from agent_factory.api.context import Ctx, Key
from agent_factory.api.environment import ScenarioRequest, make_set
from agent_factory.api.error import tell
from agent_factory.api.order import OrderReply, accept
from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.contracts.record import Name, Part
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.error import NotFoundError
from agent_factory.core.order import place_order
from agent_factory.core.store import Store

router = APIRouter(prefix="/eval", tags=["evaluation"])


class EvalRequest(Part):
    """A build whose models are to be run on its held-out scenarios."""

    build: Name


@router.post("/run", status_code=202, summary="Order an evaluation", responses=tell(404, 409, 422))
def order_evaluation(body: EvalRequest, response: Response, context: Ctx, key: Key = None) -> OrderReply:
    """The order; when it is done, ``GET /eval/results/<build>`` has the report."""
    build = context.get(BuildSpec, body.build)
    request = body.model_dump(mode="json")
    order = place_order(context.store, "evaluation", request, project=context.project, build=build.id, key=key)
    return accept(response, order)


@router.get("/results/{report_id}", summary="An evaluation report", responses=tell(404, 422))
def show_report(report_id: str, context: Ctx) -> EvalReport:
    """The report of that id, or the newest of the build of that id."""
    found = context.store.peek(EvalReport, report_id)
    if found is None or found.project != context.project:
        found = newest_report(context.store, report_id, context.project)
    if found is None:
        raise NotFoundError(f"there is no report {report_id!r}, nor a build of that id that was evaluated")
    return found


@router.post("/taskset", status_code=201, summary="Make held-out scenarios", responses=tell(404, 409, 422, 429))
def make_taskset(body: ScenarioRequest, context: Ctx, key: Key = None) -> ScenarioSet:
    """A set from templates, customers and goods that no training scenario has."""
    return make_set(body, context, key, "eval", "/eval/taskset")


def newest_report(store: Store, build: str, project: str) -> EvalReport | None:
    """The newest report of a project's build, or None where it was not evaluated."""
    found = store.find(EvalReport, project=project, build=build, newest_first=True, limit=1)
    return found[0] if found else None
