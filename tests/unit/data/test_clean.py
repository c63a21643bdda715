"""A clean day holds no personal data, nothing twice, and a reason for each decision."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent_factory.contracts import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError, NotFoundError, StorageError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.clean import clean_day
from agent_factory.data.event import write_events_day
from agent_factory.data.ingest import take_events
from factory_assets.data.assets import describe_file

Make = Callable[..., Trace]
DAY = "2026-11-20"


def _decisions(artifacts: Artifacts) -> dict[str, tuple[str, str]]:
    rows = artifacts.read_table(f"projects/default/days/{DAY}/decisions.parquet").to_pylist()
    return {row["trace_id"]: (row["verdict"], row["reason"]) for row in rows}


def test_raw_values_are_in_events_only(artifacts: Artifacts, trace: Make, take_day: Callable[..., None]) -> None:
    take_day(trace("t1", "I am Yara Sanchez, y@example.org, order 4417", system="Be kind. Write to desk@shop.example."))
    assert (
        b"y@example.org"
        in artifacts.read_table(f"projects/default/days/{DAY}/events.parquet")["body"][0].as_py().encode()
    )
    for name in ("clean_events", "labels", "decisions"):
        assert "Yara" not in str(artifacts.read_table(f"projects/default/days/{DAY}/{name}.parquet").to_pylist())
    (clean,) = artifacts.read_traces(f"projects/default/days/{DAY}/clean_events.parquet")
    assert clean.messages()[0].content == "I am <PERSON_1>, <EMAIL_1>, order 4417"
    assert clean.system == "Be kind. Write to desk@shop.example."


def test_empty_and_copies_are_dropped_with_a_reason(
    artifacts: Artifacts, trace: Make, take_day: Callable[..., None]
) -> None:
    take_day(trace("a"), trace("b"), trace("c", answer="Lost."), trace("d", steps=()), trace("e", recipe="gone"))
    assert [t.id for t in artifacts.read_traces(f"projects/default/days/{DAY}/clean_events.parquet")] == ["a", "c", "e"]
    assert _decisions(artifacts) == {
        "a": ("kept", "nothing speaks against it"),
        "b": ("dropped", "exact copy of a"),
        "c": ("kept", "nothing speaks against it"),
        "d": ("dropped", "it has no step"),
        "e": ("flagged", "recipe 'gone' is not known here: no list of names was applied"),
    }


def test_unchanged_day_has_an_unchanged_digest(store: Store, artifacts: Artifacts, trace: Make) -> None:
    take_events(store, [trace("a").to_json(), trace("b", answer="y@example.org").to_json()])
    first = write_events_day(store, artifacts, "default", DAY), clean_day(store, artifacts, "default", DAY)
    again = write_events_day(store, artifacts, "default", DAY), clean_day(store, artifacts, "default", DAY)
    assert first == again
    take_events(store, trace("c", answer="Late.").to_json())
    assert write_events_day(store, artifacts, "default", DAY).digest != first[0].digest
    assert clean_day(store, artifacts, "default", DAY).digest != first[1].digest


def test_order_of_arrival_and_its_time_do_not_show(store: Store, artifacts: Artifacts, trace: Make) -> None:
    take_events(store, [trace("b", project="p").to_json(), trace("a", project="p").to_json()], "p")
    take_events(store, [trace("x").to_json()])
    file = write_events_day(store, artifacts, "p", DAY)
    assert file.rows == 2
    assert [t.id for t in artifacts.read_traces(file.path)] == ["a", "b"]


def test_a_day_that_is_none_or_not_there(store: Store, artifacts: Artifacts) -> None:
    with pytest.raises(InputError, match="'yesterday' is not a day"):
        clean_day(store, artifacts, "default", "yesterday")
    with pytest.raises(NotFoundError, match=DAY):
        clean_day(store, artifacts, "default", DAY)
    assert not artifacts.exists(f"projects/default/days/{DAY}/clean_events.parquet")


def test_what_was_kept_and_cannot_be_read_is_told_and_not_in_the_way(
    store: Store, artifacts: Artifacts, trace: Make
) -> None:
    """Traces as they were kept before such were refused: too deep, and with a cost that no sum holds."""
    nested: object = 0
    for _ in range(230):
        nested = [nested]
    dear = trace("dear").steps[0].model_copy(update={"cost": 1e308})
    costly = trace("dear").model_copy(update={"steps": (dear, *trace("dear").steps[1:])})
    deep = trace("deep").model_copy(update={"metadata": {"a": nested}})
    take_events(store, trace("good").to_json())
    TraceLog(store).add([deep, costly])
    events = write_events_day(store, artifacts, "default", DAY)
    assert (events.rows, events.set_aside.count) == (1, 2)
    assert [unread.trace_id for unread in events.set_aside.examples] == ["dear", "deep"]
    described = describe_file(events).metadata
    assert described["set_aside"] == 2
    assert "steps.0.cost" in described["set_aside_traces"].value[0]["reason"]
    # Files of before still hold them.
    artifacts.write_traces(events.path, [trace("good"), costly])
    clean = clean_day(store, artifacts, "default", DAY)
    assert (clean.rows, clean.set_aside.count) == (1, 1)
    with pytest.raises(StorageError, match=r"trace 'dear' of artifact .* cannot be read: steps\.0\.cost"):
        list(artifacts.read_traces(events.path))
