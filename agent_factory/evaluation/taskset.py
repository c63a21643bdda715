"""The report of an order: models on a task set that somebody chose, measured as the gate's report measures.

Reads ``<model>.parquet`` of the order's folder and writes its results and pages beside them. Invariant:
it decides nothing; the gate belongs to a build's own held-out set.
"""

from __future__ import annotations

from agent_factory.contracts.build import Order
from agent_factory.contracts.evaluation import TasksetReport
from agent_factory.contracts.record import Json
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.lineup import Lineup, order_folder, read_lineup
from agent_factory.core.store import Store
from agent_factory.evaluation.failure import cluster_failures
from agent_factory.evaluation.report import Evaluated, compare_all, read_model, read_taskset, score_all, write_report


def evaluate_taskset(store: Store, artifacts: Artifacts, order: Order) -> TasksetReport:
    """Score the models of an order on its task set, and keep the report under the order's id.

    Raises as ``evaluate`` does where something is missing or no episode of a model can be counted.
    """
    lineup = read_lineup(store, order)
    scenarios = read_taskset(artifacts, lineup.scenarios)
    evaluated = [read_model(artifacts, order_folder(order.id), model, scenarios) for model in lineup.players]
    report = _make_report(order, lineup, evaluated)
    write_report(store, artifacts, report, evaluated)
    return report


def _make_report(order: Order, lineup: Lineup, evaluated: list[Evaluated]) -> TasksetReport:
    build, folder = lineup.build, order_folder(order.id)
    candidate = next(one for one in evaluated if one.model.id == lineup.models[-1].id)
    rival = None if lineup.champion is None or lineup.champion.id == candidate.model.id else lineup.champion
    return TasksetReport(
        id=order.id,
        project=order.project,
        created_at=clock.now(),
        build=build.id,
        recipe=build.recipe,
        candidate=candidate.model.id,
        taskset=lineup.scenarios.id,
        taskset_digest=lineup.scenarios.digest,
        scores=score_all(build, evaluated),
        comparisons=tuple(compare_all(candidate, evaluated, rival)),
        failures=cluster_failures(candidate.episodes),
        verdict=None,
        reasons=(f"Nothing is decided by it: build {build.id} is judged on its own held-out set {build.id}-eval.",),
        results_path=f"{folder}/results.parquet",
        html_path=f"{folder}/report.html",
        settings=_describe_inputs(lineup, evaluated),
    )


def _describe_inputs(lineup: Lineup, evaluated: list[Evaluated]) -> Json:
    return {
        "model_digests": {one.model.id: one.model.digest for one in evaluated},
        "trace_digests": {one.model.id: one.digest for one in evaluated},
        "prices": lineup.build.settings.get("prices"),
    }
