"""The tests of the store, on PostgreSQL."""

from __future__ import annotations

import pytest

from agent_factory.core.error import StorageError
from agent_factory.core.store import open_store
from tests.unit.core.test_store import (
    test_a_transaction_that_raises_leaves_nothing,
    test_find_filters_and_orders,
    test_kinds_do_not_meet_and_what_is_absent_is_named,
    test_numbers_are_never_given_twice,
    test_opening_again_keeps_what_is_there,
    test_same_content_is_a_no_op_and_other_content_a_conflict,
    test_stores_opened_at_once_on_a_fresh_file,
    test_writers_at_once_leave_one_record,
)

__all__ = [
    "test_a_transaction_that_raises_leaves_nothing",
    "test_find_filters_and_orders",
    "test_kinds_do_not_meet_and_what_is_absent_is_named",
    "test_numbers_are_never_given_twice",
    "test_opening_again_keeps_what_is_there",
    "test_same_content_is_a_no_op_and_other_content_a_conflict",
    "test_stores_opened_at_once_on_a_fresh_file",
    "test_writers_at_once_leave_one_record",
]

pytestmark = pytest.mark.live


def test_a_server_that_is_not_there_is_told_without_its_password(url: str) -> None:
    gone = url.replace("factory@", "factory:s3cret@").replace("host=", "host=/nowhere")
    with pytest.raises(StorageError, match=r"the store at .* failed") as caught:
        open_store(gone)
    assert "s3cret" not in str(caught.value)
