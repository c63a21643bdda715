"""What is made for an order stands beside its build: the build's report, its gate and its stages stay as they are."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from agent_factory.contracts import EvalReport, Order, ScenarioSet, StageRun, TasksetReport
from agent_factory.core.lineup import order_folder
from agent_factory.core.order import place_order
from factory_assets import keys
from factory_assets.definitions import defs
from factory_assets.environment.assets import ordered_rollouts
from factory_assets.evaluation.assets import taskset_report
from factory_assets.partitions import BUILD
from resources.worker import WorkerResource
from sensors.promotion import promote_passed_builds
from tests.unit.evaluation.conftest import Bench, make_bench, make_trace


@pytest.fixture
def bench(tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The build b1 with M1 and a task set ``mine``; a worker that solves everything."""
    made = make_bench(tmp_path)
    made.add_model("M1", "sft")
    mine = made.store.get(ScenarioSet, "b1-eval").model_copy(update={"id": "mine", "digest": "mine"})
    made.store.put(mine)
    made.store.put(mine.model_copy(update={"id": "b1-train", "split": "train"}))
    instance.add_dynamic_partitions(BUILD.name, ["b1"])

    def play(_self: Any, _context: Any, _module: str, arguments: list[str], extras: dict[str, str]) -> None:
        assert arguments == ["order", "--order", extras["order"]]
        traces = [make_trace(scenario, "M1", True) for scenario in made.scenarios]
        made.artifacts.write_traces(f"{order_folder(extras['order'])}/M1.parquet", traces)

    monkeypatch.setattr(WorkerResource, "run", play)
    return made


def order(bench: Bench, kind: Any, **request: str) -> Order:
    return place_order(bench.store, kind, {"build": "b1", **request}, project="default", build="b1")


def make(
    asset: Any, instance: dg.DagsterInstance, resources: dict[str, Any], order_id: str, build: str = "b1"
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [asset],
        partition_key=build,
        instance=instance,
        resources={**resources, "worker": WorkerResource(deadline_seconds=1, store_url="unused", project="default")},
        run_config={"ops": {asset.key.to_python_identifier(): {"config": {"order": order_id}}}},
        raise_on_error=False,
    )


def test_an_ordered_evaluation_touches_neither_report_nor_gate(
    bench: Bench, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    placed = order(bench, "evaluation", scenarios="mine")
    ended = make(taskset_report, instance, resources, placed.id)
    assert ended.success
    (event,) = ended.get_asset_materialization_events()
    told = event.step_materialization_data.materialization.metadata
    assert (told["taskset"].value, told["taskset_digest"].value) == ("mine", "mine")
    assert bench.store.get(TasksetReport, placed.id).score_of("M1").success.value == 1.0
    assert bench.store.find(EvalReport) == []
    assert bench.store.find(StageRun, build="b1") == []
    assert instance.get_materialized_partitions(keys.REPORT) == set()
    context = dg.build_sensor_context(instance=instance, definitions=defs, resources=resources)
    found = promote_passed_builds(context, store=resources["store"])
    assert isinstance(found, dg.SensorResult)
    assert found.run_requests == []


def test_ordered_rollouts_are_no_rollouts_of_the_build(
    bench: Bench, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    placed = order(bench, "rollout")
    ended = make(ordered_rollouts, instance, resources, placed.id)
    assert ended.success
    (event,) = ended.get_asset_materialization_events()
    assert event.step_materialization_data.materialization.metadata["graded"].value == 50
    assert not bench.artifacts.exists("builds/b1/rollouts")
    assert instance.get_materialized_partitions(keys.ROLLOUTS) == set()


def test_an_order_of_another_build_is_refused(
    bench: Bench, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    instance.add_dynamic_partitions(BUILD.name, ["b2"])
    placed = order(bench, "evaluation", scenarios="mine")
    assert not make(taskset_report, instance, resources, placed.id, build="b2").success
    assert bench.store.find(TasksetReport) == []
