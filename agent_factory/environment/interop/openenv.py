"""The kind ``openenv``: an OpenEnv server as an environment of ours, a session an episode.

A server that knows ``list_tools`` gives its own tools; any other gives one, ``step``, whose arguments are its
action, and ``observe`` tells what was seen last. A scenario's ``state`` is what ``reset`` is given. Graded is
``{"reward": sum of rewards, "done": …}`` and the keys of the server's state that the settings name.
Invariant: a session's answers are read in order, so one that comes late ends the session.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from agent_factory.agent.argument import ArgumentCheck
from agent_factory.agent.toolbox import ToolResult, fail
from agent_factory.contracts.message import Message, Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.error import InputError, ToolError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.http.live import LiveTransport, read_key, resolve
from agent_factory.environment.interop.setting import read_section

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_SECONDS = 30.0
OBSERVE = Tool(
    name="observe", description="What was seen last.", parameters={"type": "object", "additionalProperties": False}
)


class OpenEnvWorld:
    """A server, for many episodes."""

    def __init__(self, recipe: str, settings: Json) -> None:
        self.section, self._http = read_section(settings, recipe)
        self._key = read_key(self._http)
        self.url = httpx.URL(self.section.url.rstrip("/"))
        self.transport = LiveTransport(self._http, self.url, self._key)
        self.arguments = ArgumentCheck()
        self.action: Json = {}

    def make(self) -> OpenEnvEnvironment:
        """An environment for one episode."""
        return OpenEnvEnvironment(self)

    async def read_schema(self) -> None:
        """Ask the server what an action is; ToolError where it does not say."""
        url = f"{self.url}/schema"
        try:
            answer = await self.transport.handle_async_request(httpx.Request("GET", url))
            action = json.loads(answer.content)["action"]
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise ToolError(f"the OpenEnv server's {url} cannot be read: {type(error).__name__}: {error}") from error
        if not answer.is_success or not isinstance(action, dict):
            raise ToolError(f"{url} is {answer.status_code}, expected 200 and the JSON Schema of an action")
        self.action = action

    @property
    def lists_tools(self) -> bool:
        """Whether actions are calls of listed tools: the schema names them, or is that of any ``Action``."""
        own = self.action.get("properties")
        return '"call_tool"' in json.dumps(self.action) or (isinstance(own, dict) and set(own) == {"metadata"})

    async def connect(self) -> ClientConnection:
        """A new session; ToolError where it does not come about."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        request = httpx.Request("GET", self.url)
        scheme = {"http": "ws", "https": "wss"}[self.url.scheme]
        address = f"{self.url.copy_with(scheme=scheme)}/ws"
        try:
            where = await resolve(request, frozenset(self._http.allow))
            return await connect(
                address,
                host=where,
                port=self.url.port or {"http": 80, "https": 443}[self.url.scheme],
                proxy=None,
                compression=None,
                max_size=self.section.max_bytes,
                open_timeout=_SECONDS,
                additional_headers=[self._key] if self._key else None,
            )
        except (OSError, TimeoutError, httpx.HTTPError, WebSocketException, ValueError) as error:
            raise ToolError(f"no session at {address!r}: {type(error).__name__}: {error}") from error


