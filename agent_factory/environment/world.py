"""The simulated world of a recipe: its ASGI application, hosted in this process for many episodes.

Invariant: a tool call goes through HTTP semantics (route, status, JSON body) as it would to a live
service, only without a socket.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx

from agent_factory.agent.openapi import OpenApiTools, read_tools
from agent_factory.agent.toolbox import Toolbox
from agent_factory.contracts.message import Tool
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.fault import FaultGate, Receive, Scope, Send


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
        """Forget a world."""
        ...


class World:
    """A simulator with faults in front of it, and the client that reaches it."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.tools: OpenApiTools = read_tools(recipe.openapi, str(recipe.folder / "openapi.yaml"))
        make = recipe.load_part("simulator")
        with recipe.blame("simulator"):
            self._simulator: Simulator = make()
        self._gate = FaultGate(self._answer, self.tools)
        transport = httpx.ASGITransport(app=self._gate)  # pyright: ignore[reportArgumentType]
        self._client = httpx.AsyncClient(transport=transport, base_url="http://simulator", timeout=None)  # noqa: S113
        self._toolbox = Toolbox(self.tools, self._client)

    def enter(self, episode: str, scenario: Scenario) -> Toolbox:
        """Set the world of an episode up; its tools."""
        with self.recipe.blame("simulator"):
            self._simulator.install(episode, dict(scenario.state))
        self._gate.install(episode, scenario.faults)
        return self._toolbox.with_headers({"X-Episode": episode})

    def tools_of(self, scenario: Scenario) -> tuple[Tool, ...]:
        """The tools that a scenario gives, in the document's order; InputError where one is not there."""
        unknown = [name for name in scenario.tools if name not in self.tools.operations]
        if unknown:
            raise InputError(
                f"scenario {scenario.id!r} gives the tool {unknown[0]!r}, which {self.recipe.name!r} does not have; "
                f"openapi.yaml has: {', '.join(self.tools.operations)}"
            )
        return tuple(tool for tool in self.tools.tools if tool.name in scenario.tools)

    def snapshot(self, episode: str) -> Mapping[str, Any]:
        """The world of an episode as it is now."""
        with self.recipe.blame("simulator"):
            return self._simulator.snapshot(episode)

    def leave(self, episode: str) -> None:
        """Forget an episode."""
        self._gate.drop(episode)
        with self.recipe.blame("simulator"):
            self._simulator.drop(episode)

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.recipe.blame("simulator"):
            await self._simulator(scope, receive, send)


@asynccontextmanager
async def open_world(recipe: Recipe) -> AsyncGenerator[World]:
    """A world of the recipe for the block."""
    world = World(recipe)
    try:
        yield world
    finally:
        await world.close()
