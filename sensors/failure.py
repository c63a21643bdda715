"""``tell_on_failure``: a run that failed is told where people look: the log, and the build's order.

A run that Dagster tries again (its process was killed), or that a newer run has taken up, fails no
order. A promotion that is to be attempted again gives its order the reason, and fails it only with the
last attempt.
"""

import dagster as dg

from agent_factory.contracts.build import Order
from agent_factory.contracts.check import CheckRun
from agent_factory.contracts.stage import StageRun
from agent_factory.core.order import move_order
from agent_factory.core.store import Store
from factory_assets import keys
from resources.store import StoreResource
from sensors.promotion import is_last_attempt
from sensors.state import ATTEMPT_TAG, ORDER_TAG, PARTITION_TAG, WILL_RETRY_TAG, find_broken


@dg.run_failure_sensor(
    name="tell_on_failure",
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks the order of a failed run as failed, with the step and its message.",
)
def tell_on_failure(context: dg.RunFailureSensorContext, store: StoreResource) -> None:
    run = context.dagster_run
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return
    partition = run.tags.get(PARTITION_TAG)
    records = store.open()
    reason = _tell_attempt(run) + describe_failure(context, records, partition)
    context.log.error(f"run {run.run_id} of {partition!r} failed: {reason}")
    if run.asset_selection and set(run.asset_selection) <= keys.ASIDE:
        return
    if _is_taken_up(context, run, partition):
        return
    for order in _orders_of(records, partition, run.tags.get(ORDER_TAG)):
        move_order(records, order, "failed" if is_last_attempt(run) else order.state, reason)


def _tell_attempt(run: dg.DagsterRun) -> str:
    if ATTEMPT_TAG not in run.tags:
        return ""
    what_next = "the last one" if is_last_attempt(run) else "it is made again"
    return f"attempt {run.tags[ATTEMPT_TAG]} to promote failed, {what_next}: "


def describe_failure(context: dg.RunFailureSensorContext, store: Store, build: str | None) -> str:
    """What failed: a stage's or check's own record where it wrote one in this run, else the step's message."""
    run_id = context.dagster_run.run_id
    record = context.instance.get_run_record_by_id(run_id)
    began = 0.0 if record is None or record.start_time is None else record.start_time
    stages = store.find(StageRun, build=build, state="failed") if build else []
    checks = store.find(CheckRun, build=build, state="failed") if build else []
    told = [f"{s.factory}/{s.stage}: {s.error}" for s in stages if s.updated_at.timestamp() >= began]
    told += [str(check) for check in checks if check.created_at.timestamp() >= began]
    steps = [_innermost(event) for event in context.get_step_failure_events()]
    reasons = told or steps or [context.failure_event.message or "no message"]
    return f"{reasons[-1]} (run {run_id})"


def _innermost(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else 'no message'}"


def _is_taken_up(context: dg.RunFailureSensorContext, run: dg.DagsterRun, partition: str | None) -> bool:
    runs = context.instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: partition})) if partition else []
    return run.run_id in {one.run_id for one in runs} - {one.run_id for one in find_broken(runs)}


def _orders_of(store: Store, build: str | None, order: str | None) -> list[Order]:
    """The order that the run was started for, or where that is a build, or none, those of the build."""
    if build is None:
        return []
    found = store.find(Order, build=build, state="accepted") + store.find(Order, build=build, state="waiting")
    named = None if order is None else store.peek(Order, order)
    if named is not None and named.kind != "build":
        return [one for one in found if one.id == named.id]
    return [one for one in found if one.kind == "build"]
