"""What the Dagster instance knows of a partition: what stands, whether its checks passed on that, what broke.

Invariant: a check counts only for the materialization that it looked at; an older pass says nothing.
"""

from collections.abc import Mapping, Sequence

import dagster as dg
from dagster import AssetCheckKey, AssetKey, DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

ORDER_TAG = "agent-factory/order"
PART_TAG = "agent-factory/part"
PARTITION_TAG = "dagster/partition"
ATTEMPT_TAG = "agent-factory/attempt"
"""Run tag of a promotion: the number of the attempt, from 1."""
DATA_VERSION_TAG = "dagster/data_version"
WILL_RETRY_TAG = "dagster/will_retry"
"""Run tag of Dagster's own: a run that was killed is tried again."""


def newest(instance: DagsterInstance, key: AssetKey, partition: str) -> int | None:
    """The storage id of the partition's last materialization, or None."""
    found = instance.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION, {partition})
    return found.get(partition)


def stands_on(instance: DagsterInstance, key: AssetKey, before: AssetKey, partition: str) -> bool:
    """Whether ``key`` was made from what ``before`` is: made after it, or from the data version that it has again."""
    made, origin = newest(instance, key, partition), newest(instance, before, partition)
    if made is None or origin is None:
        return False
    pointer = _tags_of(instance, key, made).get(f"dagster/input_event_pointer/{before.to_user_string()}", "")
    if made > origin or not pointer.isdigit():
        return made > origin
    read = _tags_of(instance, before, int(pointer)).get(DATA_VERSION_TAG)
    return read is not None and read == _tags_of(instance, before, origin).get(DATA_VERSION_TAG)


def _tags_of(instance: DagsterInstance, key: AssetKey, storage_id: int) -> Mapping[str, str]:
    """The tags of a materialization."""
    wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=[storage_id])
    records = instance.fetch_materializations(wanted, limit=1).records
    made = records[0].asset_materialization if records else None
    return {} if made is None else made.tags or {}


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
