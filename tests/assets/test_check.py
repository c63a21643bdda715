"""What a blocking check said is a record, so that those who do not ask Dagster know why a build goes no further."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from agent_factory.contracts import BuildSpec, CheckRun, DatasetManifest, Order
from agent_factory.core.order import order_build
from agent_factory.core.store import Store
from factory_assets import keys
from factory_assets.data.checks import enough_rows
from factory_assets.partitions import BUILD, DAY
from factory_assets.stage import build_check, day_check
from resources.store import StoreResource
from sensors.state import ORDER_TAG
from tests.assets.conftest import tell_failure

ON_DAY = "2026-03-01"


@dg.asset(key=keys.EVENTS, partitions_def=DAY)
def events() -> None:
    """Of a day."""


@dg.asset(key=keys.SFT_DATASET, partitions_def=BUILD)
def sft_dataset() -> None:
    """Of a build."""


def make_day_check(passed: bool) -> dg.AssetChecksDefinition:
    @day_check(keys.EVENTS)
    def schema(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=passed, description="3 rows have no steps")

    return schema


def test_what_a_check_said_of_a_day_is_kept_until_it_says_other(store: Store, resources: dict[str, Any]) -> None:
    for passed, state in ((False, "failed"), (True, "passed")):
        given = {"store": resources["store"]}
        dg.materialize([events, make_day_check(passed)], partition_key=ON_DAY, resources=given, raise_on_error=False)
        (found,) = store.find(CheckRun)
        assert (found.state, found.build, found.stage_run) == (state, None, f"{ON_DAY}.default.data.events")
        outcome = "passed" if passed else "did not pass"
        assert str(found) == f"check 'schema' on data/events of {ON_DAY} {outcome}: 3 rows have no steps"


def test_a_datasets_manifest_keeps_what_its_checks_said(
    store: Store, resources: dict[str, Any], add_build: Callable[..., BuildSpec]
) -> None:
    spec = add_build("b1")
    made = DatasetManifest(
        id="D1",
        created_at=spec.created_at,
        kind="sft",
        build="b1",
        rows=3,
        digest="d",
        path="datasets/D1.parquet",
        columns=("messages",),
        trace_count=3,
        query={},
        code_version="1",
    )
    store.put(made)
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions(BUILD.name, ["b1"])
        given = {"store": resources["store"]}
        dg.materialize([sft_dataset, enough_rows], partition_key="b1", instance=instance, resources=given)
    (told,) = store.get(DatasetManifest, "D1").checks
    assert (told.check, told.passed) == ("enough_rows", True)
    assert told.said == "D1 has 3 rows for training; at least 1 are asked for"


@pytest.mark.parametrize("raised", [False, True])
def test_the_order_of_a_build_is_told_what_the_check_said(
    store: Store, resources: dict[str, Any], add_build: Callable[..., BuildSpec], raised: bool
) -> None:
    @build_check(keys.SFT_DATASET)
    def enough_rows(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
        if raised:
            raise ValueError("D1 is not there")
        return dg.AssetCheckResult(passed=False, description="D1 has 3 rows, 10 are asked for")

    order = order_build(store, add_build("b1"))
    store.put(order.model_copy(update={"state": "accepted"}), replace=True)
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions(BUILD.name, ["b1"])
        ended = dg.materialize(
            [sft_dataset, enough_rows],
            partition_key="b1",
            instance=instance,
            resources={"store": resources["store"]},
            tags={ORDER_TAG: order.id},
            raise_on_error=False,
        )
        tell_failure(instance, ended, resources)
    said = "ValueError: D1 is not there" if raised else "D1 has 3 rows, 10 are asked for"
    reason = store.get(Order, order.id).reason or ""
    assert reason.startswith(f"check 'enough_rows' on data/sft_dataset of b1 did not pass: {said}")
