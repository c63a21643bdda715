"""The inbox of traces: durable before it is answered, idempotent by id, read by day.

Invariant: a trace id stands once in a project; the same id with other content is refused, both digests
named. What is asked of one project is never answered with another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from agent_factory.contracts.record import Part
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError
from agent_factory.core.store import Store
from agent_factory.core.table import traces

_CHUNK = 400
_Key = tuple[str, str]  # project and id


class Receipt(Part):
    """What became of a batch: newly kept, and already there with the same content."""

    accepted: int
    duplicates: int


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

        Raises ConflictError where an id is known in its project with other content.
        """
        digests: dict[_Key, str] = {}
        for trace in batch:
            digest = _digest(trace)
            if digests.setdefault(_key(trace), digest) != digest:
                raise ConflictError(f"trace {trace.id!r} stands twice in the batch with different content")
        unique = {_key(trace): trace for trace in batch}
        try:
            with self.store.begin() as connection:
                known = _find_digests(connection, unique)
                for key, digest in known.items():
                    if digest != digests[key]:
                        raise ConflictError(
                            f"trace {key[1]!r} is known with other content: its digest is {digest}, "
                            f"the new one's is {digests[key]}. Send changed content under another id."
                        )
                fresh = [_to_row(trace, digests[key]) for key, trace in unique.items() if key not in known]
                if fresh:
                    connection.execute(traces.insert(), fresh)
        except IntegrityError:  # another writer was first with one of the ids: look again
            return self.add(batch)
        return Receipt(accepted=len(fresh), duplicates=len(batch) - len(fresh))

    def get(self, trace_id: str, project: str) -> Trace | None:
        """The project's trace of that id, or None."""
        query = select(traces.c.body).where(traces.c.project == project, traces.c.id == trace_id)
        with self.store.begin(read_only=True) as connection:
            body = connection.execute(query).scalar()
        return None if body is None else Trace.model_validate_json(body)

    def of_day(self, day: str, project: str) -> Iterator[Trace]:
        """The traces of a project's day in the order of their ids, so that the order of arrival does not show."""
        query = (
            select(traces.c.body)
            .where(traces.c.day == day, traces.c.project == project)
            .order_by(traces.c.id)
            .execution_options(yield_per=_CHUNK)
        )
        with self.store.begin(read_only=True) as connection:
            for body in connection.execute(query).scalars():
                yield Trace.model_validate_json(body)

    def of_session(self, session_id: str, project: str) -> list[Trace]:
        """The traces of a project's session in order of arrival."""
        query = (
            select(traces.c.body)
            .where(traces.c.project == project, traces.c.session_id == session_id)
            .order_by(traces.c.number)
        )
        with self.store.begin(read_only=True) as connection:
            return [Trace.model_validate_json(body) for body in connection.execute(query).scalars()]

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


def _key(trace: Trace) -> _Key:
    return trace.project, trace.id


def _find_digests(connection: Connection, keys: Iterable[_Key]) -> dict[_Key, str]:
    """The digests of those of the traces that are there."""
    names: dict[str, list[str]] = {}
    for project, name in keys:
        names.setdefault(project, []).append(name)
    found: dict[_Key, str] = {}
    for project, wanted in names.items():
        for start in range(0, len(wanted), _CHUNK):
            query = select(traces.c.id, traces.c.digest).where(
                traces.c.project == project, traces.c.id.in_(wanted[start : start + _CHUNK])
            )
            found.update({(project, row.id): row.digest for row in connection.execute(query)})
    return found


def _digest(trace: Trace) -> str:
    # The time of arrival is the record's, not the content's.
    return digest_json(trace.model_dump(mode="json", exclude={"created_at"}))


def _to_row(trace: Trace, digest: str) -> dict[str, object]:
    return {
        "id": trace.id,
        "project": trace.project,
        "day": trace.day,
        "source": trace.source,
        "recipe": trace.recipe,
        "session_id": trace.session_id,
        "received_at": clock.now(),
        "digest": digest,
        "body": trace.model_dump_json(),
    }
