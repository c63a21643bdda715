"""The inbox of traces: durable before it is answered, idempotent by id, read by day.

Invariants: a trace id stands once in a project; the same id with other content is refused, both digests
named. Numbers become visible in their order and none is given twice, so that who has read up to one has missed
none before it.
What is asked of one project is never answered with another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.aside import Aside, read_body
from agent_factory.core.burial import find_buried, refuse_buried
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError, StorageError
from agent_factory.core.intake import Claim, Intake, Key, Parcel, Receipt, pack
from agent_factory.core.store import Store, to_row
from agent_factory.core.table import records, traces

_CHUNK = 400
_ATTEMPTS = 5
_TURN = 7_302_015


class Arrival(NamedTuple):
    """How far a day has come: its last trace number and how many traces it has."""

    day: str
    last_number: int
    traces: int


class TraceLog:
    """Traces of all sources but rollouts and evaluations, which are artifacts of their own."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, batch: Sequence[Trace]) -> Receipt:
        """Keep a batch, all of it or nothing; returns after the database has committed.

        Raises ConflictError where an id is known in its project with other content, ForgottenError where
        it was forgotten.
        """
        (outcome,) = self.keep([pack(batch)])
        if isinstance(outcome, ConflictError):
            raise outcome
        return outcome

    def keep(self, parcels: Sequence[Parcel]) -> list[Receipt | ConflictError]:
        """Keep parcels in one transaction, each of them whole or not at all; one outcome a parcel.

        Returns after the database has committed. A parcel whose claim is known is answered as it was before.
        """
        for _ in range(_ATTEMPTS):
            try:
                with self.store.begin() as connection:
                    return _keep(connection, parcels)
            except IntegrityError:  # another writer was first with one of the ids: look again
                continue
        raise StorageError(f"traces were not kept: other writers were first {_ATTEMPTS} times; send them again")

    def get(self, trace_id: str, project: str) -> Trace | None:
        """The project's trace of that id, or None; StorageError where it is kept and cannot be read."""
        query = select(traces.c.body).where(traces.c.project == project, traces.c.id == trace_id)
        with self.store.begin(read_only=True) as connection:
            body = connection.execute(query).scalar()
        return None if body is None else read_body(trace_id, body, f"project {project!r}")

    def of_day(self, day: str, project: str, aside: Aside | None = None) -> Iterator[Trace]:
        """The traces of a project's day in the order of their ids, so that the order of arrival does not show.

        What cannot be read is set ``aside``, or raises StorageError.
        """
        query = (
            select(traces.c.id, traces.c.body)
            .where(traces.c.day == day, traces.c.project == project)
            .order_by(traces.c.id)
            .execution_options(yield_per=_CHUNK)
        )
        with self.store.begin(read_only=True) as connection:
            for row in connection.execute(query):
                trace = read_body(row.id, row.body, f"day {day}", aside)
                if trace is not None:
                    yield trace

    def of_session(self, session_id: str, project: str, aside: Aside | None = None) -> list[Trace]:
        """The traces of a project's session in order of arrival; what cannot be read as in ``of_day``."""
        query = (
            select(traces.c.id, traces.c.body)
            .where(traces.c.project == project, traces.c.session_id == session_id)
            .order_by(traces.c.number)
        )
        with self.store.begin(read_only=True) as connection:
            rows = connection.execute(query).all()
        found = [read_body(row.id, row.body, f"session {session_id!r}", aside) for row in rows]
        return [trace for trace in found if trace is not None]

    def arrivals(self, project: str, after: int = 0) -> list[Arrival]:
        """Days that have traces numbered above ``after``, with the newest number and count of those."""
        query = (
            select(traces.c.day, func.max(traces.c.number), func.count())
            .where(traces.c.number > after, traces.c.project == project)
            .group_by(traces.c.day)
            .order_by(traces.c.day)
        )
        with self.store.begin(read_only=True) as connection:
            return [Arrival(*row) for row in connection.execute(query)]


