"""The sensors, each looked at with an instance and a store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from agent_factory.contracts import BuildSpec, EvalReport, ModelManifest, Order, ScenarioSet, Trace
from agent_factory.core import clock
from agent_factory.core.order import order_build, place_order
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from factory_assets import keys
from factory_assets.definitions import defs
from sensors import trace as trace_module
from sensors.automation import close_day
from sensors.order import accept_build_orders
from sensors.state import ORDER_TAG
from sensors.trace import Cursor, read_bounds, return_traces
from tests.assets.conftest import NOW, tell_failure

DAY_ONE = "2026-03-01"


def add_traces(store: Store, count: int, prefix: str = "t", day: str = DAY_ONE) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    TraceLog(store).add(
        [
            Trace(id=f"{prefix}{n}", created_at=clock.now(), started_at=start, source="import", steps=())
            for n in range(count)
        ]
    )


def look(sensor: Any, instance: dg.DagsterInstance, resources: dict[str, Any], cursor: str | None = None) -> Any:
    context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
    return sensor(context, store=resources["store"])


@pytest.fixture
def finish_day(tell: Any) -> Callable[..., None]:
    def finish(rows: int, *, passed: bool = True) -> None:
        for key in keys.DAY_DATA:
            tell.materialized(key, DAY_ONE, {"dagster/row_count": rows})
        for check in keys.DAY_CHECKS:
            tell.checked(check, DAY_ONE, passed=passed)

    return finish


@pytest.fixture
def order(store: Store, add_build: Callable[..., BuildSpec]) -> Order:
    add_traces(store, 3)
    return order_build(store, add_build("b1"))


class TestAcceptBuildOrders:
    def test_waits_with_a_reason_until_the_days_are_made(
        self,
        order: Order,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        finish_day: Callable[..., None],
    ) -> None:
        assert not look(accept_build_orders, instance, resources).run_requests
        assert "is not made yet" in (store.get(Order, order.id).reason or "")
        finish_day(rows=2)
        assert not look(accept_build_orders, instance, resources).run_requests
        assert "2 of 3 traces" in (store.get(Order, order.id).reason or "")

    def test_waits_where_a_check_failed(
        self,
        order: Order,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        finish_day: Callable[..., None],
    ) -> None:
        finish_day(rows=3, passed=False)
        assert not look(accept_build_orders, instance, resources).run_requests
        assert "check 'schema' of data/events is failed" in (store.get(Order, order.id).reason or "")
        assert store.get(Order, order.id).state == "waiting"

    def test_begins_with_two_runs_and_is_accepted_once_they_exist(
        self,
        order: Order,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        finish_day: Callable[..., None],
    ) -> None:
        finish_day(rows=3)
        found = look(accept_build_orders, instance, resources)
        assert [set(run.asset_selection) for run in found.run_requests] == [set(keys.LIGHT_ROOTS), {keys.BASE_MODEL}]
        assert {run.partition_key for run in found.run_requests} == {"b1"}
        assert len({run.run_key for run in found.run_requests}) == 2
        assert store.get(Order, order.id).state == "waiting"
        job = defs.resolve_implicit_global_asset_job_def()
        begun = found.run_requests[0]
        instance.create_run_for_job(job, tags=dict(begun.tags), asset_selection=set(begun.asset_selection))
        assert not look(accept_build_orders, instance, resources).run_requests
        assert store.get(Order, order.id).state == "accepted"

    def test_a_day_without_traces_is_made_for_the_order(
        self,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        add_build: Callable[..., BuildSpec],
    ) -> None:
        order_build(store, add_build("b1"))
        found = look(accept_build_orders, instance, resources)
        assert [(run.partition_key, tuple(run.asset_selection)) for run in found.run_requests] == [
            (DAY_ONE, keys.DAY_DATA)
        ]

    def test_refuses_a_build_that_lacks_a_stage(
        self,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        add_build: Callable[..., BuildSpec],
    ) -> None:
        order = order_build(store, add_build("b1", kinds=("pretrain", "sft")))
        look(accept_build_orders, instance, resources)
        found = store.get(Order, order.id)
        assert found.state == "refused"
        assert "reward" in (found.reason or "")

    @pytest.mark.parametrize("kind", ["rollout", "evaluation", "promotion"])
    def test_refuses_what_has_no_inputs(
        self,
        kind: Any,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        add_build: Callable[..., BuildSpec],
    ) -> None:
        add_build("b1")
        order = place_order(store, kind, {"build": "b1"}, project="default", build="b1")
        assert not look(accept_build_orders, instance, resources).run_requests
        assert store.get(Order, order.id).state == "refused"
        assert store.get(Order, order.id).reason

    def test_a_promotion_order_is_refused_after_fail_and_run_after_pass(
        self,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        add_build: Callable[..., BuildSpec],
        make_report: Callable[..., EvalReport],
    ) -> None:
        for build, verdict in (("bad", "FAIL"), ("good", "PASS")):
            add_build(build)
            store.put(make_report(build, verdict))
            place_order(store, "promotion", {"build": build, "agent": "desk"}, project="default", build=build)
        runs = look(accept_build_orders, instance, resources).run_requests
        assert [(run.partition_key, run.tags["agent-factory/agent"]) for run in runs] == [("good", "desk")]
        assert [order.reason for order in store.find(Order, build="bad", state="refused")]

    def test_episodes_are_a_run_of_the_orders_own(
        self,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        add_build: Callable[..., BuildSpec],
    ) -> None:
        add_build("b1")
        for name, stage in (("M1", "sft"), ("M3", "policy")):
            facts: dict[str, Any] = {"recipe": "support_desk", "build": "b1", "path": name, "digest": name}
            store.put(ModelManifest(id=name, created_at=NOW, stage=stage, parameters=1, **facts))
        for name, split in (("b1-train", "train"), ("b1-eval", "eval"), ("mine", "eval")):
            store.put(
                ScenarioSet(
                    id=name,
                    created_at=NOW,
                    recipe="support_desk",
                    split=split,
                    seed=1,
                    count=5,
                    per_level={},
                    path="p",
                    digest="d",
                )
            )
        orders = [
            place_order(store, kind, request, project="default", build="b1")
            for kind, request in (
                ("rollout", {"build": "b1"}),
                ("evaluation", {"build": "b1", "scenarios": "mine"}),
                ("evaluation", {"build": "b1"}),
            )
        ]
        runs = {run.tags[ORDER_TAG]: run for run in look(accept_build_orders, instance, resources).run_requests}
        found = [(runs[one.id].asset_selection, runs[one.id].run_config.get("ops")) for one in orders]
        assert found == [
            ([keys.ORDERED_ROLLOUTS], {"environment__ordered_rollouts": {"config": {"order": orders[0].id}}}),
            ([keys.TASKSET_REPORT], {"evaluation__taskset_report": {"config": {"order": orders[1].id}}}),
            ([keys.REPORT], None),
        ]

    def test_a_failed_gate_closes_the_order(
        self,
        order: Order,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        make_report: Callable[..., EvalReport],
    ) -> None:
        store.put(order.model_copy(update={"state": "accepted"}), replace=True)
        store.put(make_report("b1", "FAIL"))
        look(accept_build_orders, instance, resources)
        found = store.get(Order, order.id)
        assert (found.state, "the gate said FAIL" in (found.reason or "")) == ("failed", True)


class TestReturnTraces:
    def test_reports_once_the_stream_has_paused(
        self, store: Store, instance: dg.DagsterInstance, resources: dict[str, Any]
    ) -> None:
        count = read_bounds().count
        add_traces(store, count)
        first = look(return_traces, instance, resources)
        assert not first.asset_events
        second = look(return_traces, instance, resources, first.cursor)
        assert [(event.partition, event.metadata["dagster/row_count"].value) for event in second.asset_events] == [
            (DAY_ONE, count)
        ]
        assert Cursor.model_validate_json(second.cursor).reported == count
        assert not look(return_traces, instance, resources, second.cursor).asset_events

    def test_reports_what_has_waited_long_enough_while_more_comes(
        self, store: Store, instance: dg.DagsterInstance, resources: dict[str, Any]
    ) -> None:
        add_traces(store, 1)
        old = clock.now() - timedelta(seconds=read_bounds().age_seconds)
        found = look(return_traces, instance, resources, Cursor(since=old).model_dump_json())
        assert [event.partition for event in found.asset_events] == [DAY_ONE]

    def test_a_day_that_has_not_begun_is_reported_when_it_has(
        self,
        store: Store,
        instance: dg.DagsterInstance,
        resources: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        count = read_bounds().count
        add_traces(store, count)
        with monkeypatch.context() as before_midnight:
            before_midnight.setattr(trace_module, "has_day", lambda day: day < DAY_ONE)
            first = look(return_traces, instance, resources)
            second = look(return_traces, instance, resources, first.cursor)
            assert second.asset_events == []
            assert Cursor.model_validate_json(second.cursor).early == (DAY_ONE,)
            third = look(return_traces, instance, resources, second.cursor)
            assert not third.asset_events
        fourth = look(return_traces, instance, resources, third.cursor)
        assert [(event.partition, event.metadata["dagster/row_count"].value) for event in fourth.asset_events] == [
            (DAY_ONE, count)
        ]
        assert not look(return_traces, instance, resources, fourth.cursor).asset_events

    def test_days_outside_the_partitions_make_no_data(
        self, store: Store, instance: dg.DagsterInstance, resources: dict[str, Any]
    ) -> None:
        add_traces(store, read_bounds().count, day="1999-01-01")
        first = look(return_traces, instance, resources)
        second = look(return_traces, instance, resources, first.cursor)
        assert second.asset_events == []
        assert Cursor.model_validate_json(second.cursor).reported > 0


def test_tell_on_failure_marks_the_order(order: Order, store: Store, resources: dict[str, Any]) -> None:
    store.put(order.model_copy(update={"state": "accepted"}), replace=True)

    @dg.op
    def break_down() -> None:
        raise ValueError("the disk is full")

    @dg.job(tags={"dagster/partition": "b1", ORDER_TAG: order.id})
    def broken() -> None:
        break_down()

    with dg.instance_for_test() as instance:
        ended = broken.execute_in_process(instance=instance, raise_on_error=False)
        tell_failure(instance, ended, resources)
    found = store.get(Order, order.id)
    assert found.state == "failed"
    assert "the disk is full" in (found.reason or "")


def test_close_day_asks_for_the_day_that_ended() -> None:
    at = datetime(2026, 3, 5, 0, 15, tzinfo=UTC)
    found = close_day(dg.build_schedule_context(scheduled_execution_time=at))
    assert isinstance(found, dg.RunRequest)
    assert found.partition_key == "2026-03-04"
