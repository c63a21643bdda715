"""The migrations on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from agent_factory.core.store import open_engine
from tests.unit.core.test_migration import (
    check_agents_become_a_projects_own,
    check_traces_become_a_projects_own,
    test_schema_is_what_the_code_knows,
    test_the_number_of_a_removed_trace_is_not_given_again,
    test_upgrading_again_keeps_records,
)

__all__ = [
    "test_schema_is_what_the_code_knows",
    "test_the_number_of_a_removed_trace_is_not_given_again",
    "test_upgrading_again_keeps_records",
]

pytestmark = pytest.mark.live


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_traces_become_a_projects_own(engine: Engine) -> None:
    check_traces_become_a_projects_own(engine)


def test_agents_become_a_projects_own(engine: Engine) -> None:
    check_agents_become_a_projects_own(engine)
