"""Bodies as they arrive: unpacked, bounded, and cut into batches of lines.

Invariant: what is held of a body is never more than the room that was taken for it, however long it
is, however it is packed, and whether or not its length was told.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from agent_factory.api.inbox import Room, deadline
from agent_factory.core.error import InputError, TooLargeError
from agent_factory.data.ingest import BOM, parse_json

BODY_BYTES = 16 * 2**20
LINE_BYTES = 4 * 2**20
BATCH_BYTES = 2 * 2**20
BATCH_LINES = 500
STREAM_ROOM = LINE_BYTES + BATCH_BYTES
CHUNK_SECONDS = 60.0
_PIECE = 64 * 1024


@dataclass
class Batch:
    """Lines of a stream: the number of the first one (from 1), their values, and a digest of all up to here."""

    first: int
    events: list[Any]
    numbers: list[int]
    digest: str
    last: bool = False


def read_kind(request: Request) -> str:
    """The content type, lower-cased; InputError where the text is said to be other than UTF-8."""
    kind, _, rest = request.headers.get("content-type", "application/json").partition(";")
    name, _, charset = rest.strip().partition("=")
    if name.strip().lower() == "charset" and charset.strip('" ').lower().replace("-", "") not in ("utf8", "usascii"):
        raise InputError(f"the charset is {charset!r}, expected utf-8: JSON is sent as UTF-8")
    return kind.strip().lower()


def read_length(request: Request) -> int:
    """The bytes that the request says it has, 0 where it says nothing; they are as many once unpacked or more."""
    told = request.headers.get("content-length", "0")
    return int(told) if told.isdigit() else 0


async def read_chunks(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces, unpacked; InputError where it is packed otherwise than by gzip or broken."""
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip", "deflate"):
        raise InputError(f"the content encoding is {packing!r}, expected gzip, deflate or none")
    chunks = _read_stream(request)
    async for chunk in chunks if packing == "identity" else _unpack(chunks, packing):
        yield chunk


async def _read_stream(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream().__aiter__()
    while True:
        async with deadline(CHUNK_SECONDS, f"nothing more of the body came within {CHUNK_SECONDS:g} s"):
            chunk = await anext(stream, None)
        if chunk is None:
            return
        yield chunk


async def _unpack(chunks: AsyncIterator[bytes], packing: str) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(31 if packing == "gzip" else 15)
    try:
        async for chunk in chunks:
            rest = chunk
            while rest:
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as error:
        raise InputError(f"the body is not {packing}: {error}") from error
    if not unpacker.eof:
        raise InputError(f"the body ends in the middle of its {packing}: send it again, whole")


async def read_whole(request: Request, room: Room, limit: int = BODY_BYTES) -> bytes:
    """A body that is read as one; TooLargeError above ``limit`` bytes, before more of it is held."""
    pieces: list[bytes] = []
    size = read_length(request)
    require_size(size, limit)
    room.grow(size)
    size = 0
    async for chunk in read_chunks(request):
        size += len(chunk)
        require_size(size, limit)
        if size > room.size:
            room.grow(size - room.size)
        pieces.append(chunk)
    return b"".join(pieces)


def require_size(size: int, limit: int) -> None:
    """TooLargeError, with what to do, above ``limit`` bytes."""
    if size > limit:
        raise TooLargeError(
            f"the body has more than {limit} bytes: send it in parts, or its events one a line "
            "as application/x-ndjson, which is read as it comes"
        )


async def read_batches(chunks: AsyncIterator[bytes]) -> AsyncIterator[Batch]:
    """Batches of an NDJSON stream; the last one is marked. Blank lines are passed over.

    A line that is not JSON stands as a ValueError in its place. TooLargeError for a line above LINE_BYTES.
    """
    digest = hashlib.sha256()
    full: Batch | None = None
    batch, size = Batch(1, [], [], ""), 0
    async for number, line in _read_lines(chunks):
        if full:
            yield full
            full = None
        if not batch.events:
            batch.first = number
        batch.events.append(parse_json(line))
        batch.numbers.append(number)
        digest.update(line + b"\n")
        size += len(line)
        if len(batch.events) >= BATCH_LINES or size >= BATCH_BYTES:
            batch.digest = digest.hexdigest()
            full, batch, size = batch, Batch(1, [], [], ""), 0
    batch.digest = digest.hexdigest()
    final = full or batch
    if final.events:
        final.last = True
        yield final


async def _read_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Lines that hold something, stripped, with their numbers from 1."""
    pieces: list[bytes] = []
    number = held = 0
    async for chunk in _with_end(chunks):
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            number += 1
            line = b"".join((*pieces, end))
            pieces, held = [], 0
            if len(line) > LINE_BYTES:
                raise _too_long(number)
            line = (line.removeprefix(BOM) if number == 1 else line).strip()
            if line:
                yield number, line
        pieces.append(rest)
        held += len(rest)
        if held > LINE_BYTES:
            raise _too_long(number + 1)


def _too_long(number: int) -> TooLargeError:
    return TooLargeError(
        f"line {number} has more than {LINE_BYTES} bytes: split the episode into sessions, one event each. "
        "The batches before it are kept"
    )


async def _with_end(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
    yield b"\n"  # ends a last line that has no line feed