def _keep(connection: Connection, parcels: Sequence[Parcel]) -> list[Receipt | ConflictError]:
    _take_turn(connection)
    rows = [item for parcel in parcels for item in parcel.rows.items()]
    known, buried = _find_digests(connection, [key for key, _ in rows]), find_buried(connection, rows)
    known |= _digest_anew(connection, [key for key, row in rows if known.get(key, row["digest"]) != row["digest"]])
    intakes = _find_intakes(connection, [parcel.claim for parcel in parcels if parcel.claim])
    outcomes: list[Receipt | ConflictError] = []
    fresh: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    for parcel in parcels:
        claim = parcel.claim
        if claim and claim.id in intakes:
            outcomes.append(intakes[claim.id].answer(claim))
            continue
        conflict = refuse_buried(buried, parcel.rows.keys()) or _find_conflict(parcel, known)
        if conflict:
            outcomes.append(conflict)
            continue
        new = {key: row for key, row in parcel.rows.items() if key not in known}
        known.update({key: row["digest"] for key, row in new.items()})
        fresh += new.values()
        receipt = Receipt(accepted=len(new), duplicates=parcel.count - len(new), warnings=parcel.warnings)
        outcomes.append(receipt)
        if claim:
            intakes[claim.id] = Intake(
                id=claim.id, project=claim.project, created_at=clock.now(), claim=claim, receipt=receipt
            )
            kept.append(to_row(intakes[claim.id]))
    if fresh:
        connection.execute(traces.insert(), fresh)
    if kept:
        connection.execute(records.insert(), kept)
    return outcomes


def _take_turn(connection: Connection) -> None:
    """One writer at a time: a number that is given must not become visible after a greater one."""
    if connection.dialect.name == "postgresql":  # SQLite's writers queue by themselves
        connection.execute(select(func.pg_advisory_xact_lock(_TURN)))


def _find_conflict(parcel: Parcel, known: dict[Key, str]) -> ConflictError | None:
    for key, row in parcel.rows.items():
        digest = known.get(key, row["digest"])
        if digest != row["digest"]:
            return ConflictError(
                f"trace {key[1]!r} is known with other content: its digest is {digest}, "
                f"the new one's is {row['digest']}. Send changed content under another id."
            )
    return None


def _digest_anew(connection: Connection, keys: Iterable[Key]) -> dict[Key, str]:
    """The digests of what traces hold that are there: an earlier version wrote others for the same.

    One that cannot be read any more keeps the digest that it has.
    """
    found: dict[Key, str] = {}
    for project, name in keys:
        query = select(traces.c.body).where(traces.c.project == project, traces.c.id == name)
        body = connection.execute(query).scalar()
        trace = None if body is None else read_body(name, body, "", Aside())
        if trace is not None:
            found[(project, name)] = digest_json(trace.content())
    return found


def _find_intakes(connection: Connection, claims: Sequence[Claim]) -> dict[str, Intake]:
    """What is known of the claims, by their ids."""
    found: dict[str, Intake] = {}
    for start in range(0, len(claims), _CHUNK):
        wanted = [claim.id for claim in claims[start : start + _CHUNK]]
        query = select(records.c.id, records.c.body).where(records.c.kind == Intake.__name__, records.c.id.in_(wanted))
        found.update({row.id: Intake.model_validate_json(row.body) for row in connection.execute(query)})
    return found


def _find_digests(connection: Connection, keys: Iterable[Key]) -> dict[Key, str]:
    """The digests of those of the traces that are there."""
    names: dict[str, list[str]] = {}
    for project, name in keys:
        names.setdefault(project, []).append(name)
    found: dict[Key, str] = {}
    for project, wanted in names.items():
        for start in range(0, len(wanted), _CHUNK):
            query = select(traces.c.id, traces.c.digest).where(
                traces.c.project == project, traces.c.id.in_(wanted[start : start + _CHUNK])
            )
            found.update({(project, row.id): row.digest for row in connection.execute(query)})
    return found
