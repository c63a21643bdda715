"""The migrations make exactly the tables that the code knows, keep what is there, and change nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from agent_factory.contracts import Agent, Message, Step, Trace
from agent_factory.core.erasure import erase_traces
from agent_factory.core.migration import configure, upgrade
from agent_factory.core.store import Store, open_engine
from agent_factory.core.table import metadata
from agent_factory.core.tracelog import TraceLog

TRACE = (
    "INSERT INTO traces (number, id, project, day, source, received_at, digest, body) "
    "VALUES (:number, :id, :project, '2026-11-20', 'import', '2026-11-20 09:00:00', 'd', '{}')"
)
RECORD = (
    "INSERT INTO records (kind, id, project, created_at, digest, body) "
    "VALUES ('Agent', :id, :project, '2026-11-20 09:00:00', 'd', :body)"
)
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def move(engine: Engine, step: Any, revision: str) -> None:
    config = configure()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        step(config, revision)


def add(engine: Engine, number: int, name: str, project: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(TRACE), {"number": number, "id": name, "project": project})


def read(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT number, id, project, day, digest FROM traces ORDER BY number"))
        return [tuple(row) for row in found]


def check_traces_become_a_projects_own(engine: Engine) -> None:
    """What a store of the first schema goes through."""
    move(engine, command.upgrade, "0001")
    for number, name, project in ((3, "a", "default"), (7, "b", "shop")):
        add(engine, number, name, project)
    with pytest.raises(IntegrityError):
        add(engine, 8, "a", "shop")
    before = read(engine)
    upgrade(engine)
    assert read(engine) == before
    add(engine, 8, "a", "shop")
    with pytest.raises(IntegrityError):
        add(engine, 9, "a", "shop")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    with pytest.raises(IntegrityError):
        move(engine, command.downgrade, "0001")
    assert len(read(engine)) == 3
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM traces WHERE number = 8"))
    move(engine, command.downgrade, "0001")
    assert read(engine) == before


def check_agents_become_a_projects_own(engine: Engine) -> None:
    """Agents of a store of the second schema keep their names, and another project may take the same ones."""
    move(engine, command.upgrade, "0002")
    with engine.begin() as connection:
        for name, project in (("desk", "default"), ("night", "shop")):
            body = Agent(id=name, project=project, created_at=NOW, recipe="support_desk").model_dump_json()
            connection.execute(text(RECORD), {"id": name, "project": project, "body": body})
    store = Store(str(engine.url.render_as_string(hide_password=False)))
    upgrade(engine)
    assert store.get(Agent, "desk").project == "default"
    assert store.get(Agent, "night", "shop").project == "shop"
    assert store.peek(Agent, "desk", "shop") is store.peek(Agent, "night") is None
    store.put(Agent(id="night", created_at=NOW, recipe="support_desk"))
    with pytest.raises(IntegrityError):
        move(engine, command.downgrade, "0002")
    assert store.get(Agent, "night", "shop").project == "shop"
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM records WHERE project = 'default'"))
    move(engine, command.downgrade, "0002")
    assert store.get(Agent, "night").project == "shop"
    store.engine.dispose()


def test_numbers_of_removed_traces_stay_used_in_a_store_of_before(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    move(engine, command.upgrade, "0003")
    for number, name in ((3, "a"), (7, "b")):
        add(engine, number, name, "default")
    before = read(engine)
    for gone in range(2):  # traces 8 and 9 were reported, then forgotten
        told = {"id": f"tomb-{gone}", "project": "default", "body": "{}"}
        with engine.begin() as connection:
            connection.execute(text(RECORD.replace("'Agent'", "'Tombstone'")), told)
    upgrade(engine)
    assert read(engine) == before
    store = Store(str(engine.url))
    assert add_next(store, "c") == 10
    move(engine, command.downgrade, "0003")
    assert [row[:2] for row in read(engine)] == [(3, "a"), (7, "b"), (10, "c")]
    store.engine.dispose()
    engine.dispose()


def test_labels_of_before_came_before_all_others(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    move(engine, command.upgrade, "0004")
    with engine.begin() as connection:
        for kind, name in (("Feedback", "f"), ("Agent", "a")):
            told = {"id": name, "project": "default", "body": "{}"}
            connection.execute(text(RECORD.replace("'Agent'", f"'{kind}'")), told)
    upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        found = connection.execute(text("SELECT id, arrival FROM records ORDER BY id"))
        assert [tuple(row) for row in found] == [("a", None), ("f", 0)]
    move(engine, command.downgrade, "0004")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM records")).scalar() == 2
    engine.dispose()


def add_next(store: Store, name: str) -> int:
    """Take a trace in; its number."""
    step = Step(index=0, observation=(), action=Message(role="assistant", content="Yes."))
    TraceLog(store).add([Trace(id=name, created_at=NOW, started_at=NOW, source="import", steps=(step,))])
    return TraceLog(store).arrivals("default")[-1].last_number


def test_the_number_of_a_removed_trace_is_not_given_again(store: Store) -> None:
    newest = max(add_next(store, name) for name in ("a", "b"))
    assert erase_traces(store, "default", ["b"]) == 1
    assert add_next(store, "c") > newest
    assert erase_traces(store, "default", ["a", "c"]) == 2
    assert add_next(store, "d") > newest + 1


def test_schema_is_what_the_code_knows(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() is not None
        assert compare_metadata(context, metadata) == []


def test_upgrading_again_keeps_records(store: Store) -> None:
    assert store.next_number("D") == 0
    upgrade(store.engine)
    assert store.next_number("D") == 1


def test_agents_become_a_projects_own(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    check_agents_become_a_projects_own(engine)
    engine.dispose()


def test_traces_become_a_projects_own(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    check_traces_become_a_projects_own(engine)
    engine.dispose()
