"""Who gets which item, when it is free again, and what is taken back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from agent_factory.contracts import Feedback, Trace
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import ConflictError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.data.label import label_day, read_labels
from agent_factory.data.labelling import queue
from agent_factory.data.labelling.feedback import make_feedback, make_preference, read_feedback, read_preferences
from agent_factory.data.labelling.item import read_item
from agent_factory.data.labelling.label_studio import make_task, take_annotations
from agent_factory.data.labelling.record import LabelPolicy, Preference, make_id

DAY = "2026-11-20"
Make = Callable[..., Trace]
Take = Callable[..., None]


def set_policy(store: Store, **fields: Any) -> None:
    name = make_id("labelpolicy", "default")
    policy = {"id": name, "created_at": clock.now(), "overlap": 0.0, **fields}
    store.put(LabelPolicy.model_validate(policy), replace=True)


@pytest.fixture
def day(store: Store, trace: Make, take_day: Take) -> None:
    """Six traces of one kind and one of a rare kind; "t-odd" succeeded where the rules saw an open error."""
    plain = [
        trace(f"t{number}", answer=f"{number}", success=number % 2 == 0, metadata={"kind": "status"})
        for number in range(5)
    ]
    odd = trace("t-odd", answer="odd", result='{"error": "no"}', metadata={"kind": "status"})
    take_day(*plain, odd, trace("t-rare", answer="rare", metadata={"kind": "refund"}))
    set_policy(store)


def take_all(store: Store, artifacts: Artifacts, reviewer: str, kind: Any = "score") -> list[tuple[str, ...]]:
    """Everything that a reviewer is handed, each item skipped."""
    found: list[tuple[str, ...]] = []
    while (got := queue.take(store, artifacts, "default", reviewer, kind)) is not None:
        found.append(got.trace_ids)
        queue.skip(store, "default", reviewer, kind, got.trace_ids)
    return found


def score(store: Store, trace_id: str, reviewer: str, rating: float) -> None:
    queue.answer(store, make_feedback("default", trace_id, reviewer, rating))


def test_the_most_informative_comes_first(store: Store, artifacts: Artifacts, day: None) -> None:
    handed = take_all(store, artifacts, "ann")
    assert handed[:2] == [("t-odd",), ("t-rare",)]
    assert sorted(handed) == sorted([("t-odd",), ("t-rare",), *((f"t{n}",) for n in range(5))])
    labels = read_labels(artifacts, "default", DAY)
    odd = labels["t-odd"]
    assert odd["disagreement"] == pytest.approx(0.7)  # the outcome says 1.0, the rules 0.3
    assert odd["informativeness"] == pytest.approx(0.5 * 0.7 + 0.2 * odd["rarity"])  # type: ignore[operator]
    assert labels["t-rare"]["rarity"] == pytest.approx(1.0)
    assert take_all(store, artifacts, "ann") == []


def test_two_reviewers_never_hold_the_same_item(store: Store, artifacts: Artifacts, day: None) -> None:
    with ThreadPoolExecutor(7) as pool:
        got = list(pool.map(lambda n: queue.take(store, artifacts, "default", f"r{n}", "score"), range(7)))
    assert len({one.item for one in got if one}) == 7
    assert queue.take(store, artifacts, "default", "late", "score") is None
    again = queue.take(store, artifacts, "default", "r0", "score")
    assert again is not None
    assert again.item in {one.item for one in got if one and one.reviewer == "r0"}


def test_what_is_not_answered_is_free_again(
    store: Store, artifacts: Artifacts, day: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = queue.take(store, artifacts, "default", "ann", "score")
    assert first is not None
    later = clock.now() + timedelta(seconds=901)
    monkeypatch.setattr(clock, "now", lambda: later)
    second = queue.take(store, artifacts, "default", "bob", "score")
    assert second is not None
    assert second.item == first.item
    # Ann's word comes late and counts all the same; Bob may finish what he holds.
    score(store, first.trace_ids[0], "ann", 4)
    score(store, first.trace_ids[0], "bob", 2)
    assert {one.labeler: one.score for one in read_feedback(store, "default")["t-odd"]} == {"ann": 0.75, "bob": 0.25}


def test_overlap_gives_an_item_to_two_and_no_more(store: Store, artifacts: Artifacts, day: None) -> None:
    set_policy(store, overlap=1.0)
    held = [queue.take(store, artifacts, "default", name, "score") for name in ("ann", "bob", "cyd")]
    assert [one.trace_ids for one in held if one] == [("t-odd",), ("t-odd",), ("t-rare",)]
    set_policy(store, overlap=0.5)
    wanted = [queue.wanted_by(f"item-{n}", queue.read_policy(store, "default")) for n in range(1000)]
    assert wanted.count(2) == pytest.approx(500, abs=60)


def test_an_answer_given_elsewhere_ends_the_item_in_hand(store: Store, artifacts: Artifacts, day: None) -> None:
    held = queue.take(store, artifacts, "default", "ann", "score")
    assert held is not None
    base = {"id": "f1", "created_at": clock.now(), "trace_id": "t-odd", "kind": "person"}
    store.put(Feedback.model_validate({**base, "labeler": "ann", "score": 1.0}))
    following = queue.take(store, artifacts, "default", "ann", "score")
    assert following is not None
    assert (held.trace_ids, following.trace_ids) == (("t-odd",), ("t-rare",))
    assert ("t-odd",) not in take_all(store, artifacts, "bob")
    set_policy(store, overlap=1.0)
    assert ("t-odd",) in take_all(store, artifacts, "cyd")


def test_every_way_in_answers_the_item_in_hand(store: Store, artifacts: Artifacts, day: None) -> None:
    for _ in range(7):
        held = queue.take(store, artifacts, "default", "ann", "score")
        assert held is not None
        task = make_task("default", [read_item(store, artifacts, "default", held.trace_ids[0])])
        rating = {"from_name": "score", "to_name": "dialogue", "type": "rating", "value": {"rating": 4}}
        task["annotations"] = [{"completed_by": 1, "result": [rating], "updated_at": "2026-11-20T12:00:00Z"}]
        assert take_annotations(store, "default", [task], {"1": "ann"}).kept == 1
        with pytest.raises(ConflictError, match="answered"):
            queue.skip(store, "default", "ann", "score", held.trace_ids)
    assert queue.take(store, artifacts, "default", "ann", "score") is None
    assert queue.undo(store, "default", "ann", "score").item == held.item


def test_answering_twice_is_once_and_the_newest_counts(store: Store, artifacts: Artifacts, day: None) -> None:
    word = make_feedback("default", "t1", "ann", 5, tags=["Nice ", "nice"], comment="good")
    queue.answer(store, word)
    queue.answer(store, word)
    assert len(store.find(Feedback)) == 1
    score(store, "t1", "ann", 2)
    assert [one.score for one in store.find(Feedback)] == [0.25]
    label_day(store, artifacts, "default", DAY)
    assert read_labels(artifacts, "default", DAY)["t1"]["score"] == 0.25
    with pytest.raises(ConflictError, match="answered"):
        queue.skip(store, "default", "ann", "score", ["t1"])


def test_undo_takes_the_last_back_and_hands_it_again(store: Store, artifacts: Artifacts, day: None) -> None:
    first = queue.take(store, artifacts, "default", "ann", "score")
    assert first is not None
    score(store, first.trace_ids[0], "ann", 1)
    second = queue.take(store, artifacts, "default", "ann", "score")
    assert second is not None
    assert second.item != first.item
    queue.skip(store, "default", "ann", "score", second.trace_ids)
    queue.take(store, artifacts, "default", "ann", "score")
    assert queue.undo(store, "default", "ann", "score").item == second.item
    assert queue.take(store, artifacts, "default", "ann", "score").item == second.item  # type: ignore[union-attr]
    assert queue.undo(store, "default", "ann", "score").item == first.item
    assert read_feedback(store, "default") == {}
    assert queue.take(store, artifacts, "default", "ann", "score").item == first.item  # type: ignore[union-attr]
    with pytest.raises(NotFoundError, match="nothing"):
        queue.undo(store, "default", "ann", "score")
    score(store, first.trace_ids[0], "ann", 1)
    assert len(read_feedback(store, "default")["t-odd"]) == 1


def test_progress_counts(store: Store, artifacts: Artifacts, day: None) -> None:
    queue.take(store, artifacts, "default", "bob", "score")
    score(store, "t1", "ann", 3)
    queue.skip(store, "default", "ann", "score", ["t2"])
    told = queue.read_progress(store, artifacts, "default", "ann", "score")
    assert told.model_dump() == {
        "items": 7,
        "answered": 1,
        "in_hand": 1,
        "yours": 1,
        "skipped_by_you": 1,
        "left_for_you": 4,
    }
    assert queue.read_queue(store, artifacts, "default", "score", 2)[0].trace_ids == ("t-rare",)


def test_pairs_are_of_one_task_then_of_one_kind_and_never_copies(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Take
) -> None:
    kind = {"kind": "status"}
    take_day(
        trace("a1", answer="1", scenario_id="s1", metadata=kind),
        trace("a2", answer="2", scenario_id="s1", success=False, metadata=kind),
        trace("b1", answer="3", scenario_id="s2", metadata=kind),
        trace("copy", answer="3", scenario_id="s3", metadata=kind),
        trace("c1", answer="4", metadata={"kind": "other"}),
    )
    set_policy(store)
    pairs = [tuple(sorted(pair)) for pair in take_all(store, artifacts, "ann", "compare")]
    assert pairs[0] == ("a1", "a2")
    assert ("b1", "copy") not in pairs
    assert all("c1" not in pair for pair in pairs)
    assert len(set(pairs)) == len(pairs)


def test_what_most_prefer_counts_and_a_draw_is_a_tie(store: Store, artifacts: Artifacts, day: None) -> None:
    def vote(shown: tuple[str, str], choice: Any, reviewer: str) -> None:
        queue.answer(store, make_preference("default", shown, choice, reviewer))

    vote(("t2", "t1"), "first", "ann")  # t2 is better, however they were shown
    vote(("t1", "t2"), "second", "bob")
    vote(("t1", "t2"), "first", "cyd")
    vote(("t3", "t4"), "first", "ann")
    vote(("t3", "t4"), "second", "bob")
    vote(("t0", "t4"), "tie", "ann")
    found = [tuple(pair) for pair in read_preferences(store, "default")]
    assert found == [("t0", "t4", True, 1), ("t2", "t1", False, 3), ("t3", "t4", True, 2)]
    queue.undo(store, "default", "cyd", "compare")
    assert len([one for one in store.find(Preference) if one.state == "withdrawn"]) == 1
    assert read_preferences(store, "default")[1].votes == 2
    assert read_preferences(store, "another") == []


def test_a_sessions_last_trace_alone_is_handed_out(
    store: Store, artifacts: Artifacts, trace: Make, take_day: Take
) -> None:
    began = datetime.fromisoformat(f"{DAY}T10:00:00+00:00")
    take_day(
        trace("s-1", answer="1", session_id="s", started_at=began),
        trace("s-2", answer="2", session_id="s", started_at=began + timedelta(minutes=1)),
    )
    set_policy(store)
    assert take_all(store, artifacts, "ann") == [("s-2",)]
