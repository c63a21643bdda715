"""``accept_build_orders``: orders that the API or CLI wrote into the store become runs.

Invariants: an order counts as accepted once its run exists in Dagster, so that nothing is lost where
a process ends half-way; run keys make the same order one run however often it is looked at. An order
that cannot be begun yet waits, and says why.
"""

import json
from collections.abc import Mapping

import dagster as dg

from agent_factory.contracts.build import BuildSpec, Order
from agent_factory.core.order import move_order
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from factory_assets import keys
from factory_assets.partitions import BUILD, has_day
from resources.store import StoreResource
from sensors.begin import RunPlan, plan_build, plan_single
from sensors.settle import settle
from sensors.state import ORDER_TAG, PART_TAG, runs_of
from sensors.window import explain_window


@dg.sensor(
    name="accept_build_orders",
    asset_selection=dg.AssetSelection.assets(
        *keys.DAY_DATA,
        *keys.LIGHT_ROOTS,
        keys.BASE_MODEL,
        keys.ORDERED_ROLLOUTS,
        keys.REPORT,
        keys.TASKSET_REPORT,
        keys.RELEASE,
        keys.DEPLOYMENT,
    ),
    minimum_interval_seconds=2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Accepts orders from the API and CLI: builds, datasets, rollouts, evaluations, promotions.",
)
def accept_build_orders(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    records = store.open()
    expected: dict[str, dict[str, int]] = json.loads(context.cursor or "{}")
    settle(context.instance, records, store.project)
    waiting = records.find(Order, project=store.project, state="waiting")
    plans = [_look_at(context, records, order, expected) for order in waiting]
    kept = {order.id: expected[order.id] for order in waiting if order.id in expected}
    builds = sorted({plan.build for plan in plans if plan.build and plan.runs})
    return dg.SensorResult(
        run_requests=[run for plan in plans for run in plan.runs],
        dynamic_partitions_requests=[BUILD.build_add_request(builds)] if builds else None,
        cursor=json.dumps(kept),
    )


def _look_at(
    context: dg.SensorEvaluationContext, store: Store, order: Order, expected: dict[str, dict[str, int]]
) -> RunPlan:
    """The runs that the order needs now; records that it was accepted, refused, or why it waits."""
    begun = [run for run in runs_of(context.instance, order.id) if run.tags[PART_TAG] != "day"]
    if begun:
        move_order(store, order, "accepted")
        return RunPlan()
    spec = None if order.build is None else store.peek(BuildSpec, order.build)
    if spec is None:
        return _refuse(store, order, f"there is no build {order.build!r} in the store: order a build first")
    if order.kind != "build":
        plan = plan_single(store, order, spec)
        return _refuse(store, order, plan.refusal) if plan.refusal else plan
    if spec.lacking():
        return _refuse(store, order, f"build {spec.id!r} lacks the training stages {spec.lacking()}: all are needed")
    counts = expected.setdefault(order.id, _count_traces(store, order.project))
    days = spec.window.days()
    reason = explain_window(context.instance, days, counts)
    if reason is None:
        return plan_build(order, spec)
    if order.reason != reason:
        move_order(store, order, "waiting", reason)
    return RunPlan(runs=_make_empty_days(order, days, counts))


def _refuse(store: Store, order: Order, reason: str) -> RunPlan:
    move_order(store, order, "refused", reason)
    return RunPlan()


def _count_traces(store: Store, project: str) -> dict[str, int]:
    return {arrival.day: arrival.traces for arrival in TraceLog(store).arrivals(project)}


def _make_empty_days(order: Order, days: list[str], counts: Mapping[str, int]) -> tuple[dg.RunRequest, ...]:
    # No traces, so no report of them that would start these days: they are made for the order, empty.
    return tuple(
        dg.RunRequest(
            run_key=f"{order.id}-{day}",
            partition_key=day,
            asset_selection=list(keys.DAY_DATA),
            tags={ORDER_TAG: order.id, PART_TAG: "day"},
        )
        for day in days
        if not counts.get(day) and has_day(day)
    )
