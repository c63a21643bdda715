"""Two agents that need no model: one that plays a scenario's reference solution, one that does nothing.

A scenario is proved by both: the first must pass, the second must fail.
"""

from __future__ import annotations

from agent_factory.contracts.message import Message
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import TokenUsage
from agent_factory.gateway.chat import ChatRequest, ChatResult

NOTHING_SAID = "I am sorry, I cannot help you with that."


class ReferenceEngine:
    """Plays the reference solution of one scenario: asks if it must, calls in order, answers."""

    def __init__(self, scenario: Scenario) -> None:
        self._solution = scenario.solution

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """The next move of the solution."""
        said = sum(message.role == "user" for message in request.messages)
        done = sum(len(message.tool_calls) for message in request.messages)
        if self._solution.asks is not None and said == 1:
            return say(self._solution.asks)
        if done < len(self._solution.calls):
            call = self._solution.calls[done]
            return to_result(Message(role="assistant", tool_calls=(call,)))
        return say(self._solution.answer)

    async def close(self) -> None:
        """Nothing is held."""


class NullEngine:
    """Apologizes and does nothing."""

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """The apology."""
        return say(NOTHING_SAID)

    async def close(self) -> None:
        """Nothing is held."""


def say(text: str) -> ChatResult:
    """A result that is an answer."""
    return to_result(Message(role="assistant", content=text))


def to_result(message: Message) -> ChatResult:
    """A message as an engine without tokens returns it."""
    return ChatResult(
        message=message,
        finish_reason="tool_calls" if message.tool_calls else "stop",
        usage=TokenUsage(prompt_tokens=0, completion_tokens=0),
        latency_seconds=0.0,
    )
