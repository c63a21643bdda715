"""The browser kind's opener, what its entry point names: settings are checked, then browsers started.

Invariant: Playwright is loaded here and not before, so that whoever only names the kind stays light.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agent_factory.contracts.record import Json
from agent_factory.core.recipe import Recipe
from agent_factory.environment.browser.setting import FrontEndSection, read_section
from agent_factory.environment.http.world import open_http_world
from agent_factory.environment.world import World


@asynccontextmanager
async def open_browser_world(recipe: Recipe, settings: Json) -> AsyncGenerator[World]:
    """The recipe's front end in warm browsers for the block; see ``OpenWorld``."""
    section = read_section(FrontEndSection, "browser", settings, recipe.name)

    from agent_factory.environment.browser.environment import BrowserWorld
    from agent_factory.environment.browser.front_end import FrontEnd
    from agent_factory.environment.browser.pool import open_pool

    async with open_http_world(recipe, {}) as http:
        front = FrontEnd(http, section)
        async with front.client, open_pool(section) as pool:
            yield BrowserWorld(pool, front.make)
