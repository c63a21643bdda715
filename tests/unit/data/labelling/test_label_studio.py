"""Tasks out and annotations in, in the shape of Label Studio's JSON export."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from agent_factory.contracts import Feedback, Trace
from agent_factory.core import clock
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.labelling import queue
from agent_factory.data.labelling.feedback import keep, make_feedback, read_feedback, read_preferences
from agent_factory.data.labelling.label_studio import make_config, make_task, take_annotations

Make = Callable[..., Trace]


def control(name: str, kind: str, **value: Any) -> dict[str, Any]:
    """One result of an annotation, as a control tag writes it."""
    return {"id": f"r-{name}", "from_name": name, "to_name": "dialogue", "type": kind, "value": value}


def annotated(task: dict[str, Any], *results: dict[str, Any], by: Any = 10, **fields: Any) -> dict[str, Any]:
    """The task as a JSON export has it, with one completed annotation."""
    annotation = {
        "id": 1001,
        "completed_by": by,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-11-20T21:00:00.728353Z",
        "updated_at": "2026-11-20T22:16:08.728378Z",
        "lead_time": 4.288,
        "task": 1,
        **fields,
    }
    return {"id": 1, "project": 83, "annotations": [annotation], "drafts": [], "predictions": [], "meta": {}, **task}


@pytest.fixture
def traces(store: Store, trace: Make) -> list[Trace]:
    made = [trace("t1"), trace("t2", answer="No.")]
    TraceLog(store).add(made)
    return made


@pytest.mark.parametrize(("kind", "shown"), [("score", {"dialogue"}), ("compare", {"left", "right"})])
def test_the_configuration_names_what_tasks_hold(traces: list[Trace], kind: Any, shown: set[str]) -> None:
    root = ElementTree.fromstring(make_config(kind))
    task = make_task("default", traces[: len(shown)])
    objects = {found.get("name"): found.get("value") for found in root.iter("Paragraphs")}
    assert {value.removeprefix("$") for value in objects.values() if value} == shown <= set(task["data"])
    targets = {name for tag in root.iter() for name in (tag.get("toName") or "").split(",") if name}
    assert targets <= set(objects)
    assert {"author", "text"} == set(task["data"][min(shown)][0])


def test_a_task_shows_calls_and_results(traces: list[Trace]) -> None:
    dialogue = make_task("default", traces[:1])["data"]["dialogue"]
    assert [turn["author"] for turn in dialogue] == ["user", "assistant", "tool get_order", "assistant"]
    assert dialogue[1]["text"] == '→ get_order {"order_id": "4417"}'


def test_annotations_become_labels_of_their_reviewers_once(store: Store, traces: list[Trace]) -> None:
    first, second = (make_task("default", [one]) for one in traces)
    rating = control("score", "rating", rating=4)
    tags = control("tags", "choices", choices=["wrong tool", "rude"])
    comment = control("comment", "textarea", text=["Called it twice.", "Then gave up."])
    ann = {"id": 11, "email": "ann@example.org", "first_name": "Ann", "last_name": ""}
    tasks = [
        annotated(first, rating, tags, comment),
        annotated(second, control("score", "rating", rating=1), by=ann),
        annotated(second, rating, by=12, was_cancelled=True),
    ]
    told = take_annotations(store, "default", tasks, {"10": "bob"})
    assert told.model_dump() == {"kept": 2, "unchanged": 0, "cancelled": 1, "quarantined": ()}
    labels = read_feedback(store, "default")
    assert (labels["t1"][0].labeler, labels["t1"][0].score) == ("bob", 0.75)
    assert (labels["t1"][0].tags, labels["t1"][0].comment) == (
        ("rude", "wrong tool"),
        "Called it twice.\nThen gave up.",
    )
    assert labels["t1"][0].created_at.isoformat() == "2026-11-20T22:16:08.728378+00:00"
    assert [(one.labeler, one.kind) for one in labels["t2"]] == [("ann@example.org", "person")]
    again = take_annotations(store, "default", tasks, {"10": "bob"})
    assert (again.kept, again.unchanged, len(store.find(Feedback))) == (0, 2, 2)
    changed = [annotated(first, control("score", "rating", rating=2), updated_at="2026-11-21T08:00:00Z")]
    assert take_annotations(store, "default", changed, {"10": "bob"}).kept == 1
    assert [one.score for one in read_feedback(store, "default")["t1"]] == [0.25]
    assert take_annotations(store, "default", tasks, {"10": "bob"}).kept == 0, "an older export changes nothing"
    assert take_annotations(store, "default", tasks[:1]).kept == 1
    assert {one.labeler for one in read_feedback(store, "default")["t1"]} == {"bob", "label-studio user 10"}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([control("preference", "pairwise", selected="left")], ("t2", "t1", False)),
        ([control("preference", "pairwise", selected="right")], ("t1", "t2", False)),
        ([control("tie", "choices", choices=["equally good"])], ("t1", "t2", True)),
    ],
)
def test_pairs_come_back_as_preferences(
    store: Store, traces: list[Trace], results: list[Any], expected: tuple[str, str, bool]
) -> None:
    task = make_task("default", traces[::-1])
    take_annotations(store, "default", [annotated(task, *results)])
    assert [tuple(pair)[:3] for pair in read_preferences(store, "default")] == [expected]


def test_what_cannot_be_read_is_listed_and_the_rest_goes_in(store: Store, traces: list[Trace], trace: Make) -> None:
    good = make_task("default", traces[:1])
    foreign = make_task("another", traces[:1])
    unknown = make_task("default", [trace("t9")])
    rating = control("score", "rating", rating=5)
    tasks = [
        annotated(good, rating),
        annotated(good, control("score", "rating", rating=6)),
        annotated(good, rating, by=None),
        annotated(good, rating, updated_at="yesterday"),
        annotated(foreign, rating),
        annotated(unknown, rating),
        {"data": {"text": "not ours"}, "annotations": []},
        {**good, "annotations": None},
        "no task",
        annotated(good, rating, by=3, result=None),
        annotated(good, control("score", "rating", rating=True)),
        annotated(good, rating, updated_at="2099-01-01T00:00:00Z"),
        annotated(good, rating, updated_at="0001-01-01T00:00:00Z"),
        annotated({"data": {**good["data"], "dialogue": []}}, rating),
    ]
    told = take_annotations(store, "default", tasks)
    assert told.kept == 1
    assert [line.split(":")[0] for line in told.quarantined] == [
        "task 1, annotation 0",
        "task 2, annotation 0",
        "task 3, annotation 0",
        *(f"task {number}" for number in (4, 5, 6, 7, 8)),
        *(f"task {number}, annotation 0" for number in (9, 10, 11, 12)),
        "task 13",
    ]
    assert "expected a whole number from 1 to 5" in told.quarantined[0]
    assert "no trace 't9'" in told.quarantined[4]
    assert "'score' is True" in told.quarantined[9]
    assert ["from 2000-01-01 to now" in line for line in told.quarantined[10:12]] == [True, True]
    assert "['t1'] is not what went out" in told.quarantined[12]
    with pytest.raises(InputError, match="array of tasks, this is dict"):
        take_annotations(store, "default", {"tasks": []})


def test_a_clock_that_is_a_little_ahead_hides_no_later_word(store: Store, traces: list[Trace]) -> None:
    ahead = (clock.now() + timedelta(minutes=4)).isoformat()
    task = make_task("default", traces[:1])
    tasks = [annotated(task, control("score", "rating", rating=5), updated_at=ahead)]
    assert take_annotations(store, "default", tasks, {"10": "bob"}).kept == 1
    assert queue.answer(store, make_feedback("default", "t1", "bob", 1))
    assert read_feedback(store, "default")["t1"][0].score == 0.0


def test_a_later_word_here_outlives_an_older_export(store: Store, traces: list[Trace]) -> None:
    keep(store, make_feedback("default", "t1", "bob", 1))
    tasks = [annotated(make_task("default", traces[:1]), control("score", "rating", rating=5))]
    told = take_annotations(store, "default", tasks, {"10": "bob"})
    assert (told.kept, told.unchanged) == (0, 1)
    assert read_feedback(store, "default")["t1"][0].score == 0.0
