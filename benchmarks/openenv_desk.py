"""support_desk's tools behind openenv's own server, in its two ways; run by the Python of ``make openenv``.

Arguments: ``tool`` or ``action``, the path of the recipe's ``simulator/world.py``, the state as JSON. A step calls the
function that our simulator calls; an episode has its own copy of the state. With ``tool`` it is a tool of openenv's
``MCPEnvironment``; with ``action`` a field of the action names it, unchecked, the least that a step can cost there.
The port is printed.
"""

import asyncio
import copy
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from fastmcp import FastMCP
from openenv.core.env_server import CallToolAction, CallToolObservation, create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.types import Action, ConcurrencyConfig, Observation, State
from pydantic import Field

WAY, WORLD, STATE = sys.argv[1:]
_SPEC = importlib.util.spec_from_file_location("shop", WORLD)
_SHOP = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_SHOP)
_TOOLS = {name: tool for name, tool in vars(_SHOP).items() if inspect.isfunction(tool) and name[0] != "_"}
del _TOOLS["demo_state"]


class Call(Action):
    """A tool and its arguments."""

    tool_name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Result(Observation):
    """What the tool returned."""

    result: dict[str, Any] = Field(default_factory=dict)


class _Desk:
    """One episode's shop."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    shop: dict[str, Any]
    state = State(episode_id="e", step_count=0)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **more: Any) -> Observation:
        self.shop = copy.deepcopy(json.loads(STATE))
        return Observation()


class ActionDesk(_Desk, Environment[Call, Result, State]):
    """The tool is named by the action."""

    def step(self, action: Call, timeout_s: float | None = None, **more: Any) -> Result:
        return Result(result=_TOOLS[action.tool_name](self.shop, **action.arguments))

    async def step_async(self, action: Call, timeout_s: float | None = None, **more: Any) -> Result:
        return self.step(action)  # or each step costs a turn through a thread


class ToolDesk(_Desk, MCPEnvironment):
    """The tools are openenv's own kind."""

    def __init__(self) -> None:
        server = FastMCP("desk")
        for tool in _TOOLS.values():
            server.tool()(self._bind(tool))
        super().__init__(server)

    def _bind(self, tool: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def call(**arguments: Any) -> dict[str, Any]:
            return tool(self.shop, **arguments)

        _, *rest = inspect.signature(tool).parameters.values()
        call.__name__, call.__doc__ = tool.__name__, tool.__doc__
        call.__signature__ = inspect.Signature([one.replace(annotation=str) for one in rest])
        call.__annotations__ = {one.name: str for one in rest}
        return call

    def _step_impl(self, action: Action, timeout_s: float | None = None, **more: Any) -> Observation:
        raise NotImplementedError


async def main() -> None:
    """Serve until the process ends."""
    ways = {"tool": (ToolDesk, CallToolAction, CallToolObservation), "action": (ActionDesk, Call, Result)}
    app = create_fastapi_app(*ways[WAY], concurrency_config=ConcurrencyConfig(max_concurrent_envs=4096))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await task


if __name__ == "__main__":
    asyncio.run(main())
