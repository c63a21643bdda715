"""``refresh_days``: days that are to be made again though no trace of them came in.

A person who overrules a decision, or fits new clusters, asks for it in the store. Each request is told
as a new report of the day's ``runtime/traces``, so that everything made of that day follows as it does
after a late trace, and no other day. Invariant: a request is closed only after the tick that told of it
has ended, so that it is told at least once.
"""

import json

import dagster as dg

from agent_factory.contracts.decision import Refresh
from agent_factory.core.refresh import close_refresh, find_refreshes
from agent_factory.core.tracelog import TraceLog
from factory_assets import keys
from factory_assets.partitions import has_day
from resources.store import StoreResource


@dg.sensor(
    name="refresh_days",
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports runtime/traces of a day again when a decision on it was overruled or clusters were refitted.",
)
def refresh_days(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    told = set(json.loads(context.cursor or "[]"))
    records = store.open()
    waiting: list[Refresh] = []
    for request in find_refreshes(records, store.project):
        if request.id in told:
            close_refresh(records, request)
        else:
            waiting.append(request)
    if not waiting:
        return dg.SensorResult(skip_reason="no day waits to be made again", cursor="[]")
    traces = {arrival.day: arrival.traces for arrival in TraceLog(records).arrivals(store.project)}
    return dg.SensorResult(
        asset_events=[_report(request, traces.get(request.day, 0)) for request in waiting if has_day(request.day)],
        cursor=json.dumps([request.id for request in waiting]),
    )


def _report(request: Refresh, traces: int) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=keys.TRACES,
        partition=request.day,
        description=request.reason,
        metadata={"new": 0, "dagster/row_count": traces, "refresh": request.id},
        tags={"dagster/data_version": request.id, keys.REPORTED_BY: "refresh_days"},
    )
