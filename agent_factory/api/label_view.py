"""The labelling pages as HTML: drawn here, answered by ``label_page``.

Invariant: a page loads nothing from elsewhere, runs only its own script (a nonce says so), and works
without it; all text of traces is escaped.
"""

from __future__ import annotations

import json
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fastapi.responses import HTMLResponse

from agent_factory.contracts.message import Message
from agent_factory.contracts.trace import Trace

_TEMPLATES = Path(__file__).parent / "template"
_POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Turn(NamedTuple):
    """A message as it is shown; ``calls`` are name and arguments, ``structured`` marks text that is JSON."""

    role: str
    title: str
    text: str
    structured: bool
    calls: tuple[tuple[str, str], ...]


class Shown(NamedTuple):
    """A trace as it is shown."""

    trace_id: str
    system: str | None
    turns: tuple[Turn, ...]
    failure: str | None


def show_trace(trace: Trace) -> Shown:
    """What a reviewer sees: the conversation, without anybody's verdict on it."""
    names = {call.id: call.name for message in trace.messages() for call in message.tool_calls}
    turns = tuple(_turn(message, names) for message in trace.messages())
    return Shown(trace.id, trace.system, turns, trace.failure)


def draw(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page with headers that let it load nothing and be framed by nobody."""
    nonce = secrets.token_urlsafe(16)
    text = _environment().get_template(template).render(nonce=nonce, **values)
    headers = {
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(text, status_code=status, headers=headers)


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _turn(message: Message, names: dict[str, str]) -> Turn:
    title = {"user": "User", "assistant": "Agent", "system": "System"}.get(message.role, "")
    if message.role == "tool":
        title = f"Result of {message.name or names.get(message.tool_call_id or '', 'a tool')}"
    text, structured = _pretty(message.content or "")
    calls = tuple((call.name, json.dumps(call.arguments, indent=2, ensure_ascii=False)) for call in message.tool_calls)
    return Turn(message.role, title, text, structured, calls)


def _pretty(text: str) -> tuple[str, bool]:
    """JSON objects and lists with indents, other text as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text, False
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False), True
    except ValueError:
        return text, False
