"""Two deployments over one store and one artifact root: each works on what is its project's own."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from agent_factory.contracts import BuildSpec, EvalReport, Message, Order, StageRun, Step, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.order import order_build
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from factory_assets.data.assets import clean_events, events, labels
from factory_assets.data.checks import no_pii, schema
from factory_assets.definitions import defs
from resources.store import StoreResource
from sensors.order import accept_build_orders

DAY = "2026-03-01"


def test_a_day_of_one_project_leaves_the_others_as_it_is(store: Store, resources: dict[str, Any]) -> None:
    start = datetime.fromisoformat(DAY).replace(tzinfo=UTC)
    artifacts: Artifacts = resources["artifacts"].open()
    for project, count in (("plant", 2), ("shop", 1)):
        said = [Message(role="assistant", content=f"{project} {number}") for number in range(count)]
        TraceLog(store).add(
            [
                Trace(
                    id=f"t{number}",
                    project=project,
                    created_at=start,
                    started_at=start,
                    source="production",
                    steps=(Step(index=0, observation=(), action=action),),
                )
                for number, action in enumerate(said)
            ]
        )
        own = StoreResource(url=store.url, project=project)
        ended = dg.materialize(
            [events, clean_events, labels, schema, no_pii], partition_key=DAY, resources={**resources, "store": own}
        )
        assert [check.passed for check in ended.get_asset_check_evaluations()] == [True, True]
    for project, count in (("plant", 2), ("shop", 1)):
        for name in ("events", "clean_events", "labels", "decisions"):
            assert artifacts.read_table(f"projects/{project}/days/{DAY}/{name}.parquet").num_rows == count
        stages = {run.id for run in store.find(StageRun, project=project)}
        assert stages == {f"{DAY}.{project}.data.{thing}" for thing in ("events", "clean_events", "labels")}


def test_another_projects_order_is_left_alone(
    store: Store,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
    add_build: Callable[..., BuildSpec],
    make_report: Callable[..., EvalReport],
) -> None:
    order = order_build(store, add_build("b1").model_copy(update={"id": "b2", "project": "shop"}))
    store.put(order.model_copy(update={"state": "accepted"}), replace=True)
    store.put(make_report("b2", "FAIL").model_copy(update={"project": "shop"}))
    accept_build_orders(dg.build_sensor_context(instance=instance, definitions=defs), store=resources["store"])
    assert store.get(Order, order.id).state == "accepted"
