"""The loop of an agent: the user speaks, the model acts, tools answer, until the model answers in words.

One ``Conversation`` is one episode or one session. Rollouts, evaluations and live sessions all run
this loop, so that what is trained is what is served. Invariants: the model reads and writes shielded
text, tools and the user get real values; an action is handed to ``on_action`` before its tools are
called, and the step to ``on_step`` before anything follows it; every wait has a deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from agent_factory.agent.shielding import NoShield, ShieldLike
from agent_factory.agent.token import TokenKeeper
from agent_factory.agent.toolbox import ToolboxLike, ToolResult
from agent_factory.contracts.message import Message, Tool, ToolCall
from agent_factory.contracts.record import Part
from agent_factory.contracts.trace import Fault, Source, Step, ToolExecution, Trace
from agent_factory.core import clock
from agent_factory.core.cancellation import is_end
from agent_factory.core.error import ContextError
from agent_factory.gateway.chat import ChatRequest, ChatResult, Engine, Sampling

OnStep = Callable[[Step], Awaitable[None]]


class Limits(Part):
    """How long things may take. ``max_steps`` and ``episode_seconds`` hold for one turn of the user's."""

    max_steps: int = 12
    step_seconds: float = 60.0
    tool_seconds: float = 10.0
    episode_seconds: float = 180.0


class Turn(NamedTuple):
    """What became of one message of the user's: the answer, or ``failure`` with whose ``fault`` it was.

    ``answer`` is revealed. A fault of the ``agent`` (a step limit, a broken tool call, an answer cut
    off, a conversation beyond its context) is a failed task; a fault of the ``engine`` says nothing about the agent.
    """

    answer: str | None
    steps: tuple[Step, ...]
    failure: str | None = None
    fault: Fault | None = None


class _HaltError(Exception):
    """Ends a turn; the cause and whose fault it is."""

    def __init__(self, cause: str, fault: Fault) -> None:
        super().__init__(cause)
        self.fault: Fault = fault


