"""Data: events come in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from agent_factory.api.body import STREAM_ROOM, Batch, read_batches, read_chunks, read_kind, read_length, read_whole
from agent_factory.api.context import Context, Ctx, Key
from agent_factory.api.error import tell
from agent_factory.api.inbox import Inbox
from agent_factory.contracts.trace import Trace
from agent_factory.core.digest import digest_bytes
from agent_factory.core.error import InputError
from agent_factory.core.intake import Claim, Notices, Parcel, Receipt, pack
from agent_factory.data.ingest import parse_json, read_traces
from agent_factory.data.stranger import Roll

router = APIRouter(tags=["data"])

_INLINE_BYTES = 16 * 1024
_EVENT = {"type": "object", "description": "A Trace (see the schema Trace of contracts)"}
_EVENTS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"oneOf": [_EVENT, {"type": "array", "items": _EVENT}]}},
            "application/x-ndjson": {"schema": {"type": "string", "description": "one JSON object a line"}},
        },
    }
}


@router.post(
    "/data/events",
    summary="Take traces in",
    responses=tell(409, 410, 413, 422, 429, 504, 507),
    openapi_extra=_EVENTS_BODY,
    response_model_exclude_defaults=True,
)
async def take_in(request: Request, context: Ctx, key: Key = None) -> Receipt:
    """Keep traces; the answer comes when they are durable. The same id and content again is a duplicate.

    A trace of a day that no data is made of, such as tomorrow (UTC), is refused; the message says which days are.
    A JSON body (16 MiB at most) is kept whole or not at all; an NDJSON stream batch by batch, and where a line
    is refused, the batches before it are kept: mend the line and send all of it again. With an Idempotency-Key
    the same body, byte for byte, is answered with its first receipt, and another body with 409. What is not known
    here (a recipe, a tool that a recipe does not have) is taken, flagged by cleaning, and told in ``warnings``.
    """
    inbox: Inbox = request.app.state.inbox
    kind = read_kind(request)
    if kind == "application/x-ndjson":
        return await _take_stream(request, context, key, inbox)
    if kind != "application/json":
        raise InputError(f"the content type is {kind!r}, expected 'application/json' or 'application/x-ndjson'")
    with inbox.admit() as room:
        body = await read_whole(request, room)
        make = lambda: _pack_body(body, context, key)  # noqa: E731
        # A thread costs more than a small body does.
        parcel = make() if len(body) <= _INLINE_BYTES else await run_in_threadpool(make)
        return await inbox.keep(parcel)


def _pack_body(body: bytes, context: Context, key: str | None) -> Parcel:
    found = parse_json(body)
    if isinstance(found, ValueError):
        raise InputError(f"the body cannot be read: {found}. Send an object, a list, or application/x-ndjson")
    project = context.project
    traces = read_traces(found if isinstance(found, list) else [found], project)
    claim = Claim(project=project, key=key, part=0, digest=digest_bytes(body), last=True) if key else None
    return pack(traces, claim, _look_at(traces, context))


def _look_at(traces: list[Trace], context: Context) -> Notices:
    roll = Roll(context.settings.recipes)
    roll.add(traces)
    return roll.tell()


async def _take_stream(request: Request, context: Context, key: str | None, inbox: Inbox) -> Receipt:
    accepted = duplicates = part = 0
    roll = Roll(context.settings.recipes)
    length = read_length(request)
    packed = "content-encoding" in request.headers
    # What a stream can hold at most is taken at once, so that none is turned away half-way.
    with inbox.admit(min(length, STREAM_ROOM) if length and not packed else STREAM_ROOM):
        async for batch in read_batches(read_chunks(request)):
            parcel = await run_in_threadpool(_pack_batch, batch, context, key, part)
            receipt = await inbox.keep(parcel)
            accepted += receipt.accepted
            duplicates += receipt.duplicates
            roll.take(receipt.warnings)
            part += 1
    return Receipt(accepted=accepted, duplicates=duplicates, warnings=roll.tell())


def _pack_batch(batch: Batch, context: Context, key: str | None, part: int) -> Parcel:
    project = context.project
    claim = Claim(project=project, key=key, part=part, digest=batch.digest, last=batch.last) if key else None
    try:
        traces = read_traces(batch.events, project, numbers=batch.numbers)
        return pack(traces, claim, _look_at(traces, context))
    except InputError as error:
        kept = f" The lines before {batch.first} are kept." if batch.first > 1 else ""
        raise type(error)(f"{error}{kept}") from error
