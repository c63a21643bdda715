"""The engine that gives recorded actions back, and the bounds under which they led to what was recorded.

Invariant: no model is asked; where the recording ends, so does the episode.
"""

from __future__ import annotations

import re

from agent_factory.agent.loop import Limits
from agent_factory.contracts.trace import Step, TokenUsage, Trace
from agent_factory.core.error import ContextError, ModelError
from agent_factory.gateway.chat import ChatRequest, ChatResult, Sampling

_TOKENS = re.compile(r"(\d+) tokens")
_STEPS = re.compile(r"step limit: no answer after (\d+) steps")
_WAITED = re.compile(r"408 no answer within ([\d.e+-]+) s")
_UNMEASURED = TokenUsage(prompt_tokens=0, completion_tokens=0)
_SECONDS = 600.0


class PlaybackEngine:
    """Answers each request with the next recorded action, whatever was said."""

    def __init__(self, trace: Trace) -> None:
        self._steps = iter(trace.steps)
        self._failure = trace.failure or ""

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        """The next action; ContextError where the recording ended by one, ModelError where it just ends."""
        step = next(self._steps, None)
        if step is not None:
            return _to_result(step)
        if self._failure.startswith("context: "):
            raise ContextError(self._failure.removeprefix("context: "))
        raise ModelError("the recording has no further action")

    async def close(self) -> None:
        """Nothing is held."""


def bounds_of(trace: Trace) -> tuple[Limits, Sampling]:
    """The limits that the recording ran into, and such as it did not where it ran into none."""
    told = trace.failure or ""
    steps = _STEPS.match(told)
    waited = next((found for step in trace.steps if (found := _WAITED.search(step.error or ""))), None)
    tokens = _TOKENS.findall(told)
    limits = Limits(
        max_steps=int(steps[1]) if steps else len(trace.steps) + 1,
        step_seconds=_SECONDS,
        tool_seconds=float(waited[1]) if waited else Limits().tool_seconds,
        episode_seconds=_SECONDS,
    )
    return limits, Sampling(max_tokens=int(tokens[-1]) if tokens else Sampling().max_tokens)


def _to_result(step: Step) -> ChatResult:
    reason = "tool_calls" if step.action.tool_calls else "stop"
    if step.error is not None and step.error.startswith(("length: ", "context: ")):
        reason = "length"
    elif step.error is not None and step.error.startswith("malformed: "):
        reason = "malformed"
    return ChatResult(
        message=step.action,
        finish_reason=reason,
        usage=step.usage or _UNMEASURED,
        latency_seconds=step.latency_seconds or 0.0,
    )
