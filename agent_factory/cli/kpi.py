"""The figures of the factory, from its records alone.

Invariant: what was not measured is None; no figure is made up, and each says what it was taken from.
"""

from __future__ import annotations

from agent_factory.contracts.build import BuildSpec, Order
from agent_factory.contracts.evaluation import Comparison, EvalReport
from agent_factory.contracts.record import Part
from agent_factory.contracts.release import Deployment, Release
from agent_factory.contracts.session import SessionTurn
from agent_factory.contracts.stage import StageRun
from agent_factory.core.store import Store

_TRAINING = {
    *(("training", stage) for stage in ("base_model", "sft_model", "reward_model", "policy_model")),
    ("environment", "rollouts"),
}


class Kpi(Part):
    """One figure: ``low`` and ``high`` its 95 % interval where it has one, ``n`` what it was counted over."""

    name: str
    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    n: int | None = None
    source: str


def read_kpis(store: Store, project: str) -> list[Kpi]:
    """The figures of a project: of the build that serves, or of the newest one that was evaluated."""
    deployment = _serving(store, project)
    release = None if deployment is None else store.get(Release, deployment.release)
    report = _report(store, project, release)
    build = None if report is None else report.build
    return [
        _training_time(store, build),
        _gain(report),
        _tool_calls(report),
        _lead_time(store, build, release),
        _answered(store, project),
    ]


def _serving(store: Store, project: str) -> Deployment | None:
    found = store.find(Deployment, project=project, state="serving", newest_first=True, limit=1)
    return found[0] if found else None


def _report(store: Store, project: str, release: Release | None) -> EvalReport | None:
    if release is not None:
        return store.get(EvalReport, release.report)
    found = store.find(EvalReport, project=project, newest_first=True, limit=1)
    return found[0] if found else None


def _training_time(store: Store, build: str | None) -> Kpi:
    runs = [] if build is None else store.find(StageRun, build=build)
    worked = {
        (run.factory, run.stage): run.worked_seconds(run.finished_at) for run in runs if run.finished_at is not None
    }
    seconds = sum(worked[stage] for stage in _TRAINING) if worked.keys() >= _TRAINING else None
    source = f"work of the training stages and the rollouts, build {build}" if build else "no build was evaluated"
    return Kpi(name="training_cycle_time", value=seconds, unit="s", source=source)


def _gain(report: EvalReport | None) -> Kpi:
    found: Comparison | None = None
    if report is not None:
        found = next((one for one in report.comparisons if one.role == "base"), None)
    if report is None or found is None:
        return Kpi(name="success_gain", value=None, unit="points", source="no comparison with a base model")
    return Kpi(
        name="success_gain",
        value=100 * found.difference,
        unit="points",
        low=100 * found.low,
        high=100 * found.high,
        n=found.n,
        source=f"{found.candidate} - {found.other}, report {report.id}",
    )


def _tool_calls(report: EvalReport | None) -> Kpi:
    measure = None if report is None else report.score_of(report.candidate).tool_call_success
    if report is None or measure is None:
        return Kpi(name="tool_call_success", value=None, unit="%", source="no evaluated tool call")
    return Kpi(
        name="tool_call_success",
        value=100 * measure.value,
        unit="%",
        low=100 * measure.low,
        high=100 * measure.high,
        n=measure.n,
        source=f"{report.candidate}, report {report.id}",
    )


def _lead_time(store: Store, build: str | None, release: Release | None) -> Kpi:
    name = "order_to_deployment_time"
    orders = [] if build is None else [one for one in store.find(Order, build=build) if one.kind == "build"]
    if build is None or release is None or not orders:
        return Kpi(name=name, value=None, unit="s", source="no ordered build was deployed")
    deployments = [one for one in store.find(Deployment) if one.release == release.id]
    first = min(one.created_at for one in deployments)
    seconds = (first - store.get(BuildSpec, build).created_at).total_seconds()
    return Kpi(name=name, value=seconds, unit="s", source=f"order to first deployment of build {build}")


def _answered(store: Store, project: str) -> Kpi:
    turns = [turn for turn in store.find(SessionTurn, project=project) if turn.state != "running"]
    if not turns:
        return Kpi(name="answered_steps", value=None, unit="%", source="no session has ended a step")
    answered = sum(1 for turn in turns if turn.state == "answered")
    return Kpi(
        name="answered_steps",
        value=100 * answered / len(turns),
        unit="%",
        n=len(turns),
        source="steps of live sessions that were answered",
    )