class OpenEnvEnvironment:
    """The session of one episode."""

    def __init__(self, world: OpenEnvWorld) -> None:
        self.tools: tuple[Tool, ...] = ()
        self._world = world
        self._socket: ClientConnection | None = None
        self._lists = False
        self._seen: Json = {}
        self._reward: float | None = None
        self._done = False
        self._late: str | None = None

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Environment``: a new session, reset with the scenario's state and the seed."""
        if scenario.faults:
            raise InputError(
                f"scenario {scenario.id!r} has faults, which the kind 'openenv' cannot put in: leave them out"
            )
        await self.close()
        if not self._world.action:
            await self._world.read_schema()
        self._socket = await self._world.connect()
        self._reward, self._done, self._late = None, False, None
        self._take(await self._demand({"type": "reset", "data": {"seed": seed, **scenario.state}}))
        found = await self._find_tools()
        unknown = set(scenario.tools) - {tool.name for tool in found}
        if unknown:
            raise InputError(
                f"scenario {scenario.id!r} gives the tool {sorted(unknown)[0]!r}, which the server does not have; "
                f"it has: {', '.join(tool.name for tool in found)}"
            )
        self.tools = tuple(tool for tool in found if tool.name in scenario.tools)

    async def step(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """See ``Environment``."""
        tool = next((tool for tool in self.tools if tool.name == call.name), None)
        if tool is None:
            return fail(call, 404, f"there is no tool {call.name}; there are: {', '.join(t.name for t in self.tools)}")
        wrong = self._world.arguments.find_wrong(call.name, tool.parameters, call.arguments)
        if wrong is not None:
            return fail(call, 422, wrong)
        if call.name == OBSERVE.name:
            return _tell(call, self._seen, None)
        if self._done:
            return fail(call, 409, "the episode is over")
        action: Json = call.arguments
        if self._lists:
            action = {"type": "call_tool", "tool_name": call.name, "arguments": call.arguments}
        try:
            told = await self._ask({"type": "step", "data": {**action}}, deadline_seconds)
        except TimeoutError:
            await self.close()
            self._late = f"the OpenEnv server gave no answer to {call.name!r} in {deadline_seconds:g} s"
            return fail(call, 408, f"no answer within {deadline_seconds:g} s, the session is over")
        if told["type"] == "error":
            return fail(call, 400, str(told["data"].get("message")))
        reward = self._take(told["data"])
        return _tell(call, self._seen, reward)

    async def state(self) -> Json:
        """See ``Environment``; ToolError where the session ended with an answer that came late."""
        if self._late is not None:
            raise ToolError(f"{self._late}: how the session stands is not known")
        found: Json = {"reward": self._reward, "done": self._done}
        keys = self._world.section.state_keys
        if keys and self._socket is not None:
            told = await self._demand({"type": "state"})
            missing = [key for key in keys if key not in told]
            if missing:
                raise ToolError(f"the server's state has no {missing[0]!r} (state_keys); it has: {', '.join(told)}")
            found |= {key: told[key] for key in keys}
        return found

    async def close(self) -> None:
        """See ``Environment``."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def _find_tools(self) -> tuple[Tool, ...]:
        self._lists = self._world.lists_tools
        if not self._lists:
            step = Tool(name="step", description="Act in the environment.", parameters=self._world.action)
            return (step, OBSERVE)
        told = await self._demand({"type": "step", "data": {"type": "list_tools"}})
        seen = told.get("observation")
        listed = seen.get("tools") if isinstance(seen, dict) else None
        if not isinstance(listed, list):
            raise ToolError(f"the OpenEnv server answers list_tools with {str(told)[:200]!r}, expected tools")
        return (*(_read_tool(tool) for tool in listed), OBSERVE)

    def _take(self, told: Json) -> float | None:
        """Keep what an observation says; its reward."""
        seen, reward = told.get("observation"), told.get("reward")
        self._seen = seen if isinstance(seen, dict) else {"observation": seen}
        self._done = bool(told.get("done"))
        if not isinstance(reward, (bool, int, float)):
            return None
        self._reward = (self._reward or 0.0) + float(reward)
        return float(reward)

    async def _demand(self, message: dict[str, Any]) -> Json:
        """The data of an answer that there must be; ToolError else."""
        try:
            told = await self._ask(message, _SECONDS)
        except TimeoutError as error:
            raise ToolError(f"the OpenEnv server gave no answer to {message['type']!r} in {_SECONDS:g} s") from error
        if told["type"] == "error":
            raise ToolError(f"the OpenEnv server refused {message['type']!r}: {told['data'].get('message')}")
        return told["data"]

    async def _ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        from websockets.exceptions import ConnectionClosed

        if self._socket is None:
            raise ToolError("an openenv environment was used before reset, or after its session was over")
        try:
            async with asyncio.timeout(seconds):
                await self._socket.send(json.dumps(message))
                told = json.loads(await self._socket.recv())
        except ConnectionClosed as error:
            raise ToolError(f"the OpenEnv server ended the session: {error}") from error
        except ValueError as error:
            raise ToolError(f"the OpenEnv server's answer is no JSON: {error}") from error
        if not isinstance(told, dict) or not isinstance(told.get("data"), dict) or "type" not in told:
            raise ToolError(f"the OpenEnv server's answer is {str(told)[:200]!r}, expected an object of type and data")
        return told


@asynccontextmanager
async def open_openenv_world(recipe: Recipe, settings: Json) -> AsyncGenerator[OpenEnvWorld]:
    """The server for the block; see ``OpenWorld``."""
    world = OpenEnvWorld(recipe.name, settings)
    try:
        yield world
    finally:
        await world.transport.aclose()


def _read_tool(told: Any) -> Tool:
    try:
        schema: Json = told.get("input_schema") or {"type": "object"}
        return Tool(name=told["name"], description=told.get("description") or "", parameters=schema)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"the OpenEnv server lists {str(told)[:200]!r}, which is no tool: {error}") from error


def _tell(call: ToolCall, seen: Json, reward: float | None) -> ToolResult:
    content = json.dumps(seen, ensure_ascii=False)
    return ToolResult(Message(role="tool", tool_call_id=call.id, name=call.name, content=content), None, reward)
