"""Data: events come in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from agent_factory.api.context import Ctx
from agent_factory.api.error import tell
from agent_factory.api.inbox import Inbox, read_batches, read_events
from agent_factory.core.error import InputError
from agent_factory.core.tracelog import Receipt
from agent_factory.data.ingest import take_events

router = APIRouter(tags=["data"])

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
    "/data/events", summary="Take traces in", responses=tell(409, 413, 422, 429, 507), openapi_extra=_EVENTS_BODY
)
async def take_in(request: Request, context: Ctx) -> Receipt:
    """Keep traces; the answer comes when they are durable. The same id and content again is a duplicate.

    A trace of a day that no data is made of, such as tomorrow (UTC), is refused; the message says which days are.
    A JSON body is kept whole or not at all; an NDJSON stream batch by batch, and where a line is
    refused, the batches before it are kept: mend the line and send all of it again.
    """
    inbox: Inbox = request.app.state.inbox
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "application/x-ndjson":
        return await _take_stream(request, context, inbox)
    if kind != "application/json":
        raise InputError(f"the content type is {kind!r}, expected 'application/json' or 'application/x-ndjson'")
    with inbox.admit(int(request.headers.get("content-length", 0))):
        body = await request.body()
        events = await run_in_threadpool(read_events, body)
        return await run_in_threadpool(take_events, context.store, events, context.project)


async def _take_stream(request: Request, context: Ctx, inbox: Inbox) -> Receipt:
    accepted = duplicates = 0
    async for first, size, batch in read_batches(request.stream()):
        with inbox.admit(size):
            try:
                receipt = await run_in_threadpool(take_events, context.store, batch, context.project)
            except InputError as error:
                raise InputError(f"in the lines from {first} to {first + len(batch) - 1}: {error}") from error
        accepted += receipt.accepted
        duplicates += receipt.duplicates
    return Receipt(accepted=accepted, duplicates=duplicates)
