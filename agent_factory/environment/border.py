"""The border to an environment: its work is bounded in time, and what it tells is checked.

Invariants: what an environment raises, of whatever class, is a FactoryError that names it, or the caller's own
cancellation; what passes can be compared and kept: a state is JSON whose paths are one, a result is the call's own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from agent_factory.agent.toolbox import ToolResult, fail
from agent_factory.contracts.message import ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.trace import MEASURE_MAX
from agent_factory.core.cancellation import is_end
from agent_factory.core.error import DeadlineError, FactoryError, ToolError

T = TypeVar("T")
MAX_RESULT = 1_000_000
"""Characters of a result: beyond that it is refused."""


async def enter(what: str, work: Callable[[], Awaitable[T]], seconds: float) -> T:
    """What comes of the work; ToolError, which begins with ``what``, where it fails or takes longer.

    Work that keeps the event loop to itself cannot be ended, but is told by the time that it took.
    """
    began, limit = time.monotonic(), asyncio.timeout(seconds)
    try:
        async with limit:
            done = await work()
    except FactoryError:
        raise  # says itself what it is
    except BaseException as error:
        if isinstance(error, TimeoutError) and limit.expired():
            raise ToolError(f"{what} was not over within {seconds:g} s") from error
        if is_end(error):
            raise
        raise ToolError(f"{what} raised {type(error).__name__}: {error}") from error
    taken = time.monotonic() - began
    if taken > seconds:
        raise ToolError(
            f"{what} took {taken:.1f} s of {seconds:g} s and let nothing else run: "
            "what blocks belongs in a thread (asyncio.to_thread)"
        )
    return done


@asynccontextmanager
async def end_within(seconds: float, tell: Callable[[], str]) -> AsyncGenerator[None]:
    """Bound the work on many episodes; DeadlineError with how far it came, by ``tell``, where it takes longer."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeadlineError(f"not over within {seconds:g} s: {tell()}") from error


def check_result(call: ToolCall, result: object) -> ToolResult:
    """A result that can be kept, or the refusal of one that is too long; ToolError where it is none of this call."""
    if not isinstance(result, ToolResult) or (result.message.role, result.message.tool_call_id) != ("tool", call.id):
        raise ToolError(
            f"the environment answered {call.name} with {_show(result)}, expected the result of {call.id!r}"
        )
    if result.reward is not None and not abs(result.reward) <= MEASURE_MAX:
        raise ToolError(f"the reward of {call.name} is {result.reward!r}, expected a number up to {MEASURE_MAX:g}")
    if not 0 <= result.delay_seconds <= MEASURE_MAX:
        raise ToolError(f"the delay of {call.name} is {result.delay_seconds!r}, expected seconds")
    length = len(result.message.content or "")
    if length > MAX_RESULT:
        return fail(call, 502, f"the answer has {length} characters, {MAX_RESULT} at most are taken")
    return result


def check_state(state: object) -> Json:
    """A state that can be compared; ToolError where it is not JSON objects by string keys without ``/``."""
    if not isinstance(state, dict):
        raise ToolError(f"the environment's state is {_show(state)}, expected a JSON object")
    try:
        json.dumps(state, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise ToolError(f"the environment's state is not JSON: {type(error).__name__}: {error}") from error
    told = cast("Json", state)
    wrong = _find_key(told)
    if wrong is not None:
        raise ToolError(f"the environment's state has the key {wrong!r}, expected text without '/'")
    return told


def _find_key(state: Mapping[Any, Any]) -> object | None:
    left: list[Mapping[Any, Any]] = [state]
    while left:
        for key, value in left.pop().items():
            if not isinstance(key, str) or "/" in key:
                return key
            if isinstance(value, dict):
                left.append(cast("Mapping[Any, Any]", value))
    return None


def _show(value: object) -> str:
    return repr(value)[:200]
