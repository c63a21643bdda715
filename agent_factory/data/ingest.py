"""Takes traces in: every event is checked before one is kept, and all are kept or none.

Invariant: an accepted event is a valid Trace of the caller's project, on a day that data is taken of;
the same id with the same content is taken as often as it comes and kept once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.day import require_instant
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import Receipt, TraceLog

EVENT_BYTES = 2**20
_SHOWN_EVENTS = 20
_SHOWN_FIELDS = 5

Payload = dict[str, Any] | Iterable[dict[str, Any]] | str | bytes


def take_events(
    store: Store, payload: Payload, project: str = DEFAULT_PROJECT, *, event_bytes: int = EVENT_BYTES
) -> Receipt:
    """Keep one event, a batch, or NDJSON text; returns once they are durable.

    Raises InputError that names each refused event by its index (from 0) and field, and
    ConflictError where an id is known with other content; then nothing of the payload was kept.
    """
    traces: list[Trace] = []
    faults: list[str] = []
    for index, event in enumerate(_events(payload)):
        try:
            traces.append(_read_event(event, project, event_bytes))
        except ValidationError as error:
            faults.append(f"{_name(index, event)}: {explain(error)}")
        except InputError as error:
            faults.append(f"{_name(index, event)}: {error}")
    if faults:
        hidden = f"\n… and {len(faults) - _SHOWN_EVENTS} more" if len(faults) > _SHOWN_EVENTS else ""
        listed = "\n".join(faults[:_SHOWN_EVENTS])
        count = len(faults) + len(traces)
        raise InputError(
            f"{len(faults)} of {count} events refused, none was kept. Mend and send again:\n{listed}{hidden}"
        )
    return TraceLog(store).add(traces)


def explain(error: ValidationError) -> str:
    """What is wrong with a record, field by field: ``steps.0.action.role: Input should be …, got 'robot'``."""
    faults = error.errors(include_url=False)
    told = [_explain_field(dict(fault)) for fault in faults[:_SHOWN_FIELDS]]
    hidden = f"; and {len(faults) - _SHOWN_FIELDS} fields more" if len(faults) > _SHOWN_FIELDS else ""
    return "; ".join(told) + hidden


def _explain_field(fault: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"]) or "event"
    reason = str(fault["msg"]).removeprefix("Value error, ")
    given = fault["input"]
    # Only what is short and plain is shown: an event may hold personal data.
    shown = f", got {given!r}" if fault["type"] in ("literal_error", "greater_than_equal") else ""
    return f"{place}: {reason}{shown[:80]}"


def _events(payload: Payload) -> Iterable[Any]:
    if isinstance(payload, dict):
        return [cast(dict[str, Any], payload)]
    if isinstance(payload, (str, bytes)):
        text = _decode(payload) if isinstance(payload, bytes) else payload
        return (_read_line(line) for line in text.split("\n") if line.strip())
    return payload


def _decode(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the payload is not UTF-8: {error}. Send JSON in UTF-8, one event a line") from error


def _read_line(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        return error
    except RecursionError:
        return ValueError("it is nested too deeply")


def _read_event(event: Any, project: str, event_bytes: int) -> Trace:
    if isinstance(event, ValueError):
        raise InputError(f"the line is not JSON: {event}")
    if not isinstance(event, dict):
        raise InputError(f"expected a JSON object, got {type(event).__name__}")
    # Its sender need not say whose project it is, nor when it arrived.
    trace = Trace.model_validate({"project": project, "created_at": clock.now(), **cast(dict[str, Any], event)})
    if trace.project != project:
        raise InputError(f"project: it is {trace.project!r}, this sender's is {project!r}")
    try:
        require_instant(trace.started_at)
    except InputError as error:
        raise InputError(f"started_at: {error}") from error
    try:
        size = len(trace.model_dump_json())
    except PydanticSerializationError as error:
        raise InputError(f"it holds text that is not Unicode: {error}") from error
    if size > event_bytes:
        raise InputError(f"it has {size} characters, at most {event_bytes} are taken; split the episode into sessions")
    return trace


def _name(index: int, event: Any) -> str:
    found = cast(dict[str, Any], event).get("id") if isinstance(event, dict) else None
    return f"event {index} (id {found!r})" if isinstance(found, str) else f"event {index}"
