"""Takes traces in: every event is checked before one is kept, and all are kept or none.

Invariant: an accepted event is a valid Trace of the caller's project, on a day that data is taken of;
the same id with the same content is taken as often as it comes and kept once.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn, cast

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.day import require_instant
from agent_factory.core.document import NESTING, TOO_DEEP, require_json
from agent_factory.core.error import InputError, TooLargeError
from agent_factory.core.intake import Receipt
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog

EVENT_BYTES = 2**20
BOM = b"\xef\xbb\xbf"
_SHOWN_EVENTS = 20
_SHOWN_FIELDS = 5
_SHOWN_TYPES = ("literal_error", "greater_than_equal", "less_than_equal", "finite_number")

Payload = dict[str, Any] | Iterable[Any] | str | bytes


def take_events(
    store: Store, payload: Payload, project: str = DEFAULT_PROJECT, *, event_bytes: int = EVENT_BYTES
) -> Receipt:
    """Keep one event, a batch, or NDJSON text; returns once they are durable.

    Raises what ``read_traces`` raises, and ConflictError where an id is known with other content; then
    nothing of the payload was kept.
    """
    return TraceLog(store).add(read_traces(_events(payload), project, event_bytes=event_bytes))


def read_traces(
    events: Iterable[Any], project: str, *, event_bytes: int = EVENT_BYTES, numbers: Sequence[int] | None = None
) -> list[Trace]:
    """The traces of events as JSON has them; a ValueError in their place is a line that was not JSON.

    Raises InputError that names each refused event by its index (or the ``numbers`` of its lines) and
    field; TooLargeError where size is all that is wrong.
    """
    traces: list[Trace] = []
    faults: list[str] = []
    only_large = True
    unit = "line" if numbers else "event"
    for index, event in zip(numbers or itertools.count(), events, strict=False):
        try:
            traces.append(read_trace(event, project, event_bytes))
        except ValidationError as error:
            faults.append(f"{_name(unit, index, event)}: {explain(error)}")
            only_large = False
        except InputError as error:
            faults.append(f"{_name(unit, index, event)}: {error}")
            only_large = only_large and isinstance(error, TooLargeError)
    if faults:
        hidden = f"\n… and {len(faults) - _SHOWN_EVENTS} more" if len(faults) > _SHOWN_EVENTS else ""
        listed = "\n".join(faults[:_SHOWN_EVENTS])
        raise (TooLargeError if only_large else InputError)(
            f"{len(faults)} of {len(faults) + len(traces)} events refused, none was kept. "
            f"Mend and send again:\n{listed}{hidden}"
        )
    return traces


def read_trace(event: Any, project: str, event_bytes: int = EVENT_BYTES) -> Trace:
    """The trace of an event; ValidationError or InputError where it is none of the project's."""
    if isinstance(event, ValueError):
        raise InputError(str(event))
    if not isinstance(event, dict):
        raise InputError(f"expected a JSON object, got {type(event).__name__}")
    # Its sender need not say whose project it is, nor when it arrived.
    trace = Trace.model_validate({"project": project, "created_at": clock.now(), **cast(dict[str, Any], event)})
    if trace.project != project:
        raise InputError(f"project: it is {trace.project!r}, this sender's is {project!r}")
    require_trace(trace, event_bytes)
    return trace


def require_trace(trace: Trace, event_bytes: int = EVENT_BYTES) -> None:
    """InputError unless data is taken of the trace's day and it can be kept; TooLargeError above ``event_bytes``.

    What can be kept is read again as it came. All ways in ask this: what is taken and cannot be read later
    would be lost to its sender, and in the way of whoever reads the day.
    """
    try:
        require_instant(trace.started_at)
    except InputError as error:
        raise InputError(f"started_at: {error}") from error
    for place, value in _json_values(trace):
        require_json(place, value)
    try:
        text = trace.model_dump_json()
    except PydanticSerializationError as error:
        raise InputError(f"it holds text that is not Unicode: {error}") from error
    if len(text) > event_bytes:
        raise TooLargeError(
            f"it has {len(text)} characters, at most {event_bytes} are taken; split the episode into sessions"
        )
    try:
        kept = Trace.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"it could not be read again: {explain(error)}") from error
    if kept != trace:
        changed = [name for name in Trace.model_fields if getattr(kept, name) != getattr(trace, name)]
        raise InputError(f"{', '.join(changed)}: it would be kept otherwise than it came; send what JSON can hold")


def _json_values(trace: Trace) -> Iterator[tuple[str, Any]]:
    """The values of a trace that may hold any JSON, each with its place."""
    yield "metadata", trace.metadata
    yield "pseudonyms", trace.pseudonyms
    for number, tool in enumerate(trace.tools):
        yield f"tools.{number}.parameters", tool.parameters
    for message in trace.messages():
        for call in message.tool_calls:
            yield f"the arguments of call {call.id!r}"[:80], call.arguments


def parse_json(text: str | bytes) -> Any:
    """A JSON value, or a ValueError that says what is wrong: encoding, syntax, NaN, depth.

    A byte order mark before it is passed over, as RFC 8259 (8.1) lets a reader do.
    """
    try:
        # json.loads would guess at UTF-16 and UTF-32: what is not UTF-8 is to be told as that.
        told = text.removeprefix(BOM).decode() if isinstance(text, bytes) else text.removeprefix("\ufeff")
        return json.loads(told, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        return ValueError(
            f"it is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}. Save the text as UTF-8"
        )
    except RecursionError:
        return ValueError("it is nested too deeply to be read as JSON")
    except ValueError as error:
        return ValueError(f"it is not JSON: {error}")


def explain(error: ValidationError) -> str:
    """What is wrong with a record, field by field: ``steps.0.action.role: Input should be …, got 'robot'``."""
    faults = error.errors(include_url=False)
    told = [_explain_field(dict(fault)) for fault in faults[:_SHOWN_FIELDS]]
    hidden = f"; and {len(faults) - _SHOWN_FIELDS} fields more" if len(faults) > _SHOWN_FIELDS else ""
    return "; ".join(told) + hidden


def _explain_field(fault: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"]) or "event"
    if len(fault["loc"]) > NESTING:
        return f"{fault['loc'][0]}: {TOO_DEEP}"
    reason = str(fault["msg"]).removeprefix("Value error, ")
    given = fault["input"]
    # Only what is short and plain is shown: an event may hold personal data.
    shown = f", got {given!r}" if fault["type"] in _SHOWN_TYPES else ""
    return f"{place}: {reason}{shown[:80]}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _events(payload: Payload) -> Iterable[Any]:
    if isinstance(payload, dict):
        return [cast(dict[str, Any], payload)]
    if isinstance(payload, (str, bytes)):
        lines = payload.split("\n") if isinstance(payload, str) else payload.split(b"\n")
        return (parse_json(line) for line in lines if line.strip())
    return payload


def _name(unit: str, index: int, event: Any) -> str:
    found = cast(dict[str, Any], event).get("id") if isinstance(event, dict) else None
    return f"{unit} {index} (id {found!r})" if isinstance(found, str) else f"{unit} {index}"
