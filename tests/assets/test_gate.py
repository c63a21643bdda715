"""The gate stands three times: a build that failed it releases nothing, whoever presses what."""

from collections.abc import Callable
from typing import Any

import dagster as dg

from agent_factory.contracts import BuildSpec, EvalReport, Release
from agent_factory.core.error import ConflictError
from agent_factory.core.store import Store
from factory_assets import keys
from factory_assets.definitions import defs
from factory_assets.evaluation.checks import gate
from factory_assets.partitions import BUILD
from factory_assets.runtime.assets import deployment, release
from sensors.promotion import promote_passed_builds


@dg.asset(key=keys.REPORT, partitions_def=BUILD)
def told_report() -> None:
    """A report that was made: its record is in the store already."""


def judge(build: str, instance: dg.DagsterInstance, resources: dict[str, Any]) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [told_report, gate], partition_key=build, instance=instance, resources=resources, raise_on_error=False
    )


def promote(instance: dg.DagsterInstance, resources: dict[str, Any]) -> list[str | None]:
    context = dg.build_sensor_context(instance=instance, definitions=defs, resources=resources)
    found = promote_passed_builds(context, store=resources["store"])
    assert isinstance(found, dg.SensorResult)
    return [run.partition_key for run in found.run_requests or []]


def test_a_failed_build_is_not_released_by_hand(
    store: Store,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
    add_build: Callable[..., BuildSpec],
    make_report: Callable[..., EvalReport],
) -> None:
    add_build("bad")
    store.put(make_report("bad", "FAIL"))
    ended = dg.materialize(
        [release, deployment], partition_key="bad", instance=instance, resources=resources, raise_on_error=False
    )
    assert not ended.success
    failure = ended.failure_data_for_node("runtime__release")
    assert failure is not None
    assert failure.error is not None
    assert ConflictError.__name__ in str(failure.error)
    assert "FAIL" in str(failure.error)
    assert store.find(Release) == []
    assert instance.get_materialized_partitions(keys.RELEASE) == set()
    assert instance.get_materialized_partitions(keys.DEPLOYMENT) == set()


def test_a_build_without_a_report_is_not_released(
    store: Store,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
    add_build: Callable[..., BuildSpec],
    make_report: Callable[..., EvalReport],
) -> None:
    add_build("new")
    ended = dg.materialize([release], partition_key="new", instance=instance, resources=resources, raise_on_error=False)
    assert not ended.success
    assert store.find(Release) == []


def test_the_pass_of_one_build_releases_no_other(
    store: Store,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
    add_build: Callable[..., BuildSpec],
    make_report: Callable[..., EvalReport],
) -> None:
    for build, verdict in (("bad", "FAIL"), ("good", "PASS")):
        add_build(build)
        store.put(make_report(build, verdict))
    assert not judge("bad", instance, resources).success
    assert promote(instance, resources) == []
    assert judge("good", instance, resources).success
    assert promote(instance, resources) == ["good"]


def test_a_pass_in_the_store_alone_promotes_nothing(
    store: Store,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
    add_build: Callable[..., BuildSpec],
    make_report: Callable[..., EvalReport],
) -> None:
    """The check in Dagster must have looked at this very report."""
    add_build("good")
    store.put(make_report("good", "PASS"))
    assert promote(instance, resources) == []
    dg.materialize([told_report], partition_key="good", instance=instance)
    assert promote(instance, resources) == []
    judge("good", instance, resources)
    assert promote(instance, resources) == ["good"]
    dg.materialize([told_report], partition_key="good", instance=instance)
    assert promote(instance, resources) == [], "a newer report has not been judged"
