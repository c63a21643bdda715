"""A model call: request, result, and the protocol that every engine behind the gateway speaks.

Invariant (token exactness): where ``context`` is given, its ids stand unchanged at the front of the
prompt, and only the messages after it are encoded; what was sampled is never encoded again.
"""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field

from agent_factory.contracts.message import Message, Tool
from agent_factory.contracts.record import Part
from agent_factory.contracts.trace import TokenUsage


class Sampling(Part):
    """How to sample. ``temperature`` 0 is greedy; ``seed`` makes a request repeatable on one machine."""

    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    max_tokens: int = Field(default=160, ge=1)
    seed: int | None = None


class TokenContext(Part):
    """Ids of the first ``messages`` messages of a conversation, as they were fed and sampled.

    The ids end after the last message's closing token.
    """

    messages: int
    ids: tuple[int, ...]


class ChatRequest(Part):
    """A conversation to be continued by one assistant message."""

    model: str
    system: str | None = None
    messages: tuple[Message, ...] = Field(min_length=1)
    tools: tuple[Tool, ...] = ()
    sampling: Sampling = Sampling()
    context: TokenContext | None = None


class ChatResult(Part):
    """The assistant's message; ids and log-probabilities where the engine gives them, else None.

    ``completion_ids`` includes the closing token that ended it; ``logprobs`` has its length.
    ``finish_reason`` "malformed" marks text that announces a tool call and is none: the message
    then holds the text as it was.
    """

    message: Message
    finish_reason: Literal["stop", "length", "tool_calls", "malformed"]
    usage: TokenUsage
    latency_seconds: float
    prompt_ids: tuple[int, ...] | None = None
    completion_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None


class Engine(Protocol):
    """What answers chat requests: the local engine, or an OpenAI-compatible server."""

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """One assistant message.

        DeadlineError after ``deadline_seconds``, ContextError where the model's context does not hold the
        conversation, ModelError if the engine failed.
        """
        ...

    async def close(self) -> None:
        """Give back what the engine holds."""
        ...
