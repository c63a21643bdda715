"""Near copies are found in a day and across days; what looks alike by design is not one."""

from __future__ import annotations

from collections.abc import Callable

from agent_factory.contracts import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.decision import read_decisions
from agent_factory.core.store import Store
from agent_factory.data.cleaning.overruling import overrule
from agent_factory.data.cleaning.repeat import find_repeats

Make = Callable[..., Trace]
Take = Callable[..., None]
DAY, NEXT = "2026-11-20", "2026-11-21"
TALK = (
    "Hello, I bought the grey lamp from you three weeks ago and it has still not come. Could you look it up, please? "
    "My order has the number 4417 and it should have been here on Monday at the latest, so I am a little worried now."
)


def _flagged(artifacts: Artifacts, day: str = DAY) -> dict[str, str]:
    return {
        name: decision.reason
        for name, decision in read_decisions(artifacts, "default", day).items()
        if decision.rule == "near_copy"
    }


def test_a_few_other_words_are_a_near_copy(artifacts: Artifacts, trace: Make, take_day: Take) -> None:
    take_day(trace("a", TALK), trace("b", TALK.replace("worried now.", "worried today")), trace("c", "Other."))
    assert _flagged(artifacts) == {
        "b": "near copy of a: 96% of the words, 100% of the tools' arguments and 100% of their results are shared"
    }
    clean = {trace.id for trace in artifacts.read_traces(f"projects/default/days/{DAY}/clean_events.parquet")}
    assert clean == {"a", "b", "c"}  # flagged, not dropped


def test_a_word_in_the_middle_of_a_short_talk_is_no_near_copy(
    artifacts: Artifacts, trace: Make, take_day: Take
) -> None:
    take_day(trace("a", TALK), trace("b", TALK.replace("three weeks ago", "five weeks ago")))
    assert _flagged(artifacts) == {}


def test_another_number_person_outcome_result_or_session_is_none(
    artifacts: Artifacts, trace: Make, take_day: Take
) -> None:
    take_day(
        trace("a", TALK),
        trace("b", TALK.replace("4417", "4418")),
        trace("c", f"{TALK} y@example.org"),
        trace("d", f"{TALK} z@example.org"),
        trace("e", TALK, answer="On its way!", success=False),
        trace("f", TALK, result='{"s":"lost"}', answer="On its way..."),
        trace("g", TALK, answer="On its way?", scenario_id="s-1"),
    )
    assert _flagged(artifacts) == {}


def test_turns_of_one_session_are_none(artifacts: Artifacts, trace: Make, take_day: Take) -> None:
    first = trace("a", TALK, session_id="s")
    take_day(
        first,
        trace("b", TALK.replace("worried now.", "worried today"), session_id="s"),
        trace("c", TALK, session_id="t"),
    )
    assert list(_flagged(artifacts)) == ["c"]


def test_across_days_it_is_seen_where_they_are_read_together(artifacts: Artifacts, trace: Make, take_day: Take) -> None:
    take_day(trace("z", TALK))
    take_day(trace("a", TALK, started_at=f"{NEXT}T09:00:00Z"), day=NEXT)
    assert _flagged(artifacts) == _flagged(artifacts, NEXT) == {}
    assert {name: copy.of for name, copy in find_repeats(artifacts, "default", [NEXT, DAY]).items()} == {"a": "z"}
    assert find_repeats(artifacts, "default", [NEXT]) == {}
    assert find_repeats(artifacts, "other", [DAY, NEXT]) == {}


def test_what_a_person_kept_is_none(store: Store, artifacts: Artifacts, trace: Make, take_day: Take) -> None:
    take_day(trace("z", TALK))
    late = trace("a", TALK, started_at=f"{NEXT}T09:00:00Z")
    take_day(late, day=NEXT)
    overrule(store, "default", "a", "keep", "a second customer", "ann")
    take_day(late, day=NEXT)
    assert find_repeats(artifacts, "default", [DAY, NEXT]) == {}


def test_a_late_copy_changes_its_own_day_alone(artifacts: Artifacts, trace: Make, take_day: Take) -> None:
    take_day(trace("z", TALK))
    before = artifacts.read_bytes(f"projects/default/days/{DAY}/decisions.parquet")
    take_day(trace("a", TALK, started_at=f"{NEXT}T09:00:00Z"), day=NEXT)
    assert artifacts.read_bytes(f"projects/default/days/{DAY}/decisions.parquet") == before
