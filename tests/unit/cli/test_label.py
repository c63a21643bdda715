"""``factory label``: every verb over prepared traces, and what a user's mistake is told as."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_factory.cli.desk import open_desk
from agent_factory.cli.main import run
from agent_factory.contracts import Message, Outcome, Step, Trace
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.judge import RULE_JUDGE
from agent_factory.data.labelling.feedback import read_feedback, read_preferences

Factory = Callable[..., Any]
DAY = "2026-10-30"


@pytest.fixture
def day(factory: Factory) -> None:
    """Four prepared traces of one kind; the odd ones failed."""
    now = datetime.fromisoformat(f"{DAY}T09:00:00+00:00").astimezone(UTC)
    traces = [
        Trace(
            id=f"t{number}",
            created_at=now,
            started_at=now,
            source="production",
            steps=(
                Step(
                    index=0,
                    observation=(Message(role="user", content=f"Where is order {number}?"),),
                    action=Message(role="assistant", content=f"Here, {number}."),
                ),
            ),
            outcome=Outcome(success=number % 2 == 0, reward=0.0, graded_by="rules"),
            metadata={"kind": "status"},
        )
        for number in range(4)
    ]
    TraceLog(open_desk().store).add(traces)
    factory("data", "prepare", DAY)
    factory("label", "policy", "--overlap", "1")


def test_the_queue_is_worked_and_agreement_told(factory: Factory, day: None, capsys: Any) -> None:
    assert len(factory("label", "queue")) == 4
    assert set(factory("label", "queue", "--limit", "1")[0]["why"]) == {"disagreement", "middle", "rarity", "group"}
    first = factory("label", "next", "--reviewer", "ann")["assignment"]
    assert factory("label", "next", "--reviewer", "ann")["assignment"]["item"] == first["item"]
    for number in range(4):
        factory("label", "score", f"t{number}", str(number + 1), "--reviewer", "ann", "--tag", "rude")
        factory("label", "score", f"t{number}", str(min(5, number + 2)), "--reviewer", "bob")
    assert factory("label", "next", "--reviewer", "ann")["assignment"] is None
    report = factory("label", "agreement")["ratings"]
    assert (report["labelled_twice"], report["reviewers"]) == (4, ["ann", "bob"])
    assert [one["name"] for one in report["alphas"]][1] == "Krippendorff's alpha, ordinal"
    assert 0 < report["alphas"][1]["value"] < 1
    assert report["pairs"][0]["kappas"][2]["value"] > report["pairs"][0]["kappas"][0]["value"]
    assert run(["label", "agreement"]) == 0
    assert "ann, bob" in capsys.readouterr().out
    assert factory("label", "undo", "--reviewer", "bob")["state"] == "open"
    assert len(read_feedback(open_desk().store, "default")["t3"]) == 1


def test_pairs_are_preferred_and_skipped(factory: Factory, day: None) -> None:
    pair = factory("label", "queue", "--kind", "compare")[0]["trace_ids"]
    assert factory("label", "prefer", *pair, "first", "--reviewer", "ann")["state"] == "given"
    found = read_preferences(open_desk().store, "default")
    assert [(one.better, one.worse) for one in found] == [tuple(pair)]
    assert factory("label", "skip", "t0", "t1", "--reviewer", "bob")["state"] == "skipped"
    assert "compared with itself" in factory("label", "prefer", "t0", "t0", "tie", "--reviewer", "ann", code=2)


def test_label_studio_and_back(factory: Factory, day: None, tmp_path: Path) -> None:
    tasks, config = tmp_path / "tasks.json", tmp_path / "config.xml"
    assert factory("label", "export", str(tasks), "--config", str(config))["tasks"] == 4
    assert "<Rating" in config.read_text()
    exported = json.loads(tasks.read_text())
    for task in exported:
        rating = {"from_name": "score", "to_name": "dialogue", "type": "rating", "value": {"rating": 4}}
        task["annotations"] = [{"completed_by": 7, "result": [rating], "updated_at": "2026-11-01T10:00:00Z"}]
    tasks.write_text(json.dumps(exported))
    assert factory("label", "import", str(tasks), "--reviewer", "7=cyd")["kept"] == 4
    assert factory("label", "import", str(tasks), "--reviewer", "7=cyd")["unchanged"] == 4
    assert {one.labeler for given in read_feedback(open_desk().store, "default").values() for one in given} == {"cyd"}


def test_the_judge_by_rules_is_calibrated(factory: Factory, day: None, capsys: Any) -> None:
    assert "people have labelled nothing" in factory("label", "calibrate", code=2)
    factory("label", "score", "t0", "5", "--reviewer", "ann")
    found = factory("label", "calibrate")
    assert [(one["judge"], one["usable_as_gate"]) for one in found] == [(RULE_JUDGE, False)]
    assert run(["label", "calibrate"]) == 0
    assert "rule:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("queue", "--kind", "moon"), "expected score or compare"),
        (("score", "t9", "5", "--reviewer", "ann"), "no trace 't9'"),
        (("undo", "--reviewer", "ann"), "nothing of the kind"),
        (("import", "/nowhere.json"), "no file '/nowhere.json'"),
        (("judge", "--model", "m", "--url", "localhost"), "no address"),
        (("judge", "--model", "m", "--url", "http://127.0.0.1:1/v1"), "nothing in the labelled days"),
        (("judge", "--model", "m", "--url", "http://127.0.0.1:1/v1", "--task", "x"), "rubric, summary or pair"),
        (("judge", "--model", "m", "--url", "http://x/v1", "--key-variable", "NOT_SET_ANYWHERE"), "not set"),
    ],
)
def test_a_users_mistake_is_told(factory: Factory, arguments: tuple[str, ...], told: str) -> None:
    message = factory("label", *arguments, code=2)
    assert told in message
    assert "Traceback" not in message


def test_a_server_that_is_not_there_exits_1_and_names_it(factory: Factory, day: None) -> None:
    arguments = ("label", "judge", "--model", "m", "--url", "http://127.0.0.1:1/v1", "--limit", "1")
    assert "1 of 1 questions got no answer" in factory(*arguments, code=1)
