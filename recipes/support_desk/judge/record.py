"""What a transcript of the desk shows: what the customer asks for, what was called, what was answered.

Invariant: all of it follows from the messages; personal data stand there as placeholders or as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from agent_factory.contracts import Trace

TOOLS = {"cancel": "cancel_order", "exchange": "exchange_item", "refund": "refund_order", "address": "change_address"}
"""What a request asks to be changed, and the tool that does it."""
ASKS_NUMBER = re.compile(r"order number|number of (?:the|your) order|which order", re.IGNORECASE)
ORDER = re.compile(r"<REF_\d+>|(?<![\w.,:/+<-])\d{4}(?![\w:/>-])")
_EMAIL = re.compile(r"<EMAIL_\d+>|[\w.+-]+@[\w.-]+\w")
_BEGINS = "please|can|could|cancel|refund|exchange|change|send|i|where|when|which|is|do|also"
_CLAUSE = re.compile(rf"(?<=[.?!])\s+|,?\s+and\s+(?=(?:{_BEGINS})\b)", re.IGNORECASE)
# The first that matches is what a clause asks for.
_REQUESTS = {
    "cancel": re.compile(r"\bcancel", re.IGNORECASE),
    "exchange": re.compile(r"\b(?:exchange|swap|replace)", re.IGNORECASE),
    "refund": re.compile(r"\brefund|\bmoney back", re.IGNORECASE),
    "address": re.compile(r"(?<!mail )\baddress\b|\b(?:send|deliver|ship)\b.* to\b", re.IGNORECASE),
    "stock": re.compile(r"\bin stock\b|\bsold out\b|\bout of stock\b|\bstill have\b|\bavailable\b", re.IGNORECASE),
    "track": re.compile(r"\bwhere\b|\barriv|\bwhen\b", re.IGNORECASE),
    "orders": re.compile(r"\borders\b", re.IGNORECASE),
}
Result = dict[str, Any]


class Call(NamedTuple):
    """A tool call and its answer; ``result`` is None where it was refused or failed, ``status`` then says how."""

    name: str
    arguments: dict[str, Any]
    result: Result | None
    status: Any
    error: str = ""

    @property
    def order(self) -> str:
        """The number of the order that it is about."""
        return str(self.arguments.get("order_id"))

    @property
    def address(self) -> str:
        """The postal address that it gives, in small letters."""
        return str(self.arguments.get("address", "")).strip().rstrip(".").lower()


class Request(NamedTuple):
    """One thing that the customer asks for, in their ``words``; ``order`` is None where they gave no number."""

    about: str
    order: str | None
    words: str


class Record:
    """A transcript, read."""

    def __init__(self, trace: Trace) -> None:
        messages = trace.messages()
        self.said = [message.content or "" for message in messages if message.role == "user"]
        self.answers = [m.content or "" for m in messages if m.role == "assistant" and not m.tool_calls]
        self.results = " ".join(message.content or "" for message in messages if message.role == "tool")
        self.calls = list(_read_calls(trace))
        self.requests = _read_requests(self.said)
        self.emails = list(dict.fromkeys(found.lower() for text in self.said for found in _EMAIL.findall(text)))

    @property
    def answer(self) -> str:
        """What the customer was told: a question for the order's number is no part of it."""
        last = len(self.answers) - 1
        return " ".join(text for i, text in enumerate(self.answers) if i == last or not ASKS_NUMBER.search(text))

    def find(self, name: str, **arguments: str) -> Call | None:
        """The last call of a tool with these arguments that was answered."""
        fitting = (call for call in reversed(self.calls) if call.name == name and call.result is not None)
        return next((call for call in fitting if arguments.items() <= call.arguments.items()), None)

    def find_failed(self, status: int, **arguments: str) -> list[Call]:
        """The calls with these arguments that failed with a status."""
        return [c for c in self.calls if c.status == status and arguments.items() <= c.arguments.items()]

    def find_hit(self, status: int) -> Iterator[tuple[int, Call]]:
        """The calls that failed with a status, each with which call of its tool it was, from 1."""
        for place, call in enumerate(self.calls):
            if call.status == status:
                yield sum(one.name == call.name for one in self.calls[: place + 1]), call

    def look_up(self, order: str, before: int | None = None) -> Result | None:
        """What ``get_order`` first told of an order, among the first ``before`` calls."""
        found = (call.result for call in self.calls[:before] if call.name == "get_order" and call.order == order)
        return next((result for result in found if result is not None), None)

    def find_goods(self, words: str, before: int | None = None) -> Result | None:
        """What the catalogue told of the goods that ``words`` name, among the first ``before`` calls."""
        for call in self.calls[:before]:
            query = str(call.arguments.get("query", "")).strip().lower()
            if call.name == "search_catalogue" and call.result is not None and query and query in words.lower():
                return call.result
        return None

    def is_strangers(self, order: Result) -> bool:
        """Whether an order as it was looked up has another e-mail address than the customer gave."""
        return str(order.get("email", "")).lower() not in self.emails


def _read_calls(trace: Trace) -> Iterator[Call]:
    waiting: dict[str, Any] = {}
    for message in trace.messages():
        if message.role == "assistant":
            waiting = {call.id: call for call in message.tool_calls}
        elif message.role == "tool" and waiting:
            named = message.tool_call_id if message.tool_call_id in waiting else next(iter(waiting))
            call = waiting.pop(named)
            yield Call(call.name, dict(call.arguments), *_read_result(message.content or ""))


def _read_result(content: str) -> tuple[Result | None, Any, str]:
    try:
        told = json.loads(content)
    except ValueError:
        return None, None, content
    if not isinstance(told, dict):
        return None, None, content
    failed = "error" in told or "detail" in told
    return (None, told.get("status"), str(told.get("error", ""))) if failed else (told, None, "")


def _read_requests(said: list[str]) -> list[Request]:
    found: list[Request] = []
    for text in said:
        read = list(_read_clauses(text))
        found += [request for request in read if request.about]
        numbers = [request.order for request in read if request.order]
        if numbers and not any(request.about for request in read):  # the number that was asked for
            found = [one._replace(order=numbers[0]) if _lacks_number(one) else one for one in found]
    return list(dict.fromkeys(found))


def _read_clauses(text: str) -> Iterator[Request]:
    last: str | None = None
    for clause in _CLAUSE.split(text):
        orders = ORDER.findall(clause)
        about = next((name for name, pattern in _REQUESTS.items() if pattern.search(clause)), "")
        means_last = re.search(r"\b(?:it|that)\b", clause) is not None
        yield Request(about, orders[0] if orders else last if means_last else None, clause)
        last = orders[0] if orders else last


def _lacks_number(request: Request) -> bool:
    return request.order is None and (request.about in TOOLS or request.about == "track")
