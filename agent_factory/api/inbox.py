"""How much of arriving events is held at once, over all requests, and the one place where they are kept.

Invariants: room is taken before it is used, and given back when what filled it is durable or refused;
where there is none a sender is told to wait (429), and nothing of what it was not yet answered for is
lost, since a repeat is harmless. Parcels that wait together are kept in one transaction.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from agent_factory.core.error import BusyError, ConflictError, DeadlineError
from agent_factory.core.intake import Parcel, Receipt
from agent_factory.core.tracelog import TraceLog

KEEP_SECONDS = 60.0
_GROUP_TRACES = 2000
_Waiting = tuple[Parcel, "asyncio.Future[Receipt]"]


class Room:
    """What one request holds of the inbox."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.size = 0

    def grow(self, size: int) -> None:
        """Take ``size`` bytes more; BusyError where they are not there."""
        inbox = self._inbox
        if inbox.held + size > inbox.limit:
            raise BusyError(f"{inbox.held} bytes of events are in flight, {inbox.limit} at most: send again later")
        inbox.held += size
        self.size += size


class Inbox:
    """The bytes and requests in flight, and the writer behind them."""

    def __init__(self, log: TraceLog, limit: int = 64 * 2**20, requests: int = 512) -> None:
        self.limit = limit
        self.requests = requests
        self.held = 0
        self.inside = 0
        self._log = log
        self._waiting: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None

    @contextmanager
    def admit(self, size: int = 0) -> Generator[Room]:
        """Room for a request that holds ``size`` bytes at first; BusyError where there is none."""
        if self.inside >= self.requests:
            raise BusyError(f"{self.inside} requests with events are in flight: send again later")
        room = Room(self)
        room.grow(size)
        self.inside += 1
        try:
            yield room
        finally:
            self.inside -= 1
            self.held -= room.size

    async def keep(self, parcel: Parcel) -> Receipt:
        """Keep a parcel; returns when it is durable.

        Raises ConflictError, StorageError, and DeadlineError where the store did not answer in time; then
        the parcel may have been kept or not, and a repeat tells.
        """
        kept: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((parcel, kept))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        try:
            return await asyncio.wait_for(kept, KEEP_SECONDS)
        except TimeoutError as error:
            raise DeadlineError(
                f"the store did not keep the events within {KEEP_SECONDS:g} s: send the same again"
            ) from error

    async def _write(self) -> None:
        while self._waiting:
            group = self._take_group()
            try:
                outcomes = await asyncio.to_thread(self._log.keep, [parcel for parcel, _ in group])
            except Exception as error:  # each sender is told; the next group may fare better
                for _, kept in group:
                    if not kept.done():
                        kept.set_exception(error)
                continue
            for (_, kept), outcome in zip(group, outcomes, strict=True):
                if kept.done():
                    continue
                if isinstance(outcome, ConflictError):
                    kept.set_exception(outcome)
                else:
                    kept.set_result(outcome)

    def _take_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._waiting and (not group or size + self._waiting[0][0].count <= _GROUP_TRACES):
            size += self._waiting[0][0].count
            group.append(self._waiting.popleft())
        return group


@asynccontextmanager
async def deadline(seconds: float, told: str) -> AsyncGenerator[None]:
    """DeadlineError with ``told`` where the block takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise DeadlineError(told) from error
