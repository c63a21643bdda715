"""Leases: who holds slots of a pool, and until when.

Invariant: the slots held in a pool never exceed its limit, however many processes ask at once. The
row of the pool in ``counters`` is written first in each transaction, so that on every database the
count and the new lease are one step. A lease that is not renewed ends by itself: the slots of a
killed worker come free after its time to live.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, select, update

from agent_factory.compute.pool import find_pool, read_pools
from agent_factory.contracts.compute import Lease, Pool, ResourceSpec
from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.core import clock, table
from agent_factory.core.error import BusyError, ConflictError, DeadlineError, FactoryError, InputError, NotFoundError
from agent_factory.core.store import Store

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.5


def allocate(
    store: Store,
    resource: ResourceSpec,
    holder: str,
    ttl_seconds: float = 60.0,
    build: str | None = None,
    *,
    project: str = DEFAULT_PROJECT,
    recipes: Path | None = None,
) -> Lease:
    """Take slots of a pool for ``ttl_seconds``.

    Raises NotFoundError (no such pool), InputError (more slots than the pool has, no time to live)
    and BusyError with ``retry_after``, the seconds until the first of the leases held now ends.
    """
    pool = find_pool(resource.pool, recipes)
    if resource.slots > pool.limit:
        raise InputError(f"{resource.slots} slots were asked of pool {pool.name!r}, which has {pool.limit} in all")
    if ttl_seconds <= 0:
        raise InputError(f"a lease's time to live is {ttl_seconds!r} s, expected more than 0")
    with _locked(store, pool.name) as connection:
        held = _expire(store, connection, pool.name)
        taken = sum(lease.resource.slots for lease in held)
        if taken + resource.slots > pool.limit:
            first_end = min(lease.expires_at for lease in held)
            raise BusyError(
                f"pool {pool.name!r} has {taken} of {pool.limit} slots held by "
                f"{_name_holders(held, project)}; {resource.slots} more were asked. Try again.",
                retry_after=max(0.1, (first_end - clock.now()).total_seconds()),
            )
        now = clock.now()
        lease = Lease(
            id=clock.new_id("lease"),
            project=project,
            created_at=now,
            resource=resource,
            holder=holder,
            build=build,
            expires_at=now + timedelta(seconds=ttl_seconds),
        )
        store.put_in(connection, lease)
    return lease


def release(store: Store, lease_id: str) -> Lease:
    """Give slots back; a lease that has ended already is returned as it is. NotFoundError if unknown."""
    lease = store.get(Lease, lease_id)
    with _locked(store, lease.resource.pool) as connection:
        lease = _read(connection, lease_id)
        if lease.state == "held":
            lease = lease.model_copy(update={"state": "released", "released_at": clock.now()})
            store.put_in(connection, lease, replace=True)
    return lease


def renew(store: Store, lease_id: str, ttl_seconds: float) -> Lease:
    """Hold on for ``ttl_seconds`` from now; ConflictError where the lease has ended."""
    lease = store.get(Lease, lease_id)
    with _locked(store, lease.resource.pool) as connection:
        lease = _read(connection, lease_id)
        if lease.state != "held":
            raise ConflictError(f"lease {lease_id!r} is {lease.state}: it cannot be renewed, take a new one")
        lease = lease.model_copy(update={"expires_at": clock.now() + timedelta(seconds=ttl_seconds)})
        store.put_in(connection, lease, replace=True)
    return lease


def expire(store: Store, pool: str) -> int:
    """Write down as expired what has passed its time in a pool; the slots that are held after it."""
    with _locked(store, pool) as connection:
        return sum(lease.resource.slots for lease in _expire(store, connection, pool))


def show_pools(store: Store, recipes: Path | None = None) -> tuple[Pool, ...]:
    """The pools with the slots that are held in each now."""
    now = clock.now()
    held: Counter[str] = Counter()
    for lease in store.find(Lease, state="held"):
        if lease.expires_at > now:
            held[lease.resource.pool] += lease.resource.slots
    return read_pools(recipes, held)


@contextmanager
def hold(
    store: Store,
    resource: ResourceSpec,
    holder: str,
    *,
    wait_seconds: float = 600.0,
    ttl_seconds: float = 60.0,
    build: str | None = None,
    project: str = DEFAULT_PROJECT,
    recipes: Path | None = None,
) -> Generator[Lease]:
    """Wait for slots, hold them (renewed by a thread) while the block runs, then give them back.

    Raises DeadlineError where none came free within ``wait_seconds``.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            lease = allocate(store, resource, holder, ttl_seconds, build, project=project, recipes=recipes)
            break
        except BusyError as error:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlineError(f"{holder} waited {wait_seconds:g} s for a slot. {error}") from error
            time.sleep(min(_POLL_SECONDS, error.retry_after, left))
    ended = threading.Event()
    renewer = threading.Thread(target=_keep, args=(store, lease.id, ttl_seconds, ended), daemon=True)
    renewer.start()
    try:
        yield lease
    finally:
        ended.set()
        renewer.join(timeout=ttl_seconds)
        release(store, lease.id)


def _keep(store: Store, lease_id: str, ttl_seconds: float, ended: threading.Event) -> None:
    while not ended.wait(ttl_seconds / 3):
        try:
            renew(store, lease_id, ttl_seconds)
        except ConflictError as error:
            _log.warning("%s; the work goes on without it", error)
            return
        except FactoryError as error:
            _log.warning("lease %s could not be renewed: %s", lease_id, error)


@contextmanager
def _locked(store: Store, pool: str) -> Generator[Connection]:
    """A transaction that is alone with the leases of a pool: it begins by writing the pool's row."""
    name = f"lease.{pool}"
    column = table.counters.c
    with store.begin(read_only=True) as connection:
        known = connection.execute(select(column.value).where(column.name == name)).scalar() is not None
    if not known:
        store.next_number(name)
    with store.begin() as connection:
        connection.execute(update(table.counters).where(column.name == name).values(value=column.value + 1))
        yield connection


def _expire(store: Store, connection: Connection, pool: str) -> list[Lease]:
    """Write the state of leases past their time; returns the ones that hold slots of the pool."""
    columns = table.records.c
    query = select(columns.body).where(columns.kind == Lease.__name__, columns.state == "held")
    now = clock.now()
    held: list[Lease] = []
    for body in connection.execute(query).scalars().all():
        lease = Lease.model_validate_json(body)
        if lease.resource.pool != pool:
            continue
        if lease.expires_at > now:
            held.append(lease)
        else:
            store.put_in(connection, lease.model_copy(update={"state": "expired"}), replace=True)
    return held


def _name_holders(held: list[Lease], project: str) -> str:
    """Who holds slots; of other projects no more than that it is one."""
    return ", ".join(sorted({lease.holder if lease.project == project else "another project" for lease in held}))


def _read(connection: Connection, lease_id: str) -> Lease:
    columns = table.records.c
    query = select(columns.body).where(columns.kind == Lease.__name__, columns.id == lease_id)
    body = connection.execute(query).scalar()
    if body is None:
        raise NotFoundError(f"there is no lease {lease_id!r}")
    return Lease.model_validate_json(body)
