"""Evaluation: task sets are made, evaluations ordered, reports read."""

from __future__ import annotations

from typing import Self

from fastapi import APIRouter, Response
from pydantic import model_validator

from agent_factory.api.context import Ctx, Key
from agent_factory.api.environment import ScenarioRequest, make_set
from agent_factory.api.episode import order_episodes
from agent_factory.api.error import tell
from agent_factory.api.order import OrderReply, accept
from agent_factory.contracts.evaluation import EvalReport, TasksetReport
from agent_factory.contracts.record import Name, Part
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.error import NotFoundError
from agent_factory.core.store import Store

router = APIRouter(prefix="/eval", tags=["evaluation"])


class EvalRequest(Part):
    """A build whose models are to be run on its held-out scenarios, for its gate; or on a ``taskset``, for itself.

    ``taskset`` is the id of a set that ``POST /eval/taskset`` made; with it, one ``model`` may be named alone.
    """

    build: Name | None = None
    model: Name | None = None
    taskset: Name | None = None

    @model_validator(mode="after")
    def _check_gate(self) -> Self:
        if self.taskset is None and self.model is not None:
            raise ValueError("a gate is about all models of a build: give a build alone, or a taskset with the model")
        return self


@router.post("/run", status_code=202, summary="Order an evaluation", responses=tell(404, 409, 422))
def order_evaluation(body: EvalRequest, response: Response, context: Ctx, key: Key = None) -> OrderReply:
    """The order; when it is done, ``GET /eval/results/<build>`` has the report.

    With a taskset the report is under the order's own id, decides nothing and leaves the build's as it is.
    """
    return accept(response, order_episodes(context, "evaluation", body.build, body.model, body.taskset, key))


@router.get("/results/{report_id}", summary="An evaluation report", responses=tell(404, 422))
def show_report(report_id: str, context: Ctx) -> EvalReport:
    """The report of that id, of the order of that id, or the newest of the build of that id."""
    for kind in (EvalReport, TasksetReport):
        known = context.store.peek(kind, report_id)
        if known is not None and known.project == context.project:
            return known
    found = newest_report(context.store, report_id, context.project)
    if found is None:
        raise NotFoundError(f"there is no report {report_id!r}, nor a build or order of that id that was evaluated")
    return found


@router.post(
    "/taskset", status_code=201, summary="Make held-out scenarios", responses=tell(404, 409, 422, 429, 502, 504)
)
def make_taskset(body: ScenarioRequest, context: Ctx, key: Key = None) -> ScenarioSet:
    """A set from templates, customers and goods that no training scenario has."""
    return make_set(body, context, key, "eval", "/eval/taskset")


def newest_report(store: Store, build: str, project: str) -> EvalReport | None:
    """The newest report of a project's build, or None where it was not evaluated."""
    found = store.find(EvalReport, project=project, build=build, newest_first=True, limit=1)
    return found[0] if found else None
