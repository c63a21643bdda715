"""What the unit tests of the store ask for, on a real PostgreSQL: each test has a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_factory.core.settings import get_settings
from agent_factory.core.store import Store, open_store
from tests.postgres import Server, find_postgres, run_postgres
from tests.unit.data.conftest import trace

__all__ = ["trace"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    programs = find_postgres()
    if programs is None:
        pytest.skip("there is no PostgreSQL under /usr/lib/postgresql/*/bin, nor in AGENT_FACTORY_TEST_POSTGRES_BIN")
    with run_postgres(programs) as server:
        yield server


@pytest.fixture
def url(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fresh database, which is that of the settings."""
    url = postgres.make_database()
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENT_FACTORY_DATABASE_URL", url)
    get_settings.cache_clear()
    yield url
    get_settings.cache_clear()


@pytest.fixture
def home(tmp_path: Path, url: str) -> Path:
    return tmp_path


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.engine.dispose()
