"""The tests of the reviewers' queue, on PostgreSQL."""

from __future__ import annotations

from tests.unit.data.conftest import artifacts, take_day
from tests.unit.data.labelling.test_queue import (
    day,
    test_answering_twice_is_once_and_the_newest_counts,
    test_overlap_gives_an_item_to_two_and_no_more,
    test_two_reviewers_never_hold_the_same_item,
    test_undo_takes_the_last_back_and_hands_it_again,
    test_what_is_not_answered_is_free_again,
    test_what_most_prefer_counts_and_a_draw_is_a_tie,
)

__all__ = [
    "artifacts",
    "day",
    "take_day",
    "test_answering_twice_is_once_and_the_newest_counts",
    "test_overlap_gives_an_item_to_two_and_no_more",
    "test_two_reviewers_never_hold_the_same_item",
    "test_undo_takes_the_last_back_and_hands_it_again",
    "test_what_is_not_answered_is_free_again",
    "test_what_most_prefer_counts_and_a_draw_is_a_tie",
]
