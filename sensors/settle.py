"""How accepted orders end: done, or failed with the reason."""

from dagster import DagsterInstance, DagsterRunStatus

from agent_factory.contracts.build import Order
from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.contracts.release import Deployment, Release
from agent_factory.core.order import move_order
from agent_factory.core.store import Store
from sensors.state import runs_of


def settle(instance: DagsterInstance, store: Store, project: str) -> None:
    """Close the project's accepted orders whose work has ended. Orders without a build are the API's own."""
    for order in store.find(Order, project=project, state="accepted"):
        if order.build is None:
            continue
        if order.kind == "build":
            _settle_build(store, order)
        else:
            _settle_single(instance, store, order)


def _settle_build(store: Store, order: Order) -> None:
    releases = store.find(Release, build=order.build)
    for deployment in store.find(Deployment):
        if deployment.release in {release.id for release in releases}:
            move_order(store, order, "done", f"deployed as {deployment.id}")
            return
    for report in store.find(EvalReport, build=order.build, newest_first=True, limit=1):
        if report.verdict == "FAIL":
            move_order(store, order, "failed", f"the gate said FAIL: {'; '.join(report.reasons)}")


def _settle_single(instance: DagsterInstance, store: Store, order: Order) -> None:
    statuses = {run.status for run in runs_of(instance, order.id)}
    if statuses and statuses <= {DagsterRunStatus.SUCCESS}:
        move_order(store, order, "done", _name_result(store, order))


def _name_result(store: Store, order: Order) -> str | None:
    if order.kind != "dataset":
        return None
    made = [d.id for d in store.find(DatasetManifest, build=order.build) if d.kind == order.request.get("kind")]
    return made[-1] if made else None
