"""The tests of the inbox of traces, on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from agent_factory.core.intake import pack
from agent_factory.core.store import Store
from agent_factory.core.table import traces
from agent_factory.core.tracelog import TraceLog, _keep
from tests.unit.core.test_tracelog import _trace as make_trace
from tests.unit.core.test_tracelog import (
    test_a_project_has_its_own_ids_and_sessions,
    test_arrival_time_is_not_content,
    test_arrivals_tell_what_is_new,
    test_conflict_names_both_digests_and_keeps_nothing_of_the_batch,
    test_days_are_utc_and_ordered_by_id,
    test_many_senders_of_the_same_batch,
    test_sessions_keep_the_order_of_arrival,
)

__all__ = [
    "test_a_project_has_its_own_ids_and_sessions",
    "test_arrival_time_is_not_content",
    "test_arrivals_tell_what_is_new",
    "test_conflict_names_both_digests_and_keeps_nothing_of_the_batch",
    "test_days_are_utc_and_ordered_by_id",
    "test_many_senders_of_the_same_batch",
    "test_sessions_keep_the_order_of_arrival",
]

pytestmark = pytest.mark.live


def test_who_has_read_up_to_a_number_has_missed_none(store: Store) -> None:
    log = TraceLog(store)
    with ThreadPoolExecutor(1) as pool:
        with store.begin() as slow:
            _keep(slow, [pack([make_trace("first")])])
            quick = pool.submit(log.add, [make_trace("second")])
            with pytest.raises(TimeoutError):  # its greater number must not be seen before the first one's
                quick.result(0.5)
            assert log.arrivals("default") == []
        quick.result(30)
    with store.begin(read_only=True) as connection:
        numbers = connection.execute(traces.select().order_by(traces.c.number)).all()
    assert [row.id for row in numbers] == ["first", "second"]
