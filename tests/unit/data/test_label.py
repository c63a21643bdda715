"""Who knows best gives the score, and the label says who that was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from agent_factory.contracts import Feedback, Message, Step, ToolCall, Trace
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.store import Store
from agent_factory.data.judge import NOTHING_AGAINST, RULE_JUDGE, judge_trace
from agent_factory.data.label import label_day, read_labels

Make = Callable[..., Trace]
DAY = "2026-11-20"


def _feedback(store: Store, name: str, trace_id: str, score: float, **fields: Any) -> None:
    base = {"id": name, "created_at": clock.now(), "labeler": "ann", "kind": "person", "trace_id": trace_id}
    store.put(Feedback.model_validate({**base, "score": score, **fields}))


def test_people_then_outcome_then_models_then_rules(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(
        trace("a-person", answer="1"),
        trace("b-outcome", answer="2", success=False),
        trace("c-model", answer="3", success=None),
        trace("d-rule", answer="4", success=None, failure="step limit"),
    )
    _feedback(store, "f1", "a-person", 0.0, created_at=clock.now() - timedelta(hours=1))
    _feedback(store, "f2", "a-person", 0.5, comment="rude to y@example.org")
    _feedback(store, "f3", "a-person", 1.0, labeler="bob")
    _feedback(store, "f4", "a-person", 0.0, project="another", labeler="eve")
    _feedback(store, "f5", "b-outcome", 1.0, kind="model", labeler="m")
    _feedback(store, "f6", "c-model", 0.9, kind="model", labeler="m")
    file = label_day(store, artifacts, "default", DAY)
    labels = {name: tuple(row.values())[1:5] for name, row in read_labels(artifacts, "default", DAY).items()}
    assert labels == {
        "a-person": (0.75, "ann, bob", "person", "rude to <EMAIL_1>"),
        "b-outcome": (0.0, "rules", "outcome", ""),
        "c-model": (0.9, "m", "model", ""),
        "d-rule": (0.0, RULE_JUDGE, "rule", "ended early: step limit"),
    }
    assert file == label_day(store, artifacts, "default", DAY)


def test_a_judge_that_may_decide_stands_before_one_that_only_informs(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_day(*(trace(name, answer=name, success=None) for name in ("both", "model", "none")))
    for name in ("both", "model"):
        _feedback(store, f"{name}-poor", name, 0.0, kind="model", labeler="poor")
    _feedback(store, "both-good", "both", 0.9, kind="model", labeler="good")

    def labels(*usable: str) -> dict[str, tuple[Any, ...]]:
        monkeypatch.setattr("agent_factory.data.label.find_usable", lambda _store, _project: frozenset(usable))
        label_day(store, artifacts, "default", DAY)
        found = read_labels(artifacts, "default", DAY)
        return {name: (row["score"], row["labeler"], row["standing"]) for name, row in found.items()}

    by_rule = (NOTHING_AGAINST, RULE_JUDGE, "informing")
    poor = (0.0, "poor", "informing")
    assert labels() == {"both": (0.45, "good, poor", "informing"), "model": poor, "none": by_rule}
    assert labels("good") == {"both": (0.9, "good", "gate"), "model": poor, "none": by_rule}
    decided = (NOTHING_AGAINST, RULE_JUDGE, "gate")
    assert labels("good", RULE_JUDGE) == {"both": (0.9, "good", "gate"), "model": decided, "none": decided}


def test_rule_judge_calls_bad_what_shows_it(trace: Make) -> None:
    call = ToolCall(id="c", name="get_order", arguments={"order_id": "1"})
    loop = tuple(
        Step(index=i, observation=(), action=Message(role="assistant", tool_calls=(call,), content="…"))
        for i in range(3)
    )
    end = Step(index=3, observation=(), action=Message(role="assistant", content="Done."))
    judged = {
        "good": judge_trace(trace("t")),
        "failed": judge_trace(trace("t", failure="time-out")),
        "empty": judge_trace(trace("t", answer=" ")),
        "error": judge_trace(trace("t", result='{"error": "no such order", "status": 404}')),
        "open": judge_trace(trace("t", steps=loop[:1])),
        "loop": judge_trace(trace("t", steps=(*loop, end))),
    }
    assert judged["good"].score == NOTHING_AGAINST
    assert {name: judgement.score for name, judgement in judged.items() if name != "good"} == pytest.approx(
        {"failed": 0.0, "empty": 0.0, "error": 0.3, "open": 0.1, "loop": 0.2}
    )
    assert "get_order" in judged["error"].reason
