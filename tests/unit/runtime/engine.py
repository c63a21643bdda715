"""An engine that says the lines of a script, and a conversation to script."""

import asyncio
from collections.abc import Callable
from typing import Any

from agent_factory.contracts import Message, SessionMemory, TokenUsage, ToolCall
from agent_factory.gateway.chat import ChatRequest, ChatResult
from agent_factory.runtime.session import SessionManager

Answer = Callable[[ChatRequest], Message | Exception]


class ScriptedEngine:
    """Says the next line of a script at each request; keeps the requests that it was asked."""

    def __init__(self, *script: Message | Exception | Answer) -> None:
        self.script = list(script)
        self.asked: list[ChatRequest] = []
        self.gate: asyncio.Event | None = None
        self.closed = False

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        if self.gate is not None:
            await self.gate.wait()
        self.asked.append(request)
        line = self.script.pop(0)
        said = line(request) if callable(line) else line
        if isinstance(said, Exception):
            raise said
        return ChatResult(
            message=said,
            finish_reason="tool_calls" if said.tool_calls else "stop",
            usage=TokenUsage(prompt_tokens=40, completion_tokens=10),
            latency_seconds=0.01,
        )

    async def close(self) -> None:
        self.closed = True


def call(tool: str, **arguments: Any) -> Message:
    return Message(role="assistant", tool_calls=(ToolCall(id="c0", name=tool, arguments=arguments),))


def say(text: str) -> Message:
    return Message(role="assistant", content=text)


def manage(plant: Any, engine: ScriptedEngine) -> SessionManager:
    return SessionManager(plant.store, plant.artifacts, lambda _model, _artifacts: engine)


CANCEL = "I am anna.berg@example.com. Cancel order 4417, please."
SCRIPT = (
    call("get_order", order_id="4417"),
    call("cancel_order", order_id="4417"),
    say("Order 4417 is cancelled, confirmation goes to <EMAIL_1>."),
)


def status_in_world(plant: Any, session: str) -> Any:
    world: Any = plant.store.get(SessionMemory, f"{session}-memory").world
    return world["orders"]["4417"]["status"]
