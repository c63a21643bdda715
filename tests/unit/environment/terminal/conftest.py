"""A program in a terminal, from its Python source; skipped where the kernel refuses a sandbox."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_factory.contracts import Message, Scenario, Solution, SuccessRules, ToolCall
from agent_factory.core.error import ToolError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.terminal.tool import TOOLS
from agent_factory.environment.terminal.world import open_terminal_world

HERE = Path(__file__).parent
COMMAND = ["python", "-u", "app.py"]


@pytest.fixture(scope="session")
def sandboxed(tmp_path_factory):
    """Whether sandboxes can be made here; skips with the kernel's reason."""
    folder = tmp_path_factory.mktemp("probe")

    async def probe():
        async with open_terminal_world(Recipe(folder), {"command": ["true"], "folder": "."}):
            pass

    try:
        asyncio.run(probe())
    except ToolError as error:
        pytest.skip(str(error))


@pytest.fixture
def scenario():
    """A task that asks for nothing, with files of its own."""

    def make(files=None, **fields):
        values = {
            "id": "s1",
            "created_at": datetime(2026, 11, 21, tzinfo=UTC),
            "recipe": "program",
            "level": "L1",
            "kind": "k",
            "template": "t",
            "split": "train",
            "seed": 1,
            "opening": (Message(role="user", content="Go."),),
            "tools": tuple(tool.name for tool in TOOLS),
            "state": {"files": files or {}},
            "rules": SuccessRules(),
            "solution": Solution(calls=(), answer="Done."),
        }
        return Scenario(**values | fields)

    return make


class Player:
    """An environment with its tools as methods; each tells the text of the result."""

    def __init__(self, environment):
        self.environment = environment

    async def call(self, name, deadline=10.0, **arguments):
        return await self.environment.step(ToolCall(id="c", name=name, arguments=arguments), deadline)

    async def do(self, name, deadline=10.0, **arguments):
        result = await self.call(f"terminal_{name}", deadline, **arguments)
        assert result.ok, result.error
        return result.message.content


@pytest.fixture
async def start(sandboxed, scenario, tmp_path):
    """Start a program of this source (or another command) and see its first screen."""
    async with AsyncExitStack() as stack:

        async def open_one(source, given=None, seed=0, **settings):
            (tmp_path / "app").mkdir(exist_ok=True)
            (tmp_path / "app" / "app.py").write_text(source)
            world = await stack.enter_async_context(
                open_terminal_world(Recipe(tmp_path), {"command": COMMAND, "folder": "app"} | settings)
            )
            environment = world.make()
            stack.push_async_callback(environment.close)
            await environment.reset(scenario(given), seed)
            return Player(environment)

        yield open_one


@pytest.fixture(scope="session")
def stock_room():
    return Recipe(HERE / "stock_room")
