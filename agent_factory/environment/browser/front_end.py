"""A recipe's front end: pages of its own over its simulator, reached by the same HTTP calls as by tools.

``app`` in ``[environment.settings.browser]`` names a function of the recipe: given the simulator's client it
makes an ASGI application, which hands the header ``X-Episode`` of its requests on. Invariant: the state
that counts is the simulator's; the scenario's faults hit the front end's calls as they hit an agent's.
"""

from __future__ import annotations

import httpx
from playwright.async_api import Page

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.browser.setting import FrontEndSection
from agent_factory.environment.browser.site import serve
from agent_factory.environment.http.fault import EPISODE_HEADER
from agent_factory.environment.http.world import HttpWorld

ORIGIN = "https://shop.test"
"""Where a recipe's front end seems to stand; ``.test`` is nobody's (RFC 6761)."""


class FrontEnd:
    """A recipe's front end for many episodes, and the client that reaches it."""

    def __init__(self, world: HttpWorld, section: FrontEndSection) -> None:
        self.world, self.section = world, section
        make = world.recipe.load(_target(world.recipe, section))
        with world.recipe.blame("front end"):
            self.client = serve(make(world.client))

    def make(self) -> FrontEndSite:
        """The site of one episode."""
        return FrontEndSite(self)


class FrontEndSite:
    """The front end as one episode sees it; see ``Site``."""

    def __init__(self, front: FrontEnd) -> None:
        self.origins: tuple[str, ...] = (ORIGIN,)
        self.start = ORIGIN + front.section.start
        self._front = front
        self._http = front.world.make()

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Site``."""
        await self._http.reset(scenario, seed)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """See ``Site``."""
        request.headers[EPISODE_HEADER] = self._http.name
        with self._front.world.recipe.blame("front end"):
            return await self._front.client.send(request)

    async def ready(self, page: Page) -> None:
        """See ``Site``: a page of a server is ready once it is loaded."""

    async def complete(self, result: ToolResult, page: Page) -> ToolResult:
        """See ``Site``."""
        return self._http.tell_hits(result)

    async def state(self, page: Page) -> Json:
        """See ``Site``."""
        return await self._http.state()

    async def close(self) -> None:
        """See ``Site``."""
        await self._http.close()


def _target(recipe: Recipe, section: FrontEndSection) -> str:
    if section.app is None:
        raise InputError(
            f"recipe {recipe.name!r} has no front end: [environment.settings.browser] app in build.toml is left out, "
            'expected "module:function", as in app = "shop:create_app"'
        )
    return section.app
