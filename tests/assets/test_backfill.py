"""A month of days at once: a run a day, no more of them at work than the pool has slots, each its own day."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from agent_factory.contracts import Message, Step, Trace
from agent_factory.contracts.stage import StageRun
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from factory_assets import keys
from factory_assets.data.assets import clean_events, events, labels
from factory_assets.data.checks import no_pii, schema
from factory_assets.definitions import defs
from factory_assets.partitions import DAY as DAY_AXIS
from resources.pools import write_pools
from sensors.state import stands_on
from sensors.window import explain_day

CHECKOUT = Path(__file__).parents[2]
MONTH = [f"2026-04-{day:02}" for day in range(1, 31)]
DAY = "2026-03-01"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance that queues runs as dagster.yaml does, and starts none of them."""
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    overrides = {
        "run_coordinator": {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"},
        "run_launcher": {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"},
        "concurrency": {"runs": {"max_concurrent_runs": 3}, "pools": {"granularity": "run"}},
    }
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as instance:
        yield instance


def list_planned_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetCheckKey]:
    """The checks that stand in a run's plan, whether they were chosen or come with its assets."""
    assert run.execution_plan_snapshot_id is not None
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    outputs = [output.properties for step in plan.steps for output in step.outputs]
    return {told.asset_check_key for told in outputs if told is not None and told.asset_check_key is not None}


def test_a_month_is_a_run_a_day_within_the_slots_of_the_pool(queue: dg.DagsterInstance) -> None:
    write_pools(queue)
    graph = defs.get_repository_def().asset_graph
    days = DAY_AXIS.subset_with_partition_keys(MONTH)
    queue.add_backfill(
        PartitionBackfill.from_asset_graph_subset(
            backfill_id="month",
            asset_graph_subset=AssetGraphSubset(partitions_subsets_by_asset_key=dict.fromkeys(keys.DAY_DATA, days)),
            backfill_timestamp=datetime.now(UTC).timestamp(),
            tags={},
            dynamic_partitions_store=queue,
            title=None,
            description=None,
            run_config=None,
        )
    )
    assert all(graph.get(key).backfill_policy is None for key in keys.DAY_DATA), "one day a run"
    target = WorkspaceFileTarget([str(CHECKOUT / "workspace.yaml")])
    with create_test_daemon_workspace_context(target, queue) as workspace:
        assert [error for error in execute_backfill_iteration(workspace, logging.getLogger("backfill")) if error] == []
        runs = queue.get_runs()
        assert sorted(run.tags["dagster/partition"] for run in runs) == MONTH
        assert {frozenset(run.asset_selection or ()) for run in runs} == {frozenset(keys.DAY_DATA)}
        assert all(list_planned_checks(queue, run) == set(keys.DAY_CHECKS) for run in runs)
        assert queue.get_backfill("month").status == BulkActionStatus.REQUESTED
        for _ in range(3):
            list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(workspace))
    at_work = queue.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]))
    assert len(at_work) == 2, "the pool 'data' has two slots, and a slot is left for builds"


def put_trace(store: Store, name: str) -> None:
    start = datetime.fromisoformat(DAY).replace(tzinfo=UTC)
    step = Step(index=0, observation=(), action=Message(role="assistant", content=f"It is {name}."))
    TraceLog(store).add([Trace(id=name, created_at=start, started_at=start, source="import", steps=(step,))])


def test_an_unchanged_day_has_the_same_data_versions(
    store: Store, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    def make(*assets: Any) -> dict[str, Any]:
        ended = dg.materialize([*assets], partition_key=DAY, resources=resources, instance=instance)
        made = ended.get_asset_materialization_events()
        return {event.asset_key.path[-1]: event.materialization.tags["dagster/data_version"] for event in made}

    whole = (events, clean_events, labels, schema, no_pii)
    put_trace(store, "t1")
    first = make(*whole)
    assert make(*whole) == first
    assert explain_day(instance, DAY, 1) is None
    assert make(events, schema) == {"events": first["events"]}
    assert stands_on(instance, keys.CLEAN_EVENTS, keys.EVENTS, DAY)
    assert explain_day(instance, DAY, 1) is None, "events were made again and are what they were"
    put_trace(store, "t2")
    assert make(events, schema)["events"] != first["events"]
    assert not stands_on(instance, keys.CLEAN_EVENTS, keys.EVENTS, DAY)
    assert explain_day(instance, DAY, 2) == f"data/clean_events of {DAY} is not made yet"
    later = make(*whole)
    assert all(later[name] != first[name] for name in first)


@pytest.mark.parametrize("sensor", ["return_traces", "refresh_days", None])
def test_the_days_events_know_who_told_of_its_traces(
    store: Store, resources: dict[str, Any], instance: dg.DagsterInstance, sensor: str | None
) -> None:
    put_trace(store, "t1")
    if sensor is not None:
        tags = {keys.REPORTED_BY: sensor}
        told = dg.AssetMaterialization(asset_key=keys.TRACES, partition=DAY, tags=tags)
        instance.report_runless_asset_event(told)
        other = dg.AssetMaterialization(asset_key=keys.TRACES, partition=MONTH[0], tags={keys.REPORTED_BY: "another"})
        instance.report_runless_asset_event(other)
    dg.materialize([events, schema], partition_key=DAY, resources=resources, instance=instance)
    (stage,) = store.find(StageRun)
    assert stage.measured["reported_by"] == (sensor or "nobody")


def test_the_assets_link_to_the_data_docs_of_their_checks(
    store: Store, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    put_trace(store, "t1")
    ended = dg.materialize([events, schema], partition_key=DAY, resources=resources, instance=instance)
    (made,) = ended.get_asset_materialization_events()
    (check,) = ended.get_asset_check_evaluations()
    linked = {told.metadata["data_docs"].path for told in (made.materialization, check)}
    assert len(linked) == 1
    assert "Expectation" in Path(linked.pop()).read_text()
