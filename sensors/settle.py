"""How accepted orders end: done, or failed with the reason; and how one that failed is taken up again.

Invariant: an order's state follows the newest runs of what it asked for, whoever started them: one
that failed is accepted again once a newer run has taken up whatever had failed.
"""

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus

from agent_factory.contracts.build import BuildSpec, Order, OrderState
from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.core.order import move_order
from agent_factory.core.store import Store
from agent_factory.runtime.end import find_end
from factory_assets import keys
from sensors.state import PART_TAG, PARTITION_TAG, find_broken, runs_of

_NEWEST = 25


def settle(instance: DagsterInstance, store: Store, project: str) -> None:
    """Bring the project's orders to where their work is. Orders without a build are the API's own."""
    _reopen(instance, store, project)
    for order in store.find(Order, project=project, state="accepted"):
        ended = None if order.build is None else _find_end(instance, store, order)
        if ended is not None:
            move_order(store, order, *ended)


def _reopen(instance: DagsterInstance, store: Store, project: str) -> None:
    """Accept again what failed and of which nothing is broken any more."""
    failed = [order for order in store.find(Order, project=project, state="failed") if order.build is not None]
    # What takes an order up is a new run, so that only what the newest runs are about can have changed.
    touched = {run.tags.get(PARTITION_TAG) for run in instance.get_runs(limit=_NEWEST)} if failed else set()
    for order in failed:
        if order.build not in touched:
            continue
        ended = _find_end(instance, store, order)
        if ended is None and not find_broken(_runs_since(instance, order)):
            move_order(store, order, "accepted")
        elif ended is not None and ended[0] == "done":
            move_order(store, order, *ended)


def _runs_since(instance: DagsterInstance, order: Order) -> list[dg.DagsterRun]:
    """The runs that the order's state depends on, newest first."""
    if order.kind != "build":
        return runs_of(instance, order.id)
    wanted = dg.RunsFilter(tags={PARTITION_TAG: str(order.build)}, created_after=order.created_at)
    return [run for run in instance.get_runs(wanted) if not set(run.asset_selection or ()) <= keys.ASIDE]


def _find_end(instance: DagsterInstance, store: Store, order: Order) -> tuple[OrderState, str | None] | None:
    """The state in which the order ended and what is to be said of it; None while it is at work."""
    if order.kind == "build":
        return _find_end_of_build(store, order) or _find_cancelled(instance, order)
    newest = {run.tags[PART_TAG]: run for run in reversed(runs_of(instance, order.id))}
    if any(run.status == DagsterRunStatus.CANCELED for run in newest.values()):
        return "failed", f"cancelled: {', '.join(run.run_id for run in newest.values())}"
    if newest and all(run.status == DagsterRunStatus.SUCCESS for run in newest.values()):
        return "done", _name_result(store, order)
    return None


def _find_cancelled(instance: DagsterInstance, order: Order) -> tuple[OrderState, str | None] | None:
    """What is to be said where somebody ended a run of the build that no newer one has taken up."""
    broken = find_broken(_runs_since(instance, order))
    ended = [run.run_id for run in broken if run.status == DagsterRunStatus.CANCELED]
    return ("failed", f"cancelled: {', '.join(ended)}") if ended else None


def _find_end_of_build(store: Store, order: Order) -> tuple[OrderState, str | None] | None:
    spec = store.peek(BuildSpec, str(order.build), order.project)
    end = None if spec is None else find_end(store, spec)
    if end is None:
        return None
    if end.deployment is None:
        return "failed", f"the gate said FAIL: {' '.join(end.report.reasons)}"
    return "done", f"deployed as {end.deployment.id}"


def _name_result(store: Store, order: Order) -> str | None:
    """Where what was ordered is to be found."""
    if order.kind == "evaluation":
        return f"report {order.id if order.request.get('scenarios') else order.build}"
    if order.kind != "dataset":
        return None
    made = [d.id for d in store.find(DatasetManifest, build=order.build) if d.kind == order.request.get("kind")]
    return f"dataset {made[-1]}" if made else None
