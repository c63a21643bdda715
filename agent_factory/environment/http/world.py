"""The HTTP kind: a recipe's OpenAPI document as tools, and behind them whatever answers.

One backend serves many episodes, each with a world of its own. Invariant: a tool call goes through
HTTP semantics (route, status, JSON body) and past the scenario's faults, whoever answers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx

from agent_factory.agent.openapi import OpenApiTools, read_tools
from agent_factory.agent.toolbox import Toolbox, ToolResult
from agent_factory.contracts.message import Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.clock import new_id
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.http.backend import Backend, SimulatorBackend
from agent_factory.environment.http.client import WorldClient
from agent_factory.environment.http.fault import EPISODE_HEADER, FaultTransport, check_faults
from agent_factory.environment.http.live import LiveBackend
from agent_factory.environment.http.playback import CassetteBackend
from agent_factory.environment.http.recording import RecordingBackend
from agent_factory.environment.http.setting import HttpSection, read_section


class HttpWorld:
    """What answers, with faults in front of it, and the client that reaches it."""

    def __init__(self, recipe: Recipe, section: HttpSection | None = None) -> None:
        self.recipe = recipe
        self.tools: OpenApiTools = read_tools(recipe.openapi, str(recipe.folder / "openapi.yaml"))
        self.backend: Backend = _open_backend(recipe, section or HttpSection(), self.tools)
        base = self.backend.base_url
        self.faults = FaultTransport(self.backend.transport, self.tools, httpx.URL(base).path)
        self.client = WorldClient(self.faults, base)
        self.toolbox = Toolbox(self.tools, self.client)

    def make(self) -> HttpEnvironment:
        """An environment for one episode."""
        return HttpEnvironment(self)


class HttpEnvironment:
    """The world of one episode, by its name behind the client."""

    def __init__(self, world: HttpWorld) -> None:
        self.tools: tuple[Tool, ...] = ()
        self._world = world
        self.name = new_id("episode")
        self._toolbox = world.toolbox.with_headers({EPISODE_HEADER: self.name})

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Environment``: the faults are drawn from ``seed``."""
        world = self._world
        self.tools = _find_tools(world.tools, scenario, world.recipe.name)
        check_faults(scenario, world.tools, world.backend.rewinds)
        await world.backend.install(self.name, scenario)
        world.faults.install(self.name, scenario.faults, seed)

    async def step(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """See ``Environment``."""
        return self.tell_hits(await self._toolbox.call(call, deadline_seconds))

    def tell_hits(self, result: ToolResult) -> ToolResult:
        """A result with the faults that hit the episode's calls since this was asked last."""
        hits = self._world.faults.take_hits(self.name)
        if not hits:
            return result
        delay = sum(hit.delay_seconds for hit in hits)
        return replace(result, injected=", ".join(hit.fault for hit in hits), delay_seconds=delay)

    async def state(self) -> Json:
        """See ``Environment``."""
        return await self._world.backend.snapshot(self.name)

    async def close(self) -> None:
        """See ``Environment``."""
        self._world.faults.drop(self.name)
        await self._world.backend.drop(self.name)


@asynccontextmanager
async def open_http_world(recipe: Recipe, settings: Json) -> AsyncGenerator[HttpWorld]:
    """The recipe's tools and what answers them, for the block; see ``OpenWorld``."""
    world = HttpWorld(recipe, read_section(settings, recipe.name))
    try:
        yield world
    finally:
        await world.client.aclose()


def _open_backend(recipe: Recipe, section: HttpSection, tools: OpenApiTools) -> Backend:
    openapi = digest_json(recipe.openapi)
    if section.cassette is not None:
        return CassetteBackend(recipe.folder / section.cassette, openapi, tools)
    backend = LiveBackend(section) if section.backend == "live" else SimulatorBackend(recipe)
    if section.record is None:
        return backend
    return RecordingBackend(backend, recipe.folder / section.record, openapi, tools)


def _find_tools(document: OpenApiTools, scenario: Scenario, recipe: str) -> tuple[Tool, ...]:
    unknown = [name for name in scenario.tools if name not in document.operations]
    if unknown:
        raise InputError(
            f"scenario {scenario.id!r} gives the tool {unknown[0]!r}, which {recipe!r} does not have; "
            f"openapi.yaml has: {', '.join(document.operations)}"
        )
    return tuple(tool for tool in document.tools if tool.name in scenario.tools)
