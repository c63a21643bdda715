"""The tests of the inbox of traces, on PostgreSQL."""

from __future__ import annotations

import pytest

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