class Conversation:
    """A conversation with an agent; ``history`` is what was said before, as the model saw it.

    ``keep_screenshot`` puts a PNG away and tells its path; without it, screenshots are not kept.
    """

    def __init__(
        self,
        engine: Engine,
        toolbox: ToolboxLike,
        model: str,
        system: str | None,
        tools: Sequence[Tool],
        sampling: Sampling,
        limits: Limits,
        shield: ShieldLike | None = None,
        on_action: OnStep | None = None,
        on_step: OnStep | None = None,
        history: Sequence[Message] = (),
        keep_screenshot: Callable[[bytes], str] | None = None,
    ) -> None:
        self._engine, self._toolbox, self._model = engine, toolbox, model
        self._system, self._tools = system, tuple(tools)
        self._sampling, self._limits = sampling, limits
        self._shield: ShieldLike = shield or NoShield()
        self._on_action, self._on_step = on_action, on_step
        self._keep_screenshot = keep_screenshot
        self._messages: list[Message] = list(history)
        self._acted = len(self._messages)
        self._tokens = TokenKeeper()
        self.started_at = clock.now()
        self.steps: list[Step] = []

    @property
    def unread(self) -> tuple[Message, ...]:
        """What the world has said since the last action."""
        return tuple(self._messages[self._acted :])

    async def turn(self, user_text: str) -> Turn:
        """Hand the user's message to the agent and see it through to an answer or a failure."""
        first = len(self.steps)
        self._messages.append(self._shield.hide_message(Message(role="user", content=user_text)))
        ends_at = time.monotonic() + self._limits.episode_seconds
        try:
            for _ in range(self._limits.max_steps):
                answer = await self._step(ends_at)
                if answer is not None:
                    return Turn(self._shield.reveal_text(answer), tuple(self.steps[first:]))
            raise _HaltError(f"step limit: no answer after {self._limits.max_steps} steps", "agent")
        except _HaltError as halt:
            return Turn(None, tuple(self.steps[first:]), str(halt), halt.fault)

    async def _step(self, ends_at: float) -> str | None:
        """One action of the model and what comes of it; the answer if it is one."""
        result = await self._ask(ends_at)
        observation = self.unread
        self._messages.append(result.message)
        self._acted = len(self._messages)
        self._tokens.keep(result, self._acted)
        broken = _find_broken(result, self._sampling.max_tokens)
        step = Step(
            index=len(self.steps),
            observation=observation,
            action=result.message,
            usage=result.usage,
            latency_seconds=result.latency_seconds,
            error=broken,
        )
        if result.message.tool_calls and not broken:
            if self._on_action is not None:
                await self._on_action(step)
            step = step.model_copy(update=await self._call_tools(result.message.tool_calls, ends_at))
        self.steps.append(step)
        if self._on_step is not None:
            await self._on_step(step)
        if broken:
            raise _HaltError(broken, "agent")
        return None if result.message.tool_calls else (result.message.content or "")

    async def _ask(self, ends_at: float) -> ChatResult:
        seconds = min(self._limits.step_seconds, ends_at - time.monotonic())
        if seconds <= 0:
            raise _HaltError(f"deadline: no answer within {self._limits.episode_seconds:g} s", "engine")
        request = ChatRequest(
            model=self._model,
            system=self._system,
            messages=tuple(self._messages),
            tools=self._tools,
            sampling=self._sampling_of_step(),
            context=self._tokens.context,
        )
        try:
            async with asyncio.timeout(seconds):
                result = await self._engine.chat(request, deadline_seconds=seconds)
        except TimeoutError as error:
            raise _HaltError(f"deadline: the model gave no answer within {seconds:.1f} s", "engine") from error
        except ContextError as error:  # what fills it is the agent's own words and the results that it asked for
            raise _HaltError(f"context: {error}", "agent") from error
        except BaseException as error:  # the border to the engine: whatever it is, it costs this turn and no more
            if is_end(error):
                raise
            raise _HaltError(f"engine: {type(error).__name__}: {error}", "engine") from error
        return _check_result(result)

    def _sampling_of_step(self) -> Sampling:
        # A seed makes the whole conversation repeatable; each step draws from a stream of its own.
        seed = self._sampling.seed
        if seed is None:
            return self._sampling
        return self._sampling.model_copy(update={"seed": (seed * 1_000_003 + len(self.steps)) % 2**31})

    async def _call_tools(self, calls: Sequence[ToolCall], ends_at: float) -> dict[str, Any]:
        """Call the tools of an action; what its step says of them."""
        results: list[ToolResult] = []
        executions: list[ToolExecution] = []
        for call in calls:
            real = call.model_copy(update={"arguments": self._shield.reveal_json(call.arguments)})
            seconds = min(self._limits.tool_seconds, max(0.001, ends_at - time.monotonic()))
            began = time.perf_counter()
            result = await self._toolbox.call(real, seconds)
            results.append(result)
            executions.append(self._describe(call, result, time.perf_counter() - began))
            content = self._shield.hide_json_text(_mend_text(result.message.content or ""), call.name)
            self._messages.append(result.message.model_copy(update={"content": content}))
        errors = [self._shield.hide_text(_mend_text(result.error)) for result in results if result.error is not None]
        rewards = [result.reward for result in results if result.reward is not None]
        reward = sum(rewards) if rewards else None
        return {"error": "; ".join(errors) or None, "reward": reward, "executions": tuple(executions)}

    def _describe(self, call: ToolCall, result: ToolResult, waited: float) -> ToolExecution:
        kept = None
        if result.screenshot is not None and self._keep_screenshot is not None:
            kept = self._keep_screenshot(result.screenshot)
        return ToolExecution(
            call_id=call.id,
            latency_seconds=waited + result.delay_seconds,
            injected=result.injected,
            screenshot=kept,
        )

    def to_trace(
        self,
        trace_id: str,
        source: Source,
        *,
        created_at: datetime | None = None,
        started_at: datetime | None = None,
        **fields: Any,
    ) -> Trace:
        """The conversation so far as a trace; ``fields`` are other fields of ``Trace`` (outcome, failure, …)."""
        return Trace(
            id=trace_id,
            source=source,
            created_at=created_at or clock.now(),
            started_at=started_at or self.started_at,
            model=self._model,
            system=self._system,
            tools=self._tools,
            steps=tuple(self.steps),
            closing=self.unread,
            tokens=self._tokens.to_trace(),
            pseudonyms=dict(self._shield.pseudonyms),
            **fields,
        )


def _check_result(result: object) -> ChatResult:
    """An engine's result that can be kept: one whose text or arguments hold half a character ends the turn."""
    if not isinstance(result, ChatResult):
        raise _HaltError(f"engine: it answered with {repr(result)[:200]}, expected a ChatResult", "engine")
    try:
        result.message.model_dump_json()
    except ValueError as error:
        raise _HaltError(f"malformed: the action cannot be written as UTF-8: {error}", "agent") from error
    return result


def _mend_text(text: str) -> str:
    """Text of the world with halves of characters (lone surrogates) replaced: no trace could hold them."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _find_broken(result: ChatResult, max_tokens: int) -> str | None:
    """What is wrong with the action as such; one that ended before its limit was cut off by the end of the context."""
    written = result.usage.completion_tokens
    if result.finish_reason == "length" and written < max_tokens:
        return (
            f"context: the conversation fills the model's context, the action was cut off after {written} of "
            f"{max_tokens} tokens. Begin a new conversation, or take a model with a longer context."
        )
    if result.finish_reason == "length":
        return f"length: the action was cut off after {written} tokens"
    if result.finish_reason == "malformed":
        return "malformed: the action announces a tool call and is none"
    return None
