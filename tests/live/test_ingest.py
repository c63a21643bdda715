"""The tests of taking events in, on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.unit.data.test_ingest import (
    test_a_character_that_no_database_has_is_kept,
    test_every_malformed_event_is_named,
    test_malformed_event_is_named_by_index_and_field,
    test_one_a_batch_and_ndjson_are_taken_and_repeats_are_duplicates,
    test_project_and_arrival_are_filled_in,
    test_same_id_with_other_content_is_refused_whole,
    test_text_that_is_no_text_is_refused,
    test_two_projects_have_a_trace_of_the_same_id,
)

__all__ = [
    "test_a_character_that_no_database_has_is_kept",
    "test_every_malformed_event_is_named",
    "test_malformed_event_is_named_by_index_and_field",
    "test_one_a_batch_and_ndjson_are_taken_and_repeats_are_duplicates",
    "test_project_and_arrival_are_filled_in",
    "test_same_id_with_other_content_is_refused_whole",
    "test_text_that_is_no_text_is_refused",
    "test_two_projects_have_a_trace_of_the_same_id",
]

pytestmark = pytest.mark.live
