"""The kind ``miniwob``: what its entry point names, and its settings.

Invariant: Playwright is loaded here and not before, so that whoever only names the kind stays light.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import Field

from agent_factory.contracts.record import Json
from agent_factory.core.recipe import Recipe
from agent_factory.environment.browser.setting import BrowserSection, read_section
from agent_factory.environment.miniwob.package import DEFAULT_FOLDER, Package
from agent_factory.environment.world import World


class MiniwobSection(BrowserSection):
    """``[environment.settings.miniwob]``: those of browsers, and where the package is installed.

    The page is as large as the package's own window; elements are told with their places, since many tasks
    are done by coordinates.
    """

    folder: Path = DEFAULT_FOLDER
    width: int = Field(default=500, ge=160, le=4096)
    height: int = Field(default=320, ge=160, le=4096)
    boxes: bool = True


@asynccontextmanager
async def open_miniwob_world(recipe: Recipe, settings: Json) -> AsyncGenerator[World]:
    """The package's tasks in warm browsers for the block; see ``OpenWorld``."""
    section = read_section(MiniwobSection, "miniwob", settings, recipe.name)
    package = Package(section.folder)

    from agent_factory.environment.browser.environment import BrowserWorld
    from agent_factory.environment.browser.pool import open_pool
    from agent_factory.environment.miniwob.site import MiniwobSite

    async with open_pool(section) as pool:
        yield BrowserWorld(pool, lambda: MiniwobSite(package))
