"""What the Dagster instance knows of a partition: what stands, whether its checks passed on that, what broke.

Invariant: a check counts only for the materialization that it looked at; an older pass says nothing.
"""

from collections.abc import Sequence

import dagster as dg
from dagster import AssetCheckKey, AssetKey, DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

ORDER_TAG = "agent-factory/order"
PART_TAG = "agent-factory/part"
PARTITION_TAG = "dagster/partition"
ATTEMPT_TAG = "agent-factory/attempt"
"""Run tag of a promotion: the number of the attempt, from 1."""
WILL_RETRY_TAG = "dagster/will_retry"
"""Run tag of Dagster's own: a run that was killed is tried again."""


def newest(instance: DagsterInstance, key: AssetKey, partition: str) -> int | None:
    """The storage id of the partition's last materialization, or None."""
    found = instance.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION, {partition})
    return found.get(partition)


def count_rows(instance: DagsterInstance, key: AssetKey, partition: str) -> int | None:
    """The rows that the partition's last materialization tells of, or None where nothing stands."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition]), limit=1
    ).records
    if not records or records[0].asset_materialization is None:
        return None
    value = records[0].asset_materialization.metadata.get("dagster/row_count")
    return None if value is None else int(value.value)  # pyright: ignore[reportArgumentType]


def explain_check(instance: DagsterInstance, key: AssetCheckKey, partition: str) -> str | None:
    """Why the check does not stand as passed on what is there now; None if it does."""
    found = instance.event_log_storage.get_asset_check_partition_info([key], partition_keys=[partition])
    name = f"check {key.name!r} of {key.asset_key.to_user_string()}"
    if not found:
        return f"{name} has not run for {partition}"
    if found[0].latest_execution_status != AssetCheckExecutionRecordStatus.SUCCEEDED:
        return f"{name} is {found[0].latest_execution_status.value.lower()} for {partition}"
    if not found[0].is_current:
        return f"{name} has not looked at the newest {partition}"
    return None


def runs_of(instance: DagsterInstance, order: str) -> list[dg.DagsterRun]:
    """The runs that were started for an order, newest first."""
    return list(instance.get_runs(dg.RunsFilter(tags={ORDER_TAG: order})))


def find_broken(runs: Sequence[dg.DagsterRun]) -> list[dg.DagsterRun]:
    """Of the runs, newest first, those that failed or were cancelled and that no newer ones have taken up.

    A run is taken up where it was executed again, or where newer runs make all of its assets.
    """
    broken: list[dg.DagsterRun] = []
    taken_up: set[AssetKey] = set()
    executed_again: set[str] = set()
    for run in runs:
        ended = run.status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
        first, assets = run.root_run_id or run.run_id, set(run.asset_selection or ())
        mended = first in executed_again or (assets and assets <= taken_up)
        if ended and run.tags.get(WILL_RETRY_TAG) != "true" and not mended:
            broken.append(run)
        taken_up |= assets
        executed_again.add(first)
    return broken
