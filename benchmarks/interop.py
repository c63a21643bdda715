"""Environments over a wire, beside openenv's own server: sessions a core, and steps a second.

Sessions: OpenEnv's scaling test. An environment only waits one second a step; n clients at once connect, reset,
step and leave; n holds where 99.5 % succeed and 99 % are over within two seconds, connecting included. Both
servers are one process bound to one core, the clients are the same code in this process, on the other cores. Ours runs
as `factory env serve` runs it, with uvloop; openenv is as its package installs it, which brings none.
Steps: a tool of support_desk with the same arguments on the same state, and the same function behind it, one process
each. Ours goes through its simulator (argument check, routes, statuses, JSON, faults in front), in process as rollouts
call it, and over our server. The peer's is called over openenv's server: as a tool of openenv's (``MCPEnvironment``),
and as a bare action, which knows neither tools nor arguments.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from agent_factory.contracts import Scenario, ToolCall
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.scenario import draw_scenarios
from agent_factory.environment.world import open_world
from benchmarks.figure import Figure, skip
from tests.openenv import PYTHON, REASON, serve, serve_counter

_SIZES = (64, 128, 256, 512, 1024, 2048)
_STEPS = 4000
_SHARE, _P99_SECONDS, _WAIT = 0.995, 2.0, 1.0
_OURS = """
import asyncio, sys, uvicorn
from contextlib import asynccontextmanager
from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts import Message
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.interop import server as ours
from agent_factory.environment.scenario import draw_scenarios

class Wait:
    tools = ()
    async def reset(self, scenario, seed): pass
    async def step(self, call, deadline_seconds):
        await asyncio.sleep(call.arguments["wait_seconds"])
        return ToolResult(Message(role="tool", tool_call_id=call.id, name=call.name, content="{}"), None)
    async def state(self): return {}
    async def close(self): pass

class Waits:
    def make(self): return Wait()

@asynccontextmanager
async def open_waits(*_):
    yield Waits()

if sys.argv[1] == "wait":
    ours.open_world = open_waits
recipe = load_recipe("support_desk")
app = ours.create_env_app(recipe, draw_scenarios(recipe, "train", 5, 0), bounds=ours.Bounds(sessions=4096))
config = uvicorn.Config(app, port=0, log_level="error", ws="websockets-sansio", ws_per_message_deflate=False)
server = uvicorn.Server(config)

async def main():
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await task

with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
    runner.run(main())
"""
T = TypeVar("T")
Step = Callable[[float], dict[str, Any]]


def measure() -> list[Figure]:
    if not PYTHON.exists():
        return [skip("interop", REASON)]
    return [_measure_sessions(), *_measure_steps()]


@contextmanager
def _serve_ours(what: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", _OURS, what], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()
            process.wait(30)


def _our_step(wait: float) -> dict[str, Any]:
    return {"type": "call_tool", "tool_name": "wait", "arguments": {"wait_seconds": wait}}


def _their_step(wait: float) -> dict[str, Any]:
    return {"amount": 0, "wait_seconds": wait}


@contextmanager
def _on_one_core() -> Iterator[None]:
    """What is started in the block runs on one core, this process afterwards on the others, where there are any."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores[1:] or cores)


def _measure_sessions() -> Figure:
    cores = os.sched_getaffinity(0)
    try:
        with _on_one_core():
            ours, theirs = _serve_ours("wait"), serve_counter()
            server, peer = ours.__enter__(), theirs.__enter__()
        try:
            mine, other = _find_most(server, _our_step), _find_most(peer, _their_step)
        finally:
            ours.__exit__(None, None, None)
            theirs.__exit__(None, None, None)
    finally:
        os.sched_setaffinity(0, cores)
    reach = ">= 256 sessions a core, 99.5 % succeed, P99 <= 2 s"
    return Figure(
        "interop/sessions_per_core", mine, "sessions", other, round(mine / max(other, 1), 1), reach, mine >= 256
    )


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run the clients in the loop that takes least of the cores, for both servers."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _find_most(port: int, step: Step) -> int:
    most = 0
    _run(_try(port, step, 16))
    for size in _SIZES:
        share, slowest = _run(_try(port, step, size))
        print(f"interop: {step.__name__} {size} sessions: {share:.1%} succeed, P99 {slowest:.2f} s")
        if share < _SHARE or slowest > _P99_SECONDS:
            return most
        most = size
    return most


