"""A dataset that is made to order keeps its verdicts, and what failed them is exported by nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent_factory.cli.command import run_command
from agent_factory.contracts import DatasetManifest, ScenarioSet, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import CheckError
from agent_factory.core.settings import get_settings
from agent_factory.core.store import Store
from agent_factory.data.dataset import DatasetQuery
from agent_factory.data.forget import forget
from agent_factory.data.inspection import build_inspected, require_passed

DAY = "2026-11-20"
QUERY = DatasetQuery(days=(DAY,), recipe="desk")
BUILD = ("data", "build", "--kind", "sft", "--first-day", DAY, "--last-day", DAY)
Make = Callable[..., Trace]
HoldOut = Callable[..., ScenarioSet]


@pytest.mark.parametrize("kind", ["sft", "rft", "preference"])
@pytest.mark.parametrize("recipe", ["desk", None])
def test_a_dataset_is_compared_with_all_that_is_held_out(
    store: Store,
    artifacts: Artifacts,
    trace: Make,
    take_day: Callable[..., None],
    hold_out: HoldOut,
    kind: Any,
    recipe: Any,
) -> None:
    take_day(trace("a", scenario_id="s9"), trace("b", answer="Gone.", scenario_id="s9", success=False))
    query = QUERY.model_copy(update={"recipe": recipe})
    hold_out("learnt", names=("s9",), split="train")
    good = build_inspected(store, artifacts, kind, query)
    assert [(told.check, told.passed, told.against) for told in good.checks] == [
        ("schema", True, ()),
        ("no_eval_leak", True, ()),
    ]
    assert require_passed(good) == good
    assert "Expectation" in artifacts.read_text(str(good.checks[0].data_docs))
    for name, held in (("e1", "s1"), ("e2", "s9")):
        hold_out(name, names=(held,))
    leaking = build_inspected(store, artifacts, kind, query)
    assert leaking.id == good.id, "the same rows, checked anew"
    (told,) = leaking.failed()
    assert (told.check, told.against) == ("no_eval_leak", ("e1", "e2"))
    assert "same scenario: row 0 and e2/s9" in told.said
    assert store.get(DatasetManifest, good.id) == leaking
    with pytest.raises(
        CheckError, match=f"'{good.id}' was made, and did not pass its checks: no_eval_leak: {good.id} holds 1"
    ):
        require_passed(leaking)


def test_what_is_held_out_of_another_recipe_or_project_is_no_leak(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], hold_out: HoldOut
) -> None:
    take_day(trace("a", scenario_id="s9"))
    held = hold_out("e", names=("s9",))
    store.put(held.model_copy(update={"recipe": "shop"}), replace=True)
    assert not build_inspected(store, artifacts, "sft", QUERY).failed()
    assert build_inspected(store, artifacts, "sft", DatasetQuery(days=(DAY,))).failed(), "shop's recipe is gone"


def test_a_dataset_of_a_task_set_is_no_leak_of_itself(store: Store, artifacts: Artifacts, hold_out: HoldOut) -> None:
    made = build_inspected(store, artifacts, "eval", DatasetQuery(taskset=hold_out().id))
    assert [(told.check, told.passed) for told in made.checks] == [("schema", True)]


def test_the_command_says_which_check_failed_and_exports_nothing(
    artifacts: Artifacts,
    trace: Make,
    take_day: Callable[..., None],
    hold_out: HoldOut,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    monkeypatch.setenv("AGENT_FACTORY_ARTIFACTS_URL", artifacts.url)
    get_settings.cache_clear()
    take_day(trace("a", scenario_id="s9"))
    assert run_command(BUILD) == 0
    assert run_command(("data", "export", "D1", "--format", "trl", "--out", str(tmp_path / "good"))) == 0
    hold_out(names=("s9",))
    capsys.readouterr()
    assert run_command(BUILD) == 1
    told = capsys.readouterr()
    assert "D1" in told.out
    assert "did not pass its checks: no_eval_leak" in told.err
    assert run_command(("data", "list")) == 0
    assert "FAILED: no_eval_leak" in capsys.readouterr().out
    assert run_command(("data", "export", "D1", "--format", "trl", "--out", str(tmp_path / "bad"))) == 1
    assert not (tmp_path / "bad").exists()


def test_a_dataset_that_holds_forgotten_people_is_exported_by_nobody_unawares(
    store: Store,
    artifacts: Artifacts,
    trace: Make,
    take_day: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    monkeypatch.setenv("AGENT_FACTORY_ARTIFACTS_URL", artifacts.url)
    get_settings.cache_clear()
    take_day(trace("mia", "I am mia.li@mail.example"), trace("other"))
    assert run_command(BUILD) == 0
    forget(store, artifacts, "default", ["mia.li@mail.example"])
    export = ("data", "export", "D1", "--format", "trl", "--out", str(tmp_path / "out"))
    capsys.readouterr()
    assert run_command(export) == 2
    assert "dataset 'D1' is marked: 1 of its traces are of people who were forgotten" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run_command((*export, "--with-forgotten")) == 0
    take_day()
    assert run_command(BUILD) == 0
    assert run_command(("data", "export", "D2", "--out", str(tmp_path / "after"))) == 0
