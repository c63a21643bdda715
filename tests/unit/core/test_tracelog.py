"""The inbox keeps each trace once, batches whole, and days apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from agent_factory.contracts import Message, Step, Trace
from agent_factory.core import table
from agent_factory.core.aside import Aside
from agent_factory.core.error import ConflictError, StorageError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog

WHEN = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


def _trace(name: str, said: str = "Hello.", **fields: Any) -> Trace:
    step = Step(index=0, observation=(), action=Message(role="assistant", content=said))
    base = {"id": name, "created_at": WHEN, "started_at": WHEN, "source": "production", "steps": (step,)}
    return Trace.model_validate({**base, **fields})


def test_arrival_time_is_not_content(store: Store) -> None:
    log = TraceLog(store)
    assert log.add([_trace("a"), _trace("b")]).accepted == 2
    receipt = log.add([_trace("a", created_at="2027-01-01T00:00:00Z"), _trace("c"), _trace("c")])
    assert (receipt.accepted, receipt.duplicates) == (1, 2)
    assert log.get("a", "default") == _trace("a")
    assert log.get("z", "default") is None


def test_conflict_names_both_digests_and_keeps_nothing_of_the_batch(store: Store) -> None:
    log = TraceLog(store)
    log.add([_trace("a")])
    with pytest.raises(ConflictError, match=r"'a' is known with other content: its digest is \w{64}, .* \w{64}\."):
        log.add([_trace("new"), _trace("a", "Bye.")])
    with pytest.raises(ConflictError, match="stands twice in the batch"):
        log.add([_trace("new"), _trace("new", "Bye.")])
    assert log.get("new", "default") is None


def test_what_an_earlier_version_digested_otherwise_is_the_same_trace_still(store: Store) -> None:
    log = TraceLog(store)
    log.add([_trace("a")])
    with store.begin() as connection:
        connection.execute(update(table.traces).values(digest="of another formula"))
    assert log.add([_trace("a")]).duplicates == 1
    with pytest.raises(ConflictError, match="known with other content"):
        log.add([_trace("a", "Bye.")])


def test_days_are_utc_and_ordered_by_id(store: Store) -> None:
    log = TraceLog(store)
    late = _trace("late", started_at="2026-11-20T23:30:00-02:00")
    log.add([_trace("b"), late, _trace("a"), _trace("p", project="other")])
    assert [trace.id for trace in log.of_day("2026-11-20", "default")] == ["a", "b"]
    assert [trace.id for trace in log.of_day("2026-11-21", "default")] == ["late"]
    assert list(log.of_day("2026-11-22", "default")) == []


def test_arrivals_tell_what_is_new(store: Store) -> None:
    log = TraceLog(store)
    log.add([_trace("a"), _trace("b"), _trace("c", started_at="2026-11-21T01:00:00Z")])
    first = log.arrivals("default")
    assert [(day, traces) for day, _, traces in first] == [("2026-11-20", 2), ("2026-11-21", 1)]
    seen = max(arrival.last_number for arrival in first)
    assert log.arrivals("default", after=seen) == []
    log.add([_trace("d")])
    assert [(day, traces) for day, _, traces in log.arrivals("default", after=seen)] == [("2026-11-20", 1)]


def test_sessions_keep_the_order_of_arrival(store: Store) -> None:
    log = TraceLog(store)
    for name in ("z", "a", "m"):
        log.add([_trace(name, session_id="s1")])
    assert [trace.id for trace in log.of_session("s1", "default")] == ["z", "a", "m"]


def test_a_project_has_its_own_ids_and_sessions(store: Store) -> None:
    log = TraceLog(store)
    ours, theirs = (_trace("a", said, project=said, session_id="s1") for said in ("ours", "theirs"))
    assert log.add([ours, theirs]).accepted == 2
    assert log.add([theirs, ours]).duplicates == 2
    with pytest.raises(ConflictError, match="'a' is known with other content"):
        log.add([_trace("a", "theirs", project="ours", session_id="s1")])
    for trace in (ours, theirs):
        assert log.get("a", trace.project) == trace
        assert log.of_session("s1", trace.project) == [trace]
        assert list(log.of_day("2026-11-20", trace.project)) == [trace]
    assert log.get("a", "default") is None
    assert log.of_session("s1", "default") == []


def test_many_senders_of_the_same_batch(store: Store) -> None:
    log = TraceLog(store)
    batch = [_trace(f"t{i}") for i in range(900)]
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda _: log.add(batch), range(4)))
    assert sum(receipt.accepted for receipt in receipts) == 900
    assert sum(receipt.duplicates for receipt in receipts) == 2700
    assert len(list(log.of_day("2026-11-20", "default"))) == 900


def keep_unreadable(store: Store, trace: Trace) -> None:
    """A trace as it was kept before such were refused: acknowledged, and too deep for any reader of JSON."""
    nested: Any = 0
    for _ in range(230):
        nested = [nested]
    TraceLog(store).add([trace.model_copy(update={"metadata": {"a": nested}})])


def test_what_cannot_be_read_is_set_aside_by_name_or_raises(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    log = TraceLog(store)
    log.add([_trace("a", session_id="s"), _trace("z", session_id="s")])
    keep_unreadable(store, _trace("deep", session_id="s"))
    aside = Aside()
    assert [trace.id for trace in log.of_day("2026-11-20", "default", aside)] == ["a", "z"]
    assert [trace.id for trace in log.of_session("s", "default", aside)] == ["a", "z"]
    told = aside.tell()
    assert told.count == 2
    assert told.examples[0].trace_id == "deep"
    assert "recursion limit exceeded" in told.examples[0].reason
    assert "set aside: trace 'deep' cannot be read" in caplog.text
    for read in (
        lambda: list(log.of_day("2026-11-20", "default")),
        lambda: log.of_session("s", "default"),
        lambda: log.get("deep", "default"),
    ):
        with pytest.raises(StorageError, match=r"trace 'deep' of .* cannot be read: .*recursion limit"):
            read()
