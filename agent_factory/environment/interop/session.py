"""One session of OpenEnv's WebSocket: messages in, answers out, an episode between them.

Invariants: every message is answered, a wrong one with an error that leaves the session as it was; what an
answer says of the episode is what ``Seat`` says. Source: ``openenv.core.env_server.types`` of openenv 0.10.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import Field, JsonValue

from agent_factory.agent.loop import Limits
from agent_factory.contracts.record import Json, Part
from agent_factory.core.clock import new_id
from agent_factory.core.error import ConflictError, FactoryError, InputError, NotFoundError
from agent_factory.environment.interop.action import ACTIONS, CallTool, ListTools, describe_errors
from agent_factory.environment.interop.seat import Seat, Sight

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_CALLERS_OWN = (InputError, NotFoundError, ConflictError)


class ResetData(Part):
    """What ``reset`` takes: without a seed one is drawn, without a scenario the seed chooses."""

    seed: int | None = Field(default=None, ge=0, lt=2**63)
    episode_id: str | None = Field(default=None, max_length=255)
    scenario: str | None = Field(default=None, max_length=255)


class Session:
    """A seat and how far it is."""

    def __init__(self, seat: Seat, limits: Limits) -> None:
        self.seat, self._limits = seat, limits
        self._episode: str | None = None
        self._steps = 0

    async def answer(self, text: str) -> Json | None:
        """The answer to a message, None where it says that the session is over."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            return fault("INVALID_JSON", f"the message is no JSON: {error}")
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "close":
            return None
        if kind not in ("reset", "step", "state"):
            return fault("UNKNOWN_TYPE", f"the message's type is {kind!r}, expected reset, step, state or close")
        return await self._act(kind, message.get("data", {}))

    async def _act(self, kind: str, data: Any) -> Json:
        try:
            async with asyncio.timeout(self._limits.episode_seconds):
                if kind == "state":
                    return {"type": "state", "data": await self.tell_state()}
                told = await (self.reset(data) if kind == "reset" else self.step(data))
                return {"type": "observation", "data": told}
        except _CALLERS_OWN as error:
            return fault("VALIDATION_ERROR", str(error))
        except TimeoutError:
            return fault("EXECUTION_ERROR", f"{kind} was not over within {self._limits.episode_seconds:g} s")
        except FactoryError as error:
            return fault("EXECUTION_ERROR", str(error))
        except Exception as error:  # the border of a session: a defect costs this episode and no other
            _LOG.exception("an environment raised")
            return fault("EXECUTION_ERROR", f"{type(error).__name__}: {error}")

    async def reset(self, data: Any) -> Json:
        """Begin an episode; its first observation. InputError where the data are wrong, else see ``Seat.reset``."""
        asked = _read(ResetData.model_validate, data)
        seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
        sight = await self.seat.reset(seed, asked.scenario)
        self._episode, self._steps = asked.episode_id or new_id("episode"), 0
        return _tell(sight, tools=[tool.to_wire() for tool in self.seat.tools])

    async def step(self, data: Any) -> Json:
        """Act; InputError where the data are no action, else see ``Seat.act``."""
        action = _read(ACTIONS.validate_python, data)
        if isinstance(action, ListTools):
            tools: list[JsonValue] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                for tool in self.seat.tools
            ]
            return {"observation": {"tools": tools, "metadata": {}}, "reward": None, "done": False}
        sight = await self.seat.act(_read(lambda found: found.to_message(), action))
        self._steps += 1
        return _tell(sight, **(_tell_call(action, sight) if isinstance(action, CallTool) else {}))

    async def tell_state(self) -> Json:
        """How far the episode is, and how its world stands; without an episode only that there is none."""
        world = {} if self._episode is None else {"world": await self.seat.state()}
        return {"episode_id": self._episode, "step_count": self._steps, **world}

    async def close(self) -> None:
        """Give the episode back."""
        await self.seat.close()


def fault(code: str, message: str) -> Json:
    """An answer that says what is wrong."""
    return {"type": "error", "data": {"message": message, "code": code}}


def _read(read: Callable[[Any], T], data: Any) -> T:
    try:
        return read(data)
    except ValueError as error:
        raise InputError(describe_errors(error)) from error


def _tell(sight: Sight, **more: Any) -> Json:
    seen: dict[str, Any] = {
        "scenario": sight.scenario,
        "messages": [message.to_wire() for message in sight.messages],
        **more,
    }
    metadata: dict[str, Any] = {} if sight.outcome is None else {"outcome": sight.outcome.model_dump(mode="json")}
    return {
        "observation": {**seen, "metadata": metadata},
        "reward": sight.reward,
        "done": sight.done,
        "metadata": metadata,
    }


def _tell_call(action: CallTool, sight: Sight) -> dict[str, Any]:
    """As OpenEnv's ``CallToolObservation``."""
    return {"tool_name": action.tool_name, "result": sight.messages[0].content, "error": None}
