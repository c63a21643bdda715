"""An order's state follows the newest runs of what it asked for, whoever started them."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from agent_factory.contracts import BuildSpec, DatasetManifest, Deployment, EvalReport, Order, Release
from agent_factory.core.order import order_build, place_order
from agent_factory.core.store import Store
from factory_assets import keys
from factory_assets.definitions import defs
from sensors.failure import tell_on_failure
from sensors.settle import settle
from sensors.state import ORDER_TAG, PART_TAG, find_broken
from tests.assets.conftest import NOW

S = dg.DagsterRunStatus


class Desk:
    """Runs of a build in an instance, and an order that is looked at as the sensors do."""

    def __init__(self, store: Store, instance: dg.DagsterInstance, resources: dict[str, Any]) -> None:
        self.store, self.instance, self.resources = store, instance, resources

    def run(self, *assets: dg.AssetKey, status: dg.DagsterRunStatus, again: Any = None, **tags: str) -> dg.DagsterRun:
        """A run that got there; ``again`` is the run that it is a second execution of."""
        job = defs.resolve_implicit_global_asset_job_def()
        made = self.instance.create_run_for_job(
            job,
            tags={"dagster/partition": "b1", **(again.tags if again else {}), **tags},
            asset_selection=set(assets or again.asset_selection),
            parent_run_id=again.run_id if again else None,
            root_run_id=(again.root_run_id or again.run_id) if again else None,
            status=S.STARTED,
        )
        if status == S.FAILURE:
            self.instance.report_run_failed(made, "it broke")
        elif status == S.CANCELED:
            self.instance.report_run_canceled(made)
        elif status == S.SUCCESS:
            self.finish(made)
        return made

    def finish(self, run: dg.DagsterRun) -> None:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name)
        self.instance.report_dagster_event(event, run.run_id)

    def tell(self, run: dg.DagsterRun) -> None:
        """What ``tell_on_failure`` does when it is told of the run."""
        records = self.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
        context = dg.build_run_status_sensor_context(
            sensor_name="tell_on_failure",
            dagster_instance=self.instance,
            dagster_run=self.instance.get_run_by_id(run.run_id) or run,
            dagster_event=records[0].event_log_entry.get_dagster_event(),
            resources=self.resources,
        ).for_run_failure()
        tell_on_failure(context)

    def state(self, order: Order) -> str:
        settle(self.instance, self.store, "default")
        return self.store.get(Order, order.id).state


@pytest.fixture
def desk(
    store: Store, instance: dg.DagsterInstance, resources: dict[str, Any], add_build: Callable[..., BuildSpec]
) -> Desk:
    add_build("b1")
    return Desk(store, instance, resources)


@pytest.fixture
def build_order(desk: Desk) -> Order:
    return accept(desk.store, order_build(desk.store, desk.store.get(BuildSpec, "b1")))


@pytest.fixture
def single(desk: Desk) -> Order:
    request = {"kind": "sft", "build": "b1"}
    return accept(desk.store, place_order(desk.store, "dataset", request, project="default", build="b1"))


def accept(store: Store, order: Order) -> Order:
    accepted = order.model_copy(update={"state": "accepted"})
    store.put(accepted, replace=True)
    return accepted


def tags_of(order: Order, part: str = "dataset") -> dict[str, str]:
    return {ORDER_TAG: order.id, PART_TAG: part}


class TestAnOrderOfOneRun:
    def test_follows_the_run_that_was_executed_again(self, desk: Desk, single: Order) -> None:
        broken = desk.run(keys.SCENARIOS, keys.SFT_DATASET, status=S.FAILURE, **tags_of(single))
        desk.tell(broken)
        assert desk.state(single) == "failed"
        again = desk.run(keys.SFT_DATASET, status=S.STARTED, again=broken)  # from the step that failed
        assert desk.state(single) == "accepted"
        desk.finish(again)
        assert desk.state(single) == "done"

    def test_fails_again_with_the_second_execution(self, desk: Desk, single: Order) -> None:
        broken = desk.run(keys.SFT_DATASET, status=S.FAILURE, **tags_of(single))
        desk.tell(broken)
        again = desk.run(status=S.STARTED, again=broken)
        assert desk.state(single) == "accepted"
        desk.instance.report_run_failed(again, "broken again")
        desk.tell(again)
        found = desk.store.get(Order, single.id)
        assert (found.state, again.run_id in (found.reason or "")) == ("failed", True)
        assert desk.state(single) == "failed"

    def test_a_failure_that_is_told_late_does_not_fail_it(self, desk: Desk, single: Order) -> None:
        broken = desk.run(keys.SFT_DATASET, status=S.FAILURE, **tags_of(single))
        desk.run(status=S.STARTED, again=broken)
        desk.tell(broken)
        assert desk.store.get(Order, single.id).state == "accepted"

    def test_its_failure_is_not_the_builds(self, desk: Desk, single: Order, build_order: Order) -> None:
        desk.tell(desk.run(keys.SFT_DATASET, status=S.FAILURE, **tags_of(single)))
        assert (desk.state(single), desk.state(build_order)) == ("failed", "accepted")

    def test_names_the_dataset_that_was_made(self, desk: Desk, single: Order) -> None:
        facts: dict[str, Any] = {"rows": 1, "digest": "d", "path": "p", "columns": (), "trace_count": 1, "query": {}}
        made = DatasetManifest(id="D7", created_at=NOW, kind="sft", build="b1", code_version="1", **facts)
        desk.store.put(made)
        desk.run(keys.SFT_DATASET, status=S.SUCCESS, **tags_of(single))
        assert desk.state(single) == "done"
        assert desk.store.get(Order, single.id).reason == "dataset D7"

    def test_a_run_that_was_cancelled_fails_it(self, desk: Desk, single: Order) -> None:
        desk.run(keys.SFT_DATASET, status=S.CANCELED, **tags_of(single))
        assert desk.state(single) == "failed"
        assert "cancelled" in (desk.store.get(Order, single.id).reason or "")


class TestABuild:
    def test_is_taken_up_by_the_stage_that_was_made_again_and_done_when_it_serves(
        self, desk: Desk, build_order: Order, make_report: Callable[..., EvalReport]
    ) -> None:
        broken = desk.run(keys.SFT_MODEL, status=S.FAILURE)
        desk.tell(broken)
        assert desk.state(build_order) == "failed"
        desk.run(keys.AGENT_COST, status=S.FAILURE)
        desk.run(keys.SFT_MODEL, status=S.SUCCESS)  # by hand, from the asset's page
        assert desk.state(build_order) == "accepted"
        serve(desk.store, make_report("b1", "PASS"))
        assert desk.state(build_order) == "done"

    def test_stays_failed_while_something_of_it_is_broken(self, desk: Desk, build_order: Order) -> None:
        desk.tell(desk.run(keys.BASE_MODEL, status=S.FAILURE))
        desk.run(*keys.LIGHT_ROOTS, status=S.SUCCESS)
        assert desk.state(build_order) == "failed"

    def test_stays_failed_after_the_gate_though_its_costs_were_told(
        self, desk: Desk, build_order: Order, make_report: Callable[..., EvalReport]
    ) -> None:
        desk.store.put(make_report("b1", "FAIL"))
        desk.tell(desk.run(keys.REPORT, status=S.FAILURE))
        desk.run(keys.AGENT_COST, status=S.SUCCESS)
        assert desk.state(build_order) == "failed"
        desk.run(keys.REPORT, status=S.STARTED)
        assert desk.state(build_order) == "failed", "the report that stands says FAIL"
        desk.store.put(make_report("b1", "PASS"), replace=True)
        assert desk.state(build_order) == "accepted"

    def test_tells_the_gates_reasons_as_sentences(
        self, desk: Desk, build_order: Order, make_report: Callable[..., EvalReport]
    ) -> None:
        reasons = ("M3 solves 12 %, 55 % are asked.", "Success within L1: 3 %.")
        desk.store.put(make_report("b1", "FAIL").model_copy(update={"reasons": reasons}))
        assert desk.state(build_order) == "failed"
        told = desk.store.get(Order, build_order.id).reason
        assert told == "the gate said FAIL: M3 solves 12 %, 55 % are asked. Success within L1: 3 %."

    def test_serves_though_a_part_of_it_is_broken(
        self, desk: Desk, build_order: Order, make_report: Callable[..., EvalReport]
    ) -> None:
        desk.tell(desk.run(*keys.LIGHT_ROOTS, status=S.FAILURE))
        desk.run(keys.SFT_DATASET, status=S.SUCCESS)
        assert desk.state(build_order) == "failed"
        serve(desk.store, make_report("b1", "PASS"))
        assert desk.state(build_order) == "done"

    def test_whose_run_was_cancelled_fails_until_that_is_made_again(self, desk: Desk, build_order: Order) -> None:
        run = desk.run(keys.SFT_MODEL, status=S.CANCELED)
        assert desk.state(build_order) == "failed"
        assert desk.store.get(Order, build_order.id).reason == f"cancelled: {run.run_id}"
        desk.run(keys.SFT_MODEL, status=S.STARTED)
        assert desk.state(build_order) == "accepted"

    def test_a_deployment_to_another_agent_is_not_its_end(
        self, desk: Desk, build_order: Order, make_report: Callable[..., EvalReport]
    ) -> None:
        serve(desk.store, make_report("b1", "PASS"))
        own = desk.store.get(Deployment, "d")
        desk.store.put(own.model_copy(update={"agent": "another"}), replace=True)
        assert desk.state(build_order) == "accepted"
        desk.store.put(own, replace=True)
        assert desk.state(build_order) == "done"


def test_a_run_that_dagster_tries_again_is_not_broken(desk: Desk) -> None:
    run = desk.run(keys.SFT_MODEL, status=S.FAILURE)
    assert [one.run_id for one in find_broken(desk.instance.get_runs())] == [run.run_id]
    desk.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    assert find_broken(desk.instance.get_runs()) == []


def serve(store: Store, report: EvalReport) -> None:
    store.put(report)
    fields = {"model_digest": "d", "system_prompt": "", "openapi_digest": "", "tools": (), "memory_schema": {}}
    store.put(Release(id="r", created_at=NOW, build="b1", recipe="support_desk", model="M3", report="x", **fields))
    store.put(
        Deployment(
            id="d",
            created_at=NOW,
            agent="support_desk",
            release="r",
            model="M3",
            traffic=1,
            state="serving",
            updated_at=NOW,
        )
    )
