"""The same migration on PostgreSQL: in a schema of its own, dropped afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.unit.core.test_migration import check_traces_become_a_projects_own

URL = os.environ.get("AGENT_FACTORY_TEST_POSTGRES", "")
_SCHEMA = "agent_factory_test"

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not URL, reason="AGENT_FACTORY_TEST_POSTGRES names no database (postgresql+psycopg://…)"),
]


@pytest.fixture
def engine() -> Iterator[Engine]:
    admin = create_engine(URL)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {_SCHEMA}"))
    engine = create_engine(URL, connect_args={"options": f"-csearch_path={_SCHEMA}"})
    yield engine
    engine.dispose()
    with admin.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {_SCHEMA} CASCADE"))
    admin.dispose()


def test_traces_become_a_projects_own(engine: Engine) -> None:
    check_traces_become_a_projects_own(engine)
