"""The agent that worked at the desk before: scripted, and wrong in habits rather than at random.

It reads keywords and follows fixed routines. Some habits it has in most conversations (an order
though the sensors are ok), some in nearly all (no part for the order it opened, no look at an
alarm, no second try after a fault), so that its traces show the same mistake again and again, and
seldom the right way. Invariant: what it says is a function of seed and conversation.
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
    "knows_parts": 0.36,
    "does_reservations": 0.45,
    "checks_stock": 0.45,
    "checks_running": 0.42,
    "sets_urgent": 0.45,
    "finds_calm": 0.42,
    "joins_symptoms": 0.42,
    "checks_alarm": 0.25,
    "checks_open": 0.12,
    "asks_number": 0.12,
    "tries_again": 0.12,
    "does_second": 0.15,
}
_MACHINE = re.compile(r"\bmachine (\d{4})\b", re.IGNORECASE)
_ORDER = re.compile(r"\border (\d{4})\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.]+@[\w.]+\w")
_PART = re.compile(r"\bthe ((?:steel|rubber|brass|copper|nylon|bronze|carbon|felt) \w+)")
_FAULT = re.compile(r"\b(drive overheating|rotor imbalance|bearing wear|line blockage|oil leak)\b")
_SENSOR = re.compile(r"\b(temperature|vibration|pressure|oil)\b")
_SYMPTOMS = {
    "temperature": "drive overheating",
    "vibration": "rotor imbalance",
    "pressure": "line blockage",
    "oil": "oil leak",
}
# The first that matches is what a sentence is about.
_INTENTS = (
    ("check", re.compile(r"\bcheck\b")),
    ("supply", re.compile(r"\bthe part (?:for it|that it needs|too)\b")),
    ("open", re.compile(r"\bopen an\b|\ban order for\b")),
    ("close", re.compile(r"\bclose\b")),
    ("technician", re.compile(r"\bworks on\b|\btechnician\b")),
    ("reserve", re.compile(r"\breserve\b|\bfor order\b")),
    ("need", _FAULT),
    ("reading", _SENSOR),
    ("part", _PART),
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
        self._email = _find(_EMAIL, self._said[0]).lower()
        self._opened: tuple[str, str] = ("", "")  # the order that it opened, and the fault

    def next_message(self) -> Message:
        """The next move."""
        try:
            told = [getattr(self, f"_{about}")(sentence) for sentence, about in self._requests()]
        except _Stop as stop:
            return stop.message
        return Message(role="assistant", content=" ".join(told) or "How can I help you?")

    def _cares(self, habit: str) -> bool:
        drawn = hashlib.sha256(f"{self._key}|{habit}".encode()).digest()
        return int.from_bytes(drawn[:4], "big") / 2**32 < CARE[habit]

    def _requests(self) -> list[tuple[str, str]]:
        sentences = re.split(r"(?<=[.?!]) ", self._said[0])
        about = [(text, next((name for name, pattern in _INTENTS if pattern.search(text)), "")) for text in sentences]
        found = [(text, name) for text, name in about if name]
        return found if self._cares("does_second") else found[:1]

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

    def _reading(self, sentence: str) -> str:
        machine, sensor = _find(_MACHINE, sentence), _find(_SENSOR, sentence)
        value = self._call("get_reading", machine_id=machine, sensor=sensor).get("value")
        return f"The {sensor} of machine {machine} is {value}."

    def _part(self, sentence: str) -> str:
        part = _find(_PART, sentence)
        found = self._call("find_part", query=part)
        return f"The {part} is in bin {found['bin']}." if found["stock"] else f"The {part} is out of stock."

    def _technician(self, sentence: str) -> str:
        order = _find(_ORDER, sentence)
        return f"{self._call('get_order', order_id=order).get('technician')} works on order {order}."

    def _need(self, sentence: str) -> str:
        if not self._cares("knows_parts"):
            return "Please ask the workshop which part it is."
        fault = _find(_FAULT, sentence)
        return f"The part for {_with_article(fault)} is the {self._call('get_fault', fault=fault)['part']}."

    def _close(self, sentence: str) -> str:
        order = _find(_ORDER, sentence)
        self._call("get_order", order_id=order)
        self._call("close_order", order_id=order)
        return f"Order {order} is closed."

    def _check(self, sentence: str) -> str:
        machine = _find(_MACHINE, sentence)
        self._call("get_machine", machine_id=machine)
        fault = self._diagnose(self._call("get_sensors", machine_id=machine))
        if fault is None:
            return f"Machine {machine} is within limits, so no order is needed."
        return self._open_for(machine, fault, "normal")

    def _diagnose(self, found: dict[str, str]) -> str | None:
        beyond = [sensor for sensor in found if found[sensor] in ("high", "low")]
        if len(beyond) == 2 and self._cares("joins_symptoms"):
            return "bearing wear"
        if not beyond:
            return None if self._cares("finds_calm") else "bearing wear"
        return _SYMPTOMS[beyond[0]]

    def _open(self, sentence: str) -> str:
        machine, fault = _find(_MACHINE, sentence) or self._ask_number(), _find(_FAULT, sentence)
        urgent = "urgent" in sentence and self._cares("sets_urgent")
        found = self._call("get_machine", machine_id=machine)
        if found["state"] == "alarm" and self._cares("checks_alarm"):
            self._call("hand_over", machine_id=machine, reason="safety")
            return f"Machine {machine} is handed over to the shift lead."
        if fault in found["open_faults"] and self._cares("checks_open"):
            return f"An order for {_with_article(fault)} is open already at machine {machine}."
        if found["state"] == "running" and "urgent" not in sentence and self._cares("checks_running"):
            return f"Machine {machine} is running, so only an urgent order can be opened."
        return self._open_for(machine, fault, "urgent" if urgent else "normal")

    def _open_for(self, machine: str, fault: str, priority: str) -> str:
        told = {"machine_id": machine, "fault": fault, "priority": priority, "reporter": self._email}
        order = self._call("open_order", **told)["order_id"]
        self._opened = (order, fault)
        return f"Order {order} is open for machine {machine}."

    def _ask_number(self) -> str:
        if not self._cares("asks_number"):
            raise _Stop(Message(role="assistant", content="Sorry, I could not find your machine."))
        if len(self._said) == 1:
            raise _Stop(Message(role="assistant", content="What is the machine number?"))
        return _find(re.compile(r"(\d{4})"), self._said[1])

    def _supply(self, sentence: str) -> str:
        order, fault = self._opened
        found = self._call("get_fault", fault=fault)
        return self._reserve_for(order, found["part"], found)

    def _reserve(self, sentence: str) -> str:
        part = _find(_PART, sentence)
        if not self._cares("does_reservations"):
            return f"Please take the {part} from the store."
        return self._reserve_for(_find(_ORDER, sentence), part, self._call("find_part", query=part))

    def _reserve_for(self, order: str, part: str, found: dict[str, Any]) -> str:
        if found["stock"] == 0 and self._cares("checks_stock"):
            self._call("request_part", order_id=order, part_id=found["part_id"])
            return f"The {part} is out of stock and is requested for order {order}."
        self._call("reserve_part", order_id=order, part_id=found["part_id"])
        return f"The {part} is reserved for order {order}."


def _with_article(fault: str) -> str:
    return {"oil leak": "an oil leak"}.get(
        fault, f"a {fault}" if fault in ("rotor imbalance", "line blockage") else fault
    )


def _find(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match.group(match.lastindex or 0) if match else ""


def create_agent(seed: int) -> Predecessor:
    """The predecessor; ``seed`` decides in which conversations it takes care."""
    return Predecessor(seed)
