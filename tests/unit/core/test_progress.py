"""How far a stage is can be read by anyone, and a stage that broke says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agent_factory.contracts import StageRun
from agent_factory.core import clock
from agent_factory.core.progress import track
from agent_factory.core.store import Store

Pass = Callable[[float], None]


def _track(store: Store):
    return track(store, "training", "sft_model", build="B1", scope="B1", project="default")


def test_a_stage_is_running_then_done_with_what_it_measured(store: Store) -> None:
    with _track(store) as progress:
        assert store.get(StageRun, "B1.training.sft_model").state == "running"
        progress.update(done=3, total=10, loss=0.5)
        progress.update(success="71 %")
    run = store.get(StageRun, "B1.training.sft_model")
    assert (run.state, run.done, run.total, run.build) == ("done", 3, 10, "B1")
    assert run.measured == {"loss": 0.5, "success": "71 %"}
    assert run.finished_at is not None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no rows"), "ValueError: no rows"),
        (KeyboardInterrupt(), "canceled: it was stopped before its end"),
        (asyncio.CancelledError(), "canceled: it was stopped before its end"),
    ],
)
def test_a_stage_that_raised_is_failed_with_its_message(store: Store, error: BaseException, told: str) -> None:
    with pytest.raises(type(error)), _track(store):
        raise error
    run = store.get(StageRun, "B1.training.sft_model")
    assert (run.state, run.error) == ("failed", told)


def test_a_repeat_replaces_what_failed(store: Store) -> None:
    with pytest.raises(ValueError, match="no"), _track(store):
        raise ValueError("no")
    with _track(store):
        pass
    (run,) = store.find(StageRun)
    assert (run.state, run.error) == ("done", None)


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """A clock that stands until seconds are let pass."""
    moment = [datetime(2026, 11, 1, tzinfo=UTC)]
    monkeypatch.setattr(clock, "now", lambda: moment[0])

    def let_pass(seconds: float) -> None:
        moment[0] += timedelta(seconds=seconds)

    return let_pass


def _work(store: Store, let_pass: Pass, seconds: float, **measured: float) -> StageRun:
    with _track(store) as progress:
        progress.update(**measured)
        let_pass(seconds)
    return store.get(StageRun, "B1.training.sft_model")


def _stop(begin: Callable[[], None], let_pass: Pass, seconds: float) -> None:
    begin()
    let_pass(seconds)
    raise KeyboardInterrupt


def test_a_run_that_finds_its_work_done_leaves_what_was_measured(store: Store, let_pass: Pass) -> None:
    made = _work(store, let_pass, 60, loss=0.5)
    let_pass(600)
    with _track(store):
        let_pass(2)
    found = store.get(StageRun, "B1.training.sft_model")
    assert found.model_copy(update={"updated_at": made.updated_at}) == made
    assert found.updated_at > made.updated_at
    assert found.worked_seconds(clock.now()) == 60


def test_work_that_is_done_again_counts_alone(store: Store, let_pass: Pass) -> None:
    _work(store, let_pass, 60, loss=0.5)
    again = _work(store, let_pass, 10, accuracy=0.9)
    assert (again.worked_seconds(clock.now()), again.measured) == (10, {"accuracy": 0.9})


def test_a_resumed_stage_counts_its_pieces_and_no_pause(store: Store, let_pass: Pass) -> None:
    with pytest.raises(KeyboardInterrupt), _track(store) as progress:
        _stop(progress.update, let_pass, 30)
    let_pass(900)
    assert _work(store, let_pass, 20).worked_seconds(clock.now()) == 50


def test_a_killed_stage_worked_until_it_was_last_heard_of(store: Store, let_pass: Pass) -> None:
    now = clock.now()
    fields = {"factory": "training", "stage": "sft_model", "build": "B1", "state": "running", "created_at": now}
    killed = StageRun.model_validate({"id": "B1.training.sft_model", "started_at": now, "updated_at": now, **fields})
    let_pass(40)
    store.put(killed.model_copy(update={"updated_at": clock.now()}))
    let_pass(900)
    looked = _track(store)
    looked.__enter__()  # and killed again, before it was at work
    let_pass(900)
    assert _work(store, let_pass, 5).worked_seconds(clock.now()) == 45


def test_a_stage_that_could_not_look_is_failed_and_its_work_stands(store: Store, let_pass: Pass) -> None:
    _work(store, let_pass, 60, loss=0.5)
    with pytest.raises(KeyboardInterrupt), _track(store):
        _stop(lambda: None, let_pass, 3)
    failed = store.get(StageRun, "B1.training.sft_model")
    assert (failed.state, failed.measured, failed.worked_seconds(clock.now())) == ("failed", {"loss": 0.5}, 60)
    with _track(store):
        let_pass(3)
    found = store.get(StageRun, "B1.training.sft_model")
    assert (found.state, found.error, found.worked_seconds(clock.now())) == ("done", None, 60)
