"""How far a stage is can be read by anyone, and a stage that broke says so."""

from __future__ import annotations

import asyncio

import pytest

from agent_factory.contracts import StageRun
from agent_factory.core.progress import track
from agent_factory.core.store import Store


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
