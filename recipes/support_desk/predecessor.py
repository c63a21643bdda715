"""The agent that worked at the desk before: scripted, and wrong in habits rather than at random.

It reads keywords and follows fixed routines. Some habits it has in most conversations (a refund
without a look at the date), some in nearly all (only the first of two requests, no second try after
a fault), so that its traces show the same mistake again and again, and seldom the right way.
Invariant: what it says is a function of seed and conversation.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from agent_factory.contracts import Message, TokenUsage, ToolCall
from agent_factory.gateway.chat import ChatRequest, ChatResult

# How often it does what is right, by what that is; everything else it gets right always.
CARE = {
    "looks_orders_up": 0.42,
    "does_exchanges": 0.45,
    "checks_shipped": 0.42,
    "checks_stock": 0.60,
    "checks_date": 0.42,
    "checks_amount": 0.42,
    "checks_owner": 0.12,
    "asks_number": 0.08,
    "tries_again": 0.08,
    "does_second": 0.08,
}
_ORDER = re.compile(r"\border (?:number )?(\d{4})\b|\bnumber is (\d{4})\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.]+@[\w.]+\w")
_ADDRESS = re.compile(r"\b(?:to|is) (\d+ [A-Z]\w+ [A-Z]\w+)")
_ITEM = re.compile(r"\b(?:the|for the) ((?:red|blue|green|white|black|grey|brown|yellow) \w+)")
# The first that matches is what a sentence is about.
_INTENTS = (
    ("cancel", re.compile(r"\bcancel", re.IGNORECASE)),
    ("exchange", re.compile(r"\bexchange", re.IGNORECASE)),
    ("refund", re.compile(r"\brefund|money back", re.IGNORECASE)),
    ("address", _ADDRESS),
    ("stock", re.compile(r"in stock|sold out|still have", re.IGNORECASE)),
    ("track", re.compile(r"\bwhere\b|\barrives?\b", re.IGNORECASE)),
    ("orders", re.compile(r"\borders\b", re.IGNORECASE)),
)


class Predecessor:
    """The scripted agent as an engine: each message is derived anew from the conversation."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """Its next call or answer."""
        message = Routine(request.messages, self._seed).next_message()
        return ChatResult(
            message=message,
            finish_reason="tool_calls" if message.tool_calls else "stop",
            usage=TokenUsage(prompt_tokens=0, completion_tokens=0),
            latency_seconds=0.0,
        )

    async def close(self) -> None:
        """Nothing is held."""


class _Stop(Exception):  # noqa: N818 - not an error: the routine has come to its next move
    def __init__(self, message: Message) -> None:
        super().__init__()
        self.message = message


class Routine:
    """One conversation played again from its start, up to the first move that was not yet made."""

    def __init__(self, messages: tuple[Message, ...], seed: int) -> None:
        self._said = [message.content or "" for message in messages if message.role == "user"]
        self._results: Iterator[str] = iter([m.content or "" for m in messages if m.role == "tool"])
        self._calls = 0
        self._key = f"{seed}|{self._said[0]}"
        emails = _EMAIL.findall(self._said[0])
        self._email = emails[0].lower() if emails else ""

    def next_message(self) -> Message:
        """The next move."""
        try:
            told = [self._serve(sentence, about) for sentence, about in self._requests()]
        except _Stop as stop:
            return stop.message
        return Message(role="assistant", content=" ".join(told) or "How can I help you?")

    def _cares(self, habit: str) -> bool:
        drawn = hashlib.sha256(f"{self._key}|{habit}".encode()).digest()
        return int.from_bytes(drawn[:4], "big") / 2**32 < CARE[habit]

    def _requests(self) -> list[tuple[str, str]]:
        parts = re.split(r"(?<=[.?!]) ", self._said[0])
        found = [(part, about) for part in parts for about, pattern in _INTENTS[:6] if pattern.search(part)]
        unique = list(dict(reversed(found)).items())[::-1] or [(self._said[0], "orders")]
        return unique if self._cares("does_second") else unique[:1]

    def _call(self, name: str, **arguments: str) -> dict[str, Any]:
        result = self._call_once(name, arguments)
        if result.get("status") == 503:
            if not self._cares("tries_again"):
                raise _Stop(Message(role="assistant", content="Sorry, our system is not working at the moment."))
            result = self._call_once(name, arguments)
        return result

    def _call_once(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        number, self._calls = self._calls, self._calls + 1
        result = next(self._results, None)
        if result is None:
            call = ToolCall(id=f"call_{number}", name=name, arguments=dict(arguments))
            raise _Stop(Message(role="assistant", tool_calls=(call,)))
        return json.loads(result)

    def _serve(self, sentence: str, about: str) -> str:
        if about == "stock":
            return self._stock(_find(_ITEM, sentence))
        if about == "orders":
            return self._orders()
        order = _find(_ORDER, sentence) or self._ask_number()
        if about == "track":
            return f"Order {order} arrives on {self._call('get_shipment', order_id=order).get('arrives')}."
        found = self._call("get_order", order_id=order)
        if found.get("email", "").lower() != self._email and self._cares("checks_owner"):
            return f"Order {order} belongs to another customer, so I cannot change it."
        if about == "cancel":
            return self._cancel(order, found)
        if about == "address":
            return self._address(order, _find(_ADDRESS, sentence))
        return self._refund(order, found) if about == "refund" else self._exchange(order, _find(_ITEM, sentence))

    def _ask_number(self) -> str:
        if not self._cares("asks_number"):
            raise _Stop(Message(role="assistant", content="Sorry, I could not find your order."))
        if len(self._said) == 1:
            raise _Stop(Message(role="assistant", content="What is your order number?"))
        return _find(re.compile(r"(\d{4})"), self._said[1])

    def _stock(self, item: str) -> str:
        found = self._call("search_catalogue", query=item)
        if found["stock"] == 0:
            return f"The {item} is sold out."
        return f"The {item} is in stock for {found['price']} euros."

    def _orders(self) -> str:
        if not self._cares("looks_orders_up"):
            return "Please look at your account page for your orders."
        orders = self._call("find_customer", email=self._email)["orders"]
        return f"Your orders are {orders[0]} and {orders[1]}."

    def _cancel(self, order: str, found: dict[str, Any]) -> str:
        if found["status"] == "shipped" and self._cares("checks_shipped"):
            return f"Order {order} has been shipped and cannot be cancelled."
        self._call("cancel_order", order_id=order)
        return f"Order {order} is cancelled."

    def _address(self, order: str, address: str) -> str:
        self._call("change_address", order_id=order, address=address)
        return f"Order {order} now goes to {address}."

    def _refund(self, order: str, found: dict[str, Any]) -> str:
        if found.get("days", 0) > 30 and self._cares("checks_date"):
            return f"Order {order} is older than 30 days and cannot be refunded."
        if found["price"] > 200 and self._cares("checks_amount"):
            self._call("hand_over", order_id=order, reason="amount")
            return f"A colleague will look at the refund of order {order}."
        self._call("refund_order", order_id=order)
        return f"Order {order} is refunded."

    def _exchange(self, order: str, item: str) -> str:
        if not self._cares("does_exchanges"):
            return f"Please send order {order} back and order the {item} again."
        good = self._call("search_catalogue", query=item)
        if good["stock"] == 0 and self._cares("checks_stock"):
            return f"The {item} is sold out, so order {order} cannot be exchanged."
        self._call("exchange_item", order_id=order, item_id=good["item_id"])
        return f"Order {order} is exchanged for the {item}."


def _find(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return next((group for group in match.groups() if group), "") if match else ""


def create_agent(seed: int) -> Predecessor:
    """The predecessor; ``seed`` decides in which conversations it takes care."""
    return Predecessor(seed)
