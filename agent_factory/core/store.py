"""The record of everything: SQLAlchemy over SQLite or PostgreSQL, the same code for both.

Invariants: a record is written whole or not at all; writing the same id with the same content (its
time of creation aside) is a no-op; other content under an id raises ConflictError unless the caller
replaces it; what one project wrote is never replaced by another's, nor told of to it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, update
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError

from agent_factory.contracts.record import DEFAULT_PROJECT, Record
from agent_factory.core import table
from agent_factory.core.address import hide_password
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError, InputError, NotFoundError, StorageError
from agent_factory.core.settings import get_settings

R = TypeVar("R", bound=Record)
_READ_ONLY = "agent_factory_read_only"
_BACKENDS = ("sqlite", "postgresql")


class Store:
    """Records by kind and id. Traces are in ``TraceLog``, usage in ``compute``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = open_engine(url)
        self._reader = self.engine.execution_options(**{_READ_ONLY: True})

    @contextmanager
    def begin(self, *, read_only: bool = False) -> Generator[Connection]:
        """A transaction; a database that cannot be reached or written raises StorageError.

        A ``read_only`` one takes no write lock on SQLite, so that readers never wait for writers.
        """
        with _telling(self.engine), (self._reader if read_only else self.engine).begin() as connection:
            yield connection

    def put(self, record: Record, *, replace: bool = False) -> bool:
        """Write a record; True if it was new or changed, False if it stood there already.

        Raises ConflictError where other content stands under this id and ``replace`` is False, or another
        project's does: of that it tells no more than that the id is taken.
        """
        try:
            with self.begin() as connection:
                return self.put_in(connection, record, replace=replace)
        except IntegrityError:
            return self.put(record, replace=replace)

    def put_in(
        self, connection: Connection, record: Record, *, replace: bool = False, arrival: int | None = None
    ) -> bool:
        """``put`` as part of a transaction that the caller has begun, with what else must stand or fall with it.

        ``arrival`` is the number by which records that are read in the order of their coming are found.
        """
        row = {**to_row(record), "arrival": arrival}
        where = (table.records.c.kind == row["kind"], table.records.c.id == row["id"])
        columns = (table.records.c.digest, table.records.c.project, table.records.c.body)
        known = connection.execute(select(*columns).where(*where)).first()
        if known is None:
            connection.execute(table.records.insert().values(**row))
            return True
        found, owner, body = known
        if owner != record.project:
            raise ConflictError(f"the id {record.id!r} is taken: the {record.noun()} needs another one")
        if found == row["digest"]:
            return False
        if replace:
            connection.execute(update(table.records).where(*where).values(**row))
        elif type(record).model_validate_json(body).content() == record.content():
            return False  # an earlier version wrote another digest for the same
        else:
            raise ConflictError(
                f"{record.noun()} {record.id!r} exists with other content: "
                f"its digest is {found}, the new one's is {row['digest']}. Use another id."
            )
        return True

    def get(self, kind: type[R], record_id: str, project: str = DEFAULT_PROJECT) -> R:
        """The record, or NotFoundError; see ``peek``."""
        found = self.peek(kind, record_id, project)
        if found is None:
            raise NotFoundError(f"there is no {kind.noun()} {record_id!r}")
        return found

    def peek(self, kind: type[R], record_id: str, project: str = DEFAULT_PROJECT) -> R | None:
        """The record, or None where there is none. ``project`` matters where users choose the ids."""
        row = kind.row_of(record_id, project)
        query = select(table.records.c.body).where(table.records.c.kind == kind.__name__, table.records.c.id == row)
        with self.begin(read_only=True) as connection:
            body = connection.execute(query).scalar()
        return None if body is None else kind.model_validate_json(body)

    def find(
        self,
        kind: type[R],
        *,
        project: str | None = None,
        build: str | None = None,
        state: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[R]:
        """Records of a kind, oldest first unless ``newest_first``."""
        columns = table.records.c
        order = (columns.created_at.desc(), columns.id.desc()) if newest_first else (columns.created_at, columns.id)
        query = select(columns.body).where(columns.kind == kind.__name__).order_by(*order)
        for column, value in ((columns.project, project), (columns.build, build), (columns.state, state)):
            if value is not None:
                query = query.where(column == value)
        with self.begin(read_only=True) as connection:
            bodies = connection.execute(query.limit(limit)).scalars().all()
        return [kind.model_validate_json(body) for body in bodies]

    def next_number(self, name: str) -> int:
        """The next number of a series (D1, D2, … or M0, M1, …), from 0; never given twice."""
        try:
            with self.begin() as connection:
                return self.next_number_in(connection, name)
        except IntegrityError:
            return self.next_number(name)

    def next_number_in(self, connection: Connection, name: str) -> int:
        """``next_number`` as part of a transaction: not given where that fails. Who asks at once waits for its end.

        IntegrityError where another one began the series at the same time.
        """
        column = table.counters.c
        changed = connection.execute(
            update(table.counters).where(column.name == name).values(value=column.value + 1).returning(column.value)
        ).scalar()
        if changed is not None:
            return int(changed)
        connection.execute(table.counters.insert().values(name=name, value=0))
        return 0


@contextmanager
def _telling(engine: Engine) -> Generator[None]:
    """What the database says is wrong, as a StorageError."""
    try:
        yield
    except IntegrityError:
        raise  # the writer's to answer: another one was first
    except DatabaseError as error:
        raise StorageError(
            f"the store at {engine.url!r} failed: {error.orig}. "
            "Check that its disk has room and that it can be read and written, then try again."
        ) from error


def to_row(record: Record) -> dict[str, Any]:
    """The record as a row of the table ``records``."""
    body = record.to_json()
    return {
        "kind": type(record).__name__,
        "id": record.row_of(record.id, record.project),
        "project": record.project,
        "build": body.get("build"),
        "state": body.get("state"),
        "created_at": record.created_at,
        "digest": digest_json(record.content()),
        "body": record.model_dump_json(),
    }


def open_engine(url: str) -> Engine:
    """An engine; SQLite gets write-ahead logging, full durability and a 30 s wait for its lock.

    InputError where the address is none, or of a database that is not one of the two.
    """
    try:
        backend = make_url(url).get_backend_name()
        if backend not in _BACKENDS:
            raise ArgumentError(f"{backend} is none of {', '.join(_BACKENDS)}")
        options: dict[str, Any] = {"connect_args": {"timeout": 30}} if backend == "sqlite" else {"pool_pre_ping": True}
        engine = create_engine(url, **options)
    except (ArgumentError, ImportError, ValueError) as error:
        raise InputError(
            f"the store cannot be at {hide_password(url)!r}: {error}. Set AGENT_FACTORY_DATABASE_URL to "
            "sqlite:////<path> or postgresql+psycopg://<user>:<password>@<host>/<database>"
        ) from error
    if backend != "sqlite":
        return engine
    if engine.url.database:
        try:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"there is no room for the store at {engine.url!r}: {error}") from error

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver must not begin transactions by itself: see _begin.
        connection.isolation_level = None
        # What is deleted is overwritten, not only given free: people may ask to be forgotten.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once, so that two of them queue instead of failing half-way.
        read_only = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def open_store(url: str | None = None) -> Store:
    """The store of the settings (or of ``url``), its schema brought up to date."""
    from agent_factory.core.migration import upgrade

    store = Store(url or get_settings().database_url)
    with _telling(store.engine):
        upgrade(store.engine)
    return store
