"""How much of arriving events is held in memory at once, over all requests.

Invariant: what is counted in is counted out when it is durable or refused; over the limit a sender
is told to wait (429), and nothing of what it was not yet answered for is lost, since a repeat of
the same ids is harmless.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Any, cast

from agent_factory.core.error import BusyError, InputError, TooLargeError

LINE_BYTES = 4 * 2**20
_BATCH_BYTES = 4 * 2**20
_BATCH_LINES = 500


class Inbox:
    """The count of bytes in flight."""

    def __init__(self, limit: int = 64 * 2**20) -> None:
        self.limit = limit
        self.held = 0

    @contextmanager
    def admit(self, size: int) -> Generator[None]:
        """Hold ``size`` bytes while the block runs; BusyError where there is no room."""
        if self.held + size > self.limit:
            raise BusyError(f"{self.held} bytes of events are in flight, {self.limit} at most: send again later")
        self.held += size
        try:
            yield
        finally:
            self.held -= size


def read_events(body: bytes) -> list[dict[str, Any]]:
    """The events of a JSON body: one object, or a list of them."""
    try:
        found = json.loads(body)
    except ValueError as error:
        raise InputError(f"the body is not JSON: {error}. Send an object, a list, or application/x-ndjson") from error
    except RecursionError as error:
        raise InputError("the body is nested too deeply to be read as JSON") from error
    events = cast("list[Any]", found) if isinstance(found, list) else [found]
    for number, event in enumerate(events, start=1):
        if not isinstance(event, dict):
            raise InputError(f"event {number} is {str(event)[:80]!r}, expected a JSON object")
    return cast("list[dict[str, Any]]", events)


async def read_batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, int, list[dict[str, Any]]]]:
    """Batches of an NDJSON stream: number of the first line, bytes, events. Blank lines are passed over."""
    rest, number, size = b"", 0, 0
    first, batch = 1, cast("list[dict[str, Any]]", [])
    async for chunk in _with_end(chunks):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LINE_BYTES:
            raise TooLargeError(f"line {number + len(lines) + 1} has more than {LINE_BYTES} bytes")
        for line in lines:
            number += 1
            if not line.strip():
                continue
            first = first if batch else number
            batch.append(_read_line(line, number))
            size += len(line)
            if len(batch) >= _BATCH_LINES or size >= _BATCH_BYTES:
                yield first, size, batch
                batch, size = [], 0
    if batch:
        yield first, size, batch


async def _with_end(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
    yield b"\n"  # ends a last line that has no line feed


def _read_line(line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise InputError(f"line {number} is not JSON: {error}; the lines before its batch are kept") from error
    except RecursionError as error:
        raise InputError(f"line {number} is nested too deeply to be read as JSON") from error
    if not isinstance(found, dict):
        raise InputError(f"line {number} is {str(found)[:80]!r}, expected a JSON object")
    return cast("dict[str, Any]", found)
