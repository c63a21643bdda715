"""A recipe's own judge: its traces and no others, under its own name, calibrated like any judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent_factory.contracts import Message, Step, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError, RecipeError
from agent_factory.core.store import Store
from agent_factory.data.judge import NOTHING_AGAINST, RULE_JUDGE, find_judge, judge_trace
from agent_factory.data.label import label_day, read_labels
from agent_factory.data.labelling import queue
from agent_factory.data.labelling.calibration import REQUIRED_ITEMS, calibrate
from agent_factory.data.labelling.feedback import make_feedback

Make = Callable[..., Trace]
DAY = "2026-11-20"
GOOD_IF_SENT = """
def judge(trace):
    return ("sent" in trace.messages()[-1].content and 1.0 or 0.0), "the last word"
"""


@pytest.fixture
def bring(home: Path) -> Callable[[str], Path]:
    """The recipe ``desk`` brings a judge of this code."""

    def write(code: str) -> Path:
        folder = home / "recipes" / "desk"
        (folder / "__init__.py").write_text("")
        (folder / "build.toml").write_text('[recipe]\njudge = "judge:judge"\n')
        (folder / "judge.py").write_text(code)
        return folder / "judge.py"

    return write


def test_a_recipes_traces_have_its_judge_and_others_the_factorys(
    bring: Callable[[str], Path], store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    assert find_judge("desk").name == RULE_JUDGE
    bring(GOOD_IF_SENT)
    take_day(
        trace("a", answer="It was sent.", success=None),
        trace("b", answer="No idea.", success=None),
        trace("c", answer="It was sent, too.", success=None, recipe=None),
        trace("d", answer="It was sent. Yes.", success=None, recipe="unheard_of"),
    )
    labels = {name: (row["score"], row["labeler"]) for name, row in read_labels(artifacts, "default", DAY).items()}
    name = find_judge("desk").name
    assert name.startswith("rule: desk, code ")
    assert labels == {"a": (1.0, name), "b": (0.0, name), "c": (0.6, RULE_JUDGE), "d": (0.6, RULE_JUDGE)}
    bring(GOOD_IF_SENT + "# edited")
    assert find_judge("desk").name not in (name, RULE_JUDGE)


def test_a_judge_of_several_files_is_named_by_all(bring: Callable[[str], Path]) -> None:
    module = bring(GOOD_IF_SENT)
    module.unlink()
    package = module.with_suffix("")
    package.mkdir()
    (package / "__init__.py").write_text("from .word import judge\n")
    (package / "word.py").write_text(GOOD_IF_SENT)
    before = find_judge("desk").name
    (package / "word.py").write_text(GOOD_IF_SENT + "# edited")
    assert find_judge("desk").name != before


def test_it_is_told_no_outcome_and_not_asked_about_what_broke_off(bring: Callable[[str], Path], trace: Make) -> None:
    bring("def judge(trace):\n    return 1.0, f'{trace.outcome} {trace.scenario_id} {trace.metadata}'\n")
    judge = find_judge("desk").judge
    known = trace("t", success=True, scenario_id="s1", metadata={"kind": "refund"})
    assert judge(known) == (1.0, "None None {}")
    assert judge(trace("t", failure="step limit")) == (0.0, "ended early: step limit")
    assert judge(trace("t", answer=" "))[0] == 0.0


def test_what_it_raises_is_told_as_the_recipes(bring: Callable[[str], Path], trace: Make) -> None:
    path = bring("def judge(trace):\n    return {}['score'], ''\n")
    with pytest.raises(RecipeError) as raised:
        find_judge("desk").judge(trace("t7"))
    told = str(raised.value)
    assert "recipe 'desk': its judge, on trace 't7', raised" in told
    assert f"{path}, line 2, in judge: KeyError: 'score'" in told


@pytest.mark.parametrize("given", ["1.0", "(2, 'high')", "('good', 1)", "(True, None)", "None", "(float('nan'), '')"])
def test_what_is_no_judgement_is_refused(bring: Callable[[str], Path], trace: Make, given: str) -> None:
    bring(f"def judge(trace):\n    return {given}\n")
    with pytest.raises(RecipeError, match=r"its judge gave .* on trace 't7', expected a score from 0 to 1"):
        find_judge("desk").judge(trace("t7"))


def test_a_judge_that_is_not_there_is_told(bring: Callable[[str], Path]) -> None:
    bring("x = 1\n")
    with pytest.raises(InputError, match=r"judge.py has no function 'judge'"):
        find_judge("desk")


def test_a_turn_that_broke_in_between_is_bad_for_every_judge(trace: Make) -> None:
    said = (Message(role="user", content="Where is it?"),)
    steps = [
        Step(index=0, observation=said, action=Message(role="assistant", content="Order")),
        Step(index=1, observation=said, action=Message(role="assistant", content="It is on its way.")),
    ]
    assert judge_trace(trace("t", steps=steps)).score == NOTHING_AGAINST
    told = "malformed: the action announces a tool call and is none"
    for broken in ({"error": told}, {"action": Message(role="assistant", content='Order ", "arguments": {}}')}):
        found = judge_trace(trace("t", steps=[steps[0].model_copy(update=broken), steps[1]]))
        assert (found.score, found.reason[:20]) == (0.0, "step 0 is no answer:")


def test_it_is_calibrated_under_its_own_name_and_then_decides(
    bring: Callable[[str], Path], store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    bring(GOOD_IF_SENT)
    traces = [
        trace(f"t{n:02}", said=f"Where is my {n}. order?", answer=f"{'sent' if n % 2 else 'no'} {n}", success=None)
        for n in range(REQUIRED_ITEMS)
    ]
    other = trace("x", said="And mine?", answer="Here.", success=None, recipe=None)
    take_day(*traces, other)
    for n, one in enumerate((*traces, other)):
        queue.answer(store, make_feedback("default", one.id, "ann", 5 if n % 2 else 1))
    found = {one.judge: one for one in calibrate(store, artifacts, "default")}
    name = find_judge("desk").name
    assert {judge: (one.kappa.items, one.usable_as_gate) for judge, one in found.items()} == {
        name: (REQUIRED_ITEMS, True),
        RULE_JUDGE: (1, False),
    }
    take_day(*traces, other, trace("u", said="Where is it?", answer="sent u", success=None))
    label_day(store, artifacts, "default", DAY)
    labels = read_labels(artifacts, "default", DAY)
    assert (labels["u"]["labeler"], labels["u"]["standing"]) == (name, "gate")
    assert labels["x"]["kind"] == "person"
    bring(GOOD_IF_SENT + "# edited")  # another judge, which nobody has measured
    label_day(store, artifacts, "default", DAY)
    assert read_labels(artifacts, "default", DAY)["u"]["standing"] == "informing"
