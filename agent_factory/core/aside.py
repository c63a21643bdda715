"""Traces that are kept and cannot be read: set aside by name, so that one of them is not in the way of all others.

Invariant: nothing is set aside in silence. Who goes on without what cannot be read hands an ``Aside`` in and
tells of it; who does not, gets an error that names the trace.
"""

from __future__ import annotations

import logging

from pydantic import ValidationError

from agent_factory.contracts.record import Count, Part
from agent_factory.contracts.trace import Trace
from agent_factory.core.error import StorageError

_log = logging.getLogger(__name__)
_SHOWN = 20
_SHOWN_FAULTS = 3
_REASON_CHARACTERS = 300


class Unreadable(Part):
    """A trace that is kept and cannot be read, and why."""

    trace_id: str
    reason: str


class SetAside(Part):
    """How many traces could not be read, and the first of them."""

    count: Count = 0
    examples: tuple[Unreadable, ...] = ()


class Aside:
    """Takes what cannot be read while the rest is."""

    def __init__(self) -> None:
        self._count = 0
        self._examples: list[Unreadable] = []

    def add(self, trace_id: str, reason: str) -> None:
        """Set a trace aside."""
        self._count += 1
        if len(self._examples) < _SHOWN:
            _log.warning("set aside: trace %r cannot be read: %s", trace_id, reason)
            self._examples.append(Unreadable(trace_id=trace_id, reason=reason))

    def tell(self) -> SetAside:
        """What was set aside."""
        return SetAside(count=self._count, examples=tuple(self._examples))


def read_body(trace_id: str, body: str, where: str, aside: Aside | None = None) -> Trace | None:
    """The trace of a kept body, or None where it was set ``aside``; StorageError where there is no aside."""
    try:
        return Trace.model_validate_json(body)
    except ValidationError as error:
        reason = _explain(error)
        if aside is not None:
            aside.add(trace_id, reason)
            return None
        raise StorageError(
            f"trace {trace_id!r} of {where} cannot be read: {reason}. It was taken in before such were refused. "
            "Days are made without it: make the day again, and send the trace mended under another id"
        ) from error


def _explain(error: ValidationError) -> str:
    """Field and fault; no values, which may be personal."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    told = [f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:_SHOWN_FAULTS]]
    return "; ".join(told)[:_REASON_CHARACTERS]
