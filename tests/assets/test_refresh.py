"""``refresh_days``: a request becomes one report of its day, and is closed by the tick after it."""

from typing import Any

import dagster as dg

from agent_factory.core.refresh import find_refreshes, request_refresh
from agent_factory.core.store import Store
from factory_assets import keys
from factory_assets.definitions import defs
from sensors.refresh import refresh_days

DAY, LATER = "2026-03-01", "2026-03-02"


def look(instance: dg.DagsterInstance, resources: dict[str, Any], cursor: str | None = None) -> Any:
    context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
    return refresh_days(context, store=resources["store"])


def test_a_request_is_told_once_and_for_its_day_alone(
    store: Store, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    request_refresh(store, "default", DAY, "ann overruled the decision on t1")
    request_refresh(store, "other", LATER, "not this deployment's")
    first = look(instance, resources)
    (event,) = first.asset_events
    assert (event.asset_key, event.partition) == (keys.TRACES, DAY)
    assert event.description == "ann overruled the decision on t1"
    second = look(instance, resources, first.cursor)
    assert not second.asset_events
    assert find_refreshes(store, "default") == []
    assert not look(instance, resources, second.cursor).asset_events
    assert len(find_refreshes(store, "other")) == 1


def test_a_tick_that_did_not_end_is_made_again(
    store: Store, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    request_refresh(store, "default", DAY, "why")
    look(instance, resources)
    again = look(instance, resources)  # the first one's cursor was never kept
    assert [event.partition for event in again.asset_events] == [DAY]


def test_a_request_that_comes_later_is_another_report(
    store: Store, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    request_refresh(store, "default", DAY, "why")
    first = look(instance, resources)
    request_refresh(store, "default", LATER, "why")
    second = look(instance, resources, first.cursor)
    assert [event.partition for event in second.asset_events] == [LATER]
    tags = [event.tags["dagster/data_version"] for event in (*first.asset_events, *second.asset_events)]
    assert len(set(tags)) == 2
