"""OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp): an application's exporter may point here.

Of what it sends, the spans of calls to a model become traces; spans of other things are taken and say
nothing more. Invariant: an answer of 200 names how many calls could not be taken, and why; what may
succeed later is answered 429, 503 or 504, which an exporter sends again, and nothing is doubled by it.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from agent_factory.api.body import read_kind, read_whole
from agent_factory.api.context import Ctx
from agent_factory.api.error import ErrorBody, render_error, tell
from agent_factory.api.inbox import Inbox
from agent_factory.core.error import BusyError, ConflictError, FactoryError, InputError, StorageError, TooLargeError
from agent_factory.core.intake import Parcel, pack
from agent_factory.data.importing import otel
from agent_factory.data.importing.importer import describe
from agent_factory.data.importing.row import Origin, require_object
from agent_factory.data.ingest import parse_json, require_trace

router = APIRouter(tags=["data"])

PROTOBUF = "application/x-protobuf"
_INLINE_BYTES = 16 * 1024
_SHOWN = 5
_INVALID_ARGUMENT, _UNAVAILABLE, _UNKNOWN = 3, 14, 2
_FAULTS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "It is no export request"},
    503: {"model": ErrorBody, "description": "The store or the disk failed; ask again after Retry-After seconds"},
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "description": "ExportTraceServiceRequest, ids as hex"}},
            PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class PartialSuccess(BaseModel):
    """Calls that were not taken; ``rejected_spans`` of them."""

    rejected_spans: int = Field(serialization_alias="rejectedSpans")
    error_message: str = Field(serialization_alias="errorMessage")


class ExportReply(BaseModel):
    """ExportTraceServiceResponse; ``partial_success`` is unset where all was taken."""

    partial_success: PartialSuccess | None = Field(default=None, serialization_alias="partialSuccess")


class _Rejected:
    """Calls that could not be taken, the first with their reasons."""

    def __init__(self) -> None:
        self.count = 0
        self.reasons: list[str] = []

    def add(self, name: str, reason: str) -> None:
        self.count += 1
        if len(self.reasons) < _SHOWN:
            self.reasons.append(f"span {name}: {reason[:400]}")

    def reply(self) -> ExportReply:
        if not self.count:
            return ExportReply()
        more = f"; and {self.count - len(self.reasons)} more" if self.count > len(self.reasons) else ""
        return ExportReply(
            partial_success=PartialSuccess(rejected_spans=self.count, error_message="; ".join(self.reasons) + more)
        )


@router.post(
    "/v1/traces",
    summary="Take OpenTelemetry GenAI spans in",
    response_model=ExportReply,
    responses={**_FAULTS, **tell(413, 422, 429, 504)},
    openapi_extra=_BODY,
)
async def take_spans(request: Request, context: Ctx) -> Response:
    """Keep each call to a model as a trace of its own; the answer comes when they are durable.

    Point an exporter here by OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, and have the application record messages
    on its spans. JSON or protobuf, gzip or not; calls that hold no messages are told in partial_success.
    """
    binary = False
    try:
        kind = read_kind(request)
        binary = kind == PROTOBUF
        if not binary and kind != "application/json":
            raise InputError(f"the content type is {kind!r}, expected {PROTOBUF!r} or 'application/json'")
        inbox: Inbox = request.app.state.inbox
        with inbox.admit() as room:
            body = await read_whole(request, room)
            make: Callable[[], Any] = lambda: _pack_calls(body, binary, context.project)  # noqa: E731
            parcels, rejected = make() if len(body) <= _INLINE_BYTES else await run_in_threadpool(make)
            await _keep(inbox, parcels, rejected)
        return _render(rejected.reply(), binary)
    except FactoryError as error:
        return _render_fault(error, binary)


def _pack_calls(body: bytes, binary: bool, project: str) -> tuple[list[tuple[str, Parcel]], _Rejected]:
    """A parcel for each call, so that one that conflicts keeps no other out."""
    found = _parse_protobuf(body) if binary else parse_json(body)
    if isinstance(found, ValueError):
        raise InputError(f"the body cannot be read: {found}")
    try:
        asked = require_object(found)
        # Without spans an exporter may leave the field out, and protobuf always does.
        calls = list(otel.read_calls(asked)) if asked else []
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"the body is no ExportTraceServiceRequest: {describe(error)}") from error
    parcels: list[tuple[str, Parcel]] = []
    rejected = _Rejected()
    origin = Origin(Path("otlp"), project)
    for call in calls:
        name = str(call.get("spanId"))
        try:
            traces = otel.read_traces(call, origin)
            for trace in traces:
                require_trace(trace)
            parcels.append((name, pack(traces)))
        except (FactoryError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            rejected.add(name, describe(error))
    return parcels, rejected


async def _keep(inbox: Inbox, parcels: list[tuple[str, Parcel]], rejected: _Rejected) -> None:
    outcomes = await asyncio.gather(*(inbox.keep(parcel) for _, parcel in parcels), return_exceptions=True)
    for (name, _), outcome in zip(parcels, outcomes, strict=True):
        if isinstance(outcome, ConflictError):
            rejected.add(name, str(outcome))
        elif isinstance(outcome, BaseException):
            raise outcome


def _parse_protobuf(body: bytes) -> dict[str, Any]:
    """The request as OTLP/JSON has it; protobuf's own JSON has ids as base64."""
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        message = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise InputError(f"the body is no ExportTraceServiceRequest in protobuf: {error}") from error
    found: dict[str, Any] = {"resourceSpans": [], **MessageToDict(message, use_integers_for_enums=True)}
    for resource in found["resourceSpans"]:
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64decode(span[key]).hex()
    return found


def _render(reply: ExportReply, binary: bool) -> Response:
    if not binary:
        text = reply.model_dump_json(by_alias=True, exclude_none=True)
        return Response(text, media_type="application/json")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    message = ExportTraceServiceResponse()
    if reply.partial_success:
        message.partial_success.rejected_spans = reply.partial_success.rejected_spans
        message.partial_success.error_message = reply.partial_success.error_message
    return Response(message.SerializeToString(), media_type=PROTOBUF)


def _render_fault(error: FactoryError, binary: bool) -> Response:
    """The error as everywhere, with what OTLP asks for: a google.rpc.Status, 400 for what is invalid, 503 for later."""
    answer = render_error(error)
    code = _UNKNOWN
    if isinstance(error, StorageError):
        answer.status_code, code = 503, _UNAVAILABLE
        answer.headers["Retry-After"] = "5"
    elif isinstance(error, InputError):
        answer.status_code = error.status if isinstance(error, TooLargeError) else 400
        code = _INVALID_ARGUMENT
    elif isinstance(error, BusyError):
        code = _UNAVAILABLE
    headers = {name: value for name, value in answer.headers.items() if name.lower() in ("retry-after",)}
    if binary:
        return Response(_encode_status(code, str(error)), answer.status_code, headers, PROTOBUF)
    body = {"code": code, "message": str(error), **json.loads(bytes(answer.body))}
    return Response(json.dumps(body), answer.status_code, headers, "application/json")


def _encode_status(code: int, message: str) -> bytes:
    """A google.rpc.Status (field 1 the code, field 2 the message); its package is not a dependency."""
    text = message.encode()
    length, size = bytearray(), len(text)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((0x08, code, 0x12)) + bytes(length) + text
