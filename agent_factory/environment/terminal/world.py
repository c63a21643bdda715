"""The terminal kind's opener, what its entry point names: settings are checked, then the sandbox is tried.

Invariant: a kernel that refuses the sandbox is told here, before any episode.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agent_factory.contracts.record import Json
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.terminal.folder import read_template
from agent_factory.environment.terminal.setting import MIB, read_section
from agent_factory.environment.world import World


@asynccontextmanager
async def open_terminal_world(recipe: Recipe, settings: Json) -> AsyncGenerator[World]:
    """The recipe's program for the block; see ``OpenWorld``. ToolError where no sandbox can be made."""
    section = read_section(settings, recipe.name)
    template = read_template(recipe.folder / section.folder, section.disk_mib * MIB)
    try:
        from agent_factory.environment.terminal.environment import TerminalWorld
    except ModuleNotFoundError as error:
        raise InputError(
            f"the kind of environment 'terminal' needs {error.name!r}: install agent-factory[terminal]"
        ) from error
    with tempfile.TemporaryDirectory(prefix="agent-factory-terminal-") as root:
        world = TerminalWorld(section, template, root)
        await (await world.start({}, 0)).close()
        yield world
