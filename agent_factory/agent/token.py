"""The exact tokens of a conversation, gathered from the engine's results as they come.

Invariant: what is handed on was fed or sampled just so. An engine that gives no ids, or that encoded
the conversation anew between two steps, leaves the conversation without a token trace.
"""

from __future__ import annotations

from typing import Literal

from agent_factory.contracts.trace import TokenTrace
from agent_factory.gateway.chat import ChatResult, TokenContext


class TokenKeeper:
    """Ids, log-probabilities and loss mask of a conversation so far."""

    def __init__(self) -> None:
        self._ids: tuple[int, ...] = ()
        self._logprobs: list[float] = []
        self._mask: list[Literal[0, 1]] = []
        self._exact = True
        self.context: TokenContext | None = None

    def keep(self, result: ChatResult, messages: int) -> None:
        """Take a result in; ``messages`` is the length of the conversation, the model's message included."""
        prompt, sampled, logprobs = result.prompt_ids, result.completion_ids, result.logprobs
        if prompt is None or sampled is None or logprobs is None or prompt[: len(self._ids)] != self._ids:
            self._exact = False
        if not self._exact or prompt is None or sampled is None or logprobs is None:
            self.context = None
            return
        told = len(prompt) - len(self._ids)
        self._logprobs += [*(0.0 for _ in range(told)), *logprobs]
        self._mask.extend(0 for _ in range(told))
        self._mask.extend(1 for _ in sampled)
        self._ids = prompt + sampled
        # Only a message that was closed can stand in front of another one.
        closed = result.finish_reason in ("stop", "tool_calls")
        self.context = TokenContext(messages=messages, ids=self._ids) if closed else None

    def to_trace(self) -> TokenTrace | None:
        """The tokens as a trace keeps them, or None where they are not known exactly."""
        if not self._exact or not self._ids:
            return None
        return TokenTrace(ids=self._ids, logprobs=tuple(self._logprobs), loss_mask=tuple(self._mask))
