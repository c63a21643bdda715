"""``return_labels``: a late label makes its own day again, once, and no other."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from agent_factory.contracts import Feedback, Trace
from agent_factory.core import clock
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.labelling import queue
from agent_factory.data.labelling.feedback import keep, make_feedback
from agent_factory.data.labelling.record import Calibration, Statistic
from factory_assets import keys
from factory_assets.definitions import defs
from sensors.label import LONGEST_SECONDS, QUIET_SECONDS, return_labels

DAYS = ("2026-03-01", "2026-03-02")
Look = Callable[..., Any]


@pytest.fixture
def look(instance: dg.DagsterInstance, resources: dict[str, Any]) -> Look:
    def see(cursor: str | None = None) -> Any:
        context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
        return return_labels(context, store=resources["store"])

    return see


@pytest.fixture
def finish(tell: Any) -> Callable[..., None]:
    """Says of a day that its clean events stand and passed."""

    def done(day: str, *, passed: bool = True) -> None:
        for key in keys.DAY_DATA:
            tell.materialized(key, day, {"dagster/row_count": 1})
        for check in keys.DAY_CHECKS:
            tell.checked(check, day, passed=passed)

    return done


@pytest.fixture
def traces(store: Store) -> None:
    TraceLog(store).add(
        [
            Trace(
                id=f"t-{day}",
                created_at=clock.now(),
                started_at=datetime.fromisoformat(day).replace(tzinfo=UTC),
                source="import",
                steps=(),
            )
            for day in DAYS
        ]
    )


def label(store: Store, day: str = DAYS[0], rating: int = 5, seconds_ago: float = QUIET_SECONDS + 1) -> None:
    at = clock.now() - timedelta(seconds=seconds_ago)
    keep(store, make_feedback("default", f"t-{day}", "ann", rating, at=at))


def days_of(found: Any) -> list[str]:
    return [run.partition_key for run in found.run_requests or []]


def test_a_late_label_makes_its_own_day_again_and_once(
    store: Store, look: Look, finish: Callable[..., None], traces: None
) -> None:
    for day in DAYS:
        finish(day)
    assert not look().run_requests
    label(store)
    found = look()
    assert days_of(found) == [DAYS[0]]
    assert [tuple(run.asset_selection) for run in found.run_requests] == [(keys.LABELS,)]
    again = look(found.cursor)
    assert days_of(again) == []
    label(store, rating=1, seconds_ago=QUIET_SECONDS)  # a changed mind is told as well
    changed = look(again.cursor)
    assert days_of(changed) == [DAYS[0]]
    assert changed.run_requests[0].run_key != found.run_requests[0].run_key


def test_it_waits_for_a_pause_but_not_for_ever(
    store: Store, look: Look, finish: Callable[..., None], traces: None
) -> None:
    finish(DAYS[0])
    finish(DAYS[1])
    label(store, seconds_ago=1)
    found = look()
    assert days_of(found) == []
    assert "wait for a pause" in found.skip_reason.skip_message
    label(store, DAYS[1], seconds_ago=LONGEST_SECONDS + 1)
    assert days_of(look(found.cursor)) == list(DAYS)


@pytest.mark.parametrize("hours_ago", [24 * 365, 1, 0, -1])
def test_a_label_that_comes_late_is_told_whatever_time_it_tells(
    store: Store, look: Look, finish: Callable[..., None], traces: None, hours_ago: float
) -> None:
    for day in DAYS:
        finish(day)
    label(store)
    found = look()
    other = make_feedback("default", f"t-{DAYS[1]}", "bob", 2)
    first = store.find(Feedback)[0].created_at
    keep(store, other.model_copy(update={"created_at": first - timedelta(hours=hours_ago)}))
    label(store, rating=1, seconds_ago=LONGEST_SECONDS + 1)
    assert keep(store, make_feedback("default", f"t-{DAYS[0]}", "cyd", 3, at=first - timedelta(days=9)))
    assert days_of(look(found.cursor)) == list(DAYS)


def test_a_cursor_of_before_sees_all_labels_once(
    store: Store, look: Look, finish: Callable[..., None], traces: None
) -> None:
    finish(DAYS[0])
    label(store)
    found = look('{"since": "2099-01-01T00:00:00Z", "handled": ["abc"], "judges": [], "behind": []}')
    assert days_of(found) == [DAYS[0]]
    assert days_of(look(found.cursor)) == []


def test_a_day_asked_for_again_is_another_run(
    store: Store, look: Look, finish: Callable[..., None], traces: None
) -> None:
    """Dagster starts no second run under a key that it has seen."""
    finish(DAYS[0])
    finish(DAYS[1])
    cursor, asked = look().cursor, list[str]()
    for usable in (True, False, True, False):
        calibrate_as(store, usable=usable)
        found = look(cursor)
        cursor = found.cursor
        asked += [run.run_key for run in found.run_requests if run.partition_key == DAYS[0]]
    assert len(set(asked)) == 4


def test_a_withdrawn_label_is_told(
    store: Store, look: Look, finish: Callable[..., None], traces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(DAYS[0])
    queue.answer(store, make_feedback("default", f"t-{DAYS[0]}", "ann", 5))
    later = clock.now() + timedelta(seconds=QUIET_SECONDS + 1)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)
        first = look()
    queue.undo(store, "default", "ann", "score")
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: later + timedelta(seconds=QUIET_SECONDS))
        assert days_of(look(first.cursor)) == [DAYS[0]]


def test_a_day_under_way_is_waited_for(
    store: Store, look: Look, finish: Callable[..., None], traces: None, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        finish(day)
        label(store, day)
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={keys.LABELS})
    run = instance.create_run_for_job(job, tags={"dagster/partition": DAYS[0]}, status=dg.DagsterRunStatus.STARTED)
    found = look()
    assert days_of(found) == [DAYS[1]]
    assert days_of(look(found.cursor)) == []
    instance.report_run_failed(run)
    assert days_of(look(found.cursor)) == [DAYS[0]]


def test_a_day_that_is_not_clean_is_left_alone(
    store: Store, look: Look, finish: Callable[..., None], traces: None
) -> None:
    label(store)
    found = look()
    assert days_of(found) == []
    finish(DAYS[1], passed=False)
    label(store, DAYS[1])
    assert days_of(look(found.cursor)) == []


def calibrate_as(store: Store, *, usable: bool) -> None:
    kappa = Statistic(name="κ", value=0.9 if usable else 0.1, items=40)
    told = {"kind": "rule", "task": "score", "golden_items": 40, "golden_digest": "d", "confusion": ()}
    told |= {"required_kappa": 0.75, "required_items": 30, "reason": "", "weighted_kappa": None}
    record = {"id": "c1", "created_at": clock.now(), "judge": "rule: desk", "kappa": kappa, "usable_as_gate": usable}
    store.put(Calibration.model_validate({**record, **told}), replace=True)


def test_a_judge_that_may_decide_now_makes_every_labelled_day_again_once(
    store: Store, look: Look, finish: Callable[..., None], traces: None, instance: dg.DagsterInstance
) -> None:
    for day in DAYS:
        finish(day)
    first = look()
    calibrate_as(store, usable=False)
    still = look(first.cursor)
    assert days_of(still) == []
    calibrate_as(store, usable=True)
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={keys.LABELS})
    run = instance.create_run_for_job(job, tags={"dagster/partition": DAYS[0]}, status=dg.DagsterRunStatus.STARTED)
    found = look(still.cursor)
    assert days_of(found) == [DAYS[1]]
    assert days_of(look(found.cursor)) == [], "the other day is under way"
    instance.report_run_failed(run)
    late = look(found.cursor)
    assert days_of(late) == [DAYS[0]]
    assert days_of(look(late.cursor)) == []
    calibrate_as(store, usable=False)
    assert days_of(look(late.cursor)) == list(DAYS)
