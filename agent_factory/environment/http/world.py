"""The HTTP kind: a recipe's OpenAPI document as tools, its ASGI simulator behind them.

One simulator in this process serves many episodes, each with a world of its own. Invariant: a tool
call goes through HTTP semantics (route, status, JSON body) as it would to a live service, only
without a socket.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx

from agent_factory.agent.openapi import OpenApiTools, read_tools
from agent_factory.agent.toolbox import Toolbox, ToolResult
from agent_factory.contracts.message import Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.clock import new_id
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.http.fault import FaultGate, Receive, Scope, Send


class Simulator(Protocol):
    """What ``[recipe] simulator`` in build.toml makes: an ASGI application with a world an episode.

    Requests name their episode in the header ``X-Episode``.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def install(self, episode: str, state: dict[str, Any]) -> None:
        """Give an episode its world, a copy of ``state``."""
        ...

    def snapshot(self, episode: str) -> dict[str, Any]:
        """A copy of the world as it is now."""
        ...

    def drop(self, episode: str) -> None:
        """Forget a world; one that is not there is no fault."""
        ...


class HttpWorld:
    """A simulator with faults in front of it, and the client that reaches it."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.tools: OpenApiTools = read_tools(recipe.openapi, str(recipe.folder / "openapi.yaml"))
        make = recipe.load_part("simulator")
        with recipe.blame("simulator"):
            self.simulator: Simulator = make()
        self.gate = FaultGate(self._answer, self.tools)
        transport = httpx.ASGITransport(app=self.gate)  # pyright: ignore[reportArgumentType]
        self.client = httpx.AsyncClient(transport=transport, base_url="http://simulator", timeout=None)  # noqa: S113
        self.toolbox = Toolbox(self.tools, self.client)

    def make(self) -> HttpEnvironment:
        """An environment for one episode."""
        return HttpEnvironment(self)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.recipe.blame("simulator"):
            await self.simulator(scope, receive, send)


class HttpEnvironment:
    """The world of one episode, by its name in the simulator."""

    def __init__(self, world: HttpWorld) -> None:
        self.tools: tuple[Tool, ...] = ()
        self._world = world
        self.name = new_id("episode")
        self._toolbox = world.toolbox.with_headers({"X-Episode": self.name})

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Environment``. The simulator knows no chance: what a world draws stands in the scenario's state."""
        self.tools = _find_tools(self._world.tools, scenario, self._world.recipe.name)
        with self._world.recipe.blame("simulator"):
            self._world.simulator.install(self.name, dict(scenario.state))
        self._world.gate.install(self.name, scenario.faults)

    async def step(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """See ``Environment``."""
        return await self._toolbox.call(call, deadline_seconds)

    async def state(self) -> Json:
        """See ``Environment``."""
        with self._world.recipe.blame("simulator"):
            return self._world.simulator.snapshot(self.name)

    async def close(self) -> None:
        """See ``Environment``."""
        self._world.gate.drop(self.name)
        with self._world.recipe.blame("simulator"):
            self._world.simulator.drop(self.name)


@asynccontextmanager
async def open_http_world(recipe: Recipe, settings: Json) -> AsyncGenerator[HttpWorld]:
    """The recipe's simulator for the block; see ``OpenWorld``."""
    if settings:
        raise InputError(
            f"recipe {recipe.name!r}: [environment.settings.http] has {sorted(settings)}, expected no settings"
        )
    world = HttpWorld(recipe)
    try:
        yield world
    finally:
        await world.client.aclose()


def _find_tools(document: OpenApiTools, scenario: Scenario, recipe: str) -> tuple[Tool, ...]:
    unknown = [name for name in scenario.tools if name not in document.operations]
    if unknown:
        raise InputError(
            f"scenario {scenario.id!r} gives the tool {unknown[0]!r}, which {recipe!r} does not have; "
            f"openapi.yaml has: {', '.join(document.operations)}"
        )
    return tuple(tool for tool in document.tools if tool.name in scenario.tools)
