"""A record is written once, whole, and under contention; a damaged store says so."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, update

from agent_factory.contracts import DatasetManifest, Order
from agent_factory.core import table
from agent_factory.core.error import ConflictError, NotFoundError, StorageError
from agent_factory.core.store import Store, open_store

WHEN = datetime(2026, 11, 20, tzinfo=UTC)


def _order(name: str, **fields: Any) -> Order:
    return Order.model_validate({"id": name, "created_at": WHEN, "kind": "build", "request": {}, **fields})


def test_same_content_is_a_no_op_and_other_content_a_conflict(store: Store) -> None:
    assert store.put(_order("o1"))
    assert not store.put(_order("o1", created_at=WHEN + timedelta(days=1)))
    with pytest.raises(ConflictError, match="order 'o1' exists with other content"):
        store.put(_order("o1", state="done"))
    assert store.get(Order, "o1").state == "waiting"
    assert store.put(_order("o1", state="done"), replace=True)
    assert store.get(Order, "o1").state == "done"


def test_what_an_earlier_version_digested_otherwise_is_the_same_record_still(store: Store) -> None:
    store.put(_order("o1"))
    with store.begin() as connection:
        connection.execute(update(table.records).values(digest="of another formula"))
    assert not store.put(_order("o1"))
    with pytest.raises(ConflictError, match="exists with other content"):
        store.put(_order("o1", state="done"))


def test_kinds_do_not_meet_and_what_is_absent_is_named(store: Store) -> None:
    store.put(_order("x"))
    assert store.peek(DatasetManifest, "x") is None
    with pytest.raises(NotFoundError, match="no dataset 'x'"):
        store.get(DatasetManifest, "x")


def test_find_filters_and_orders(store: Store) -> None:
    store.put(_order("b", created_at=WHEN, build="B1"))
    store.put(_order("a", created_at=WHEN + timedelta(seconds=1), build="B1", state="done"))
    store.put(_order("c", created_at=WHEN, project="other", build="B2"))
    names = lambda **query: [order.id for order in store.find(Order, **query)]  # noqa: E731
    assert names() == ["b", "c", "a"]
    assert names(newest_first=True, limit=1) == ["a"]
    assert names(project="other") == ["c"]
    assert names(build="B1", state="done") == ["a"]


def test_numbers_are_never_given_twice(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: store.next_number("D"), range(40)))
    assert sorted(numbers) == list(range(40))
    assert store.next_number("M") == 0


def test_writers_at_once_leave_one_record(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: store.put(_order("same")), range(16))) == 1


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    from agent_factory.core import table

    def write() -> None:
        with store.begin() as connection:
            connection.execute(table.counters.insert().values(name="half", value=7))
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write()
    assert store.next_number("half") == 0


def test_stores_opened_at_once_on_a_fresh_file(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: open_store(url), range(4)))
    tables = set(inspect(stores[0].engine).get_table_names())
    assert {"records", "traces", "counters", "usage", "alembic_version"} <= tables
    for store in stores:
        store.engine.dispose()


def test_opening_again_keeps_what_is_there(url: str, store: Store) -> None:
    store.put(_order("o1"))
    again = open_store(url)
    assert again.get(Order, "o1").id == "o1"
    again.engine.dispose()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "factory.db"
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StorageError, match="not a database"):
        open_store(f"sqlite:///{path}")
    with pytest.raises(StorageError, match="no room for the store"):
        open_store(f"sqlite:///{path / 'deeper.db'}")


def test_a_store_that_cannot_be_written_is_told(store: Store) -> None:
    with store.begin() as connection:
        connection.exec_driver_sql("DROP TABLE records")
    with pytest.raises(StorageError, match="no such table"):
        store.put(_order("o1"))
    assert sqlite3.sqlite_version_info >= (3, 35)  # RETURNING, which next_number needs


@pytest.mark.parametrize("replace", [False, True])
def test_what_one_project_wrote_is_taken_for_another_and_nothing_of_it_is_told(store: Store, replace: bool) -> None:
    mine = _order("o1", state="done", reason="secret")
    store.put(mine)
    with pytest.raises(ConflictError) as refused:
        store.put(_order("o1", project="other"), replace=replace)
    assert str(refused.value) == "the id 'o1' is taken: the order needs another one"
    assert store.get(Order, "o1") == mine