async def _try(port: int, step: Step, size: int) -> tuple[float, float]:
    """The share of sessions that succeed, and the 99th percentile of their seconds."""
    found = await asyncio.gather(*(_play(port, step) for _ in range(size)), return_exceptions=True)
    seconds = sorted(one for one in found if isinstance(one, float))
    if not seconds:
        return 0.0, float("inf")
    return len(seconds) / size, seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))]


async def _play(port: int, step: Step) -> float:
    begun = time.perf_counter()
    async with (
        asyncio.timeout(60),
        connect(f"ws://127.0.0.1:{port}/ws", proxy=None, compression=None, open_timeout=60) as socket,
    ):
        await _ask(socket, "reset", {})
        await _ask(socket, "step", step(_WAIT))
        return time.perf_counter() - begun


async def _ask(socket: ClientConnection, kind: str, data: dict[str, Any]) -> None:
    await socket.send(json.dumps({"type": kind, "data": data}))
    told = json.loads(await socket.recv())
    if told["type"] != "observation":
        raise RuntimeError(str(told)[:200])


def _measure_steps() -> list[Figure]:
    recipe = load_recipe("support_desk")
    scenario = next(s for s in draw_scenarios(recipe, "train", 5, 0) if s.solution.calls)
    call = scenario.solution.calls[0]
    desk = (str(Path(__file__).parent / "openenv_desk.py"), str(recipe.folder / "simulator" / "world.py"))
    action = {"type": "call_tool", "tool_name": call.name, "arguments": call.arguments}
    bare = {"tool_name": call.name, "arguments": call.arguments}
    ours = asyncio.run(_step_in_process(scenario, call))
    with _serve_ours("desk") as port:
        wire = _run(_step_over_wire(port, action, {"scenario": scenario.id}))
    with serve(desk[0], "tool", desk[1], json.dumps(scenario.state)) as port:
        tool = _run(_step_over_wire(port, action, {}))
    with serve(desk[0], "action", desk[1], json.dumps(scenario.state)) as port:
        least = _run(_step_over_wire(port, bare, {}))
    return [
        _compare("in_process", ours, tool, ">= 5 x an OpenEnv server with the same tool"),
        _compare("in_process/beside_bare_action", ours, least),
        _compare("over_the_wire", wire, tool),
        _compare("over_the_wire/beside_bare_action", wire, least),
    ]


def _compare(name: str, ours: float, peer: float, reach: str | None = None) -> Figure:
    met = None if reach is None else ours >= 5 * peer
    return Figure(f"interop/steps/{name}", round(ours), "steps/s", round(peer), round(ours / peer, 2), reach, met)


async def _step_in_process(scenario: Scenario, call: ToolCall) -> float:
    async with open_world(load_recipe("support_desk")) as world:
        environment = world.make()
        await environment.reset(scenario, 0)
        begun = time.perf_counter()
        for _ in range(_STEPS):
            result = await environment.step(call, 10.0)
            if not result.ok:
                raise RuntimeError(str(result.error))
        return _STEPS / (time.perf_counter() - begun)


async def _step_over_wire(port: int, action: dict[str, Any], given: dict[str, Any]) -> float:
    """Steps a second of many sessions side by side; each begins anew every ten steps, on both sides."""

    async def one() -> None:
        async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None, compression=None) as socket:
            for number in range(_STEPS // 16):
                if number % 10 == 0:
                    await _ask(socket, "reset", given)
                await _ask(socket, "step", action)

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(16)))
    return _STEPS / (time.perf_counter() - begun)
