"""MiniWoB++ in a browser: all its tasks through our protocol, our references, and its own Selenium route beside ours.

The route: the same tasks, seeds and clicks by coordinates, the same Chromium, one run; two at a time on both sides, as
there are cores. Theirs keeps a page for all episodes of a task and begins it anew; ours gives each episode a context of
its own. Browsers are started before the time is taken, theirs for each task. Both tell text after each step, and with
pictures in the second pair of figures.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random
from typing import Any

import psutil

from agent_factory.contracts import Scenario, ToolCall
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import FactoryError, InputError
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.browser.setting import find_executable
from agent_factory.environment.miniwob.package import Package
from agent_factory.environment.world import open_world
from benchmarks.figure import Figure, skip

REACH = 2.0
WORKERS = 2
SEEDS = range(3)
ROUTE_SEEDS = range(10)
ROUTE_TASKS = ("click-button", "click-checkboxes", "click-dialog", "click-option", "click-test", "focus-text-2")
CONTEXTS = 8
_SECONDS = 20.0
_PEER_SECONDS = 600.0
_SELENIUM = Path(sys.prefix) / "selenium"
Clicks = dict[str, dict[int, list[list[float]]]]


def measure() -> list[Figure]:
    try:
        package = Package()
        chromium = str(find_executable(None, _playwrights_own()))
    except InputError as error:
        return [skip("browser", error)]
    return asyncio.run(_measure(package, chromium))


def _playwrights_own() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        return driver.chromium.executable_path


async def _measure(package: Package, chromium: str) -> list[Figure]:
    figures = [await _measure_tasks(package), *await _measure_references(package)]
    clicks, scenarios = await _script(package)
    for pictures in (False, True):
        figures.append(await _measure_route(clicks, scenarios, chromium, pictures=pictures))
    return [*figures, await _measure_memory(package)]


def _open(pages: int = WORKERS, browsers: int = WORKERS) -> AbstractAsyncContextManager[Any]:
    settings = {"browsers": browsers, "pages": pages}
    section = EnvironmentSection(kind="miniwob", settings={"miniwob": settings})
    return open_world(load_recipe("support_desk"), section)


async def _make(world: Any, package: Package, tasks: Any, seeds: Any) -> list[Scenario]:
    from agent_factory.environment.miniwob.scenario import make_scenarios

    return await make_scenarios(world, package, "support_desk", tasks, list(seeds), "train")


async def _measure_tasks(package: Package) -> Figure:
    """Each task is begun, looked at and clicked at two places by seed; its page must tell a reward."""
    causes: dict[str, str] = {}
    async with _open() as world:
        for task in package.tasks:
            try:
                (scenario,) = await _make(world, package, [task], [1])
                random = Random(task)
                places = [{"x": random.randrange(160), "y": random.randrange(50, 210)} for _ in range(2)]
                calls = [("snapshot", {}), *(("mouse_click_xy", place) for place in places)]
                state = await _act(world, scenario, calls, see_through=True)
                if not tells_reward(state):
                    causes[task] = f"its page told no reward: its state is {state!r}"
            except FactoryError as error:
                causes[task] = str(error)
    for task, cause in causes.items():
        print(f"browser: task {task} does not play: {cause}")
    played, total = len(package.tasks) - len(causes), len(package.tasks)
    return Figure("browser/tasks that play", played, f"of {total}", reach="all 130", met=played == total == 130)


def tells_reward(state: dict[str, Any]) -> bool:
    return state["done"] is True and isinstance(state["reward"], float)


async def _act(
    world: Any,
    scenario: Scenario,
    calls: list[tuple[str, dict[str, Any]]],
    *,
    pictures: bool = False,
    see_through: bool = False,
) -> dict[str, Any]:
    """The state after the calls; ``see_through`` lets the page's own time run out where they did not end the task."""
    from agent_factory.environment.miniwob.site import TIME_LIMIT_MS

    environment = world.make()
    environment.photographs = pictures
    try:
        await environment.reset(scenario, 0)
        for name, arguments in calls:
            call = ToolCall(id="c", name=f"browser_{name}", arguments=arguments)
            result = await environment.step(call, _SECONDS)
            if not result.ok:
                raise InputError(f"{scenario.id}: {result.error}")
        if see_through and not (await environment.state())["done"]:
            await environment._stay.page.clock.fast_forward(TIME_LIMIT_MS)
            await environment.step(ToolCall(id="c", name="browser_snapshot", arguments={}), _SECONDS)
        return await environment.state()
    finally:
        await environment.close()


async def _measure_references(package: Package) -> list[Figure]:
    """Each reference solution is played from its scenario's own record, and so is doing nothing."""
    from agent_factory.agent.loop import Limits
    from agent_factory.environment.episode import Player
    from agent_factory.environment.miniwob.reference import PLANS
    from agent_factory.environment.reference import NullEngine, ReferenceEngine

    recipe, solved, idle = load_recipe("support_desk"), Counter[str](), 0

    async def play(world: Any, scenario: Scenario, engine: Any) -> bool:
        player = Player(world, recipe, engine, "reference", "b", limits=Limits(max_steps=40))
        trace = await player.play(scenario)
        won = trace.outcome is not None and trace.outcome.success
        if not won and not isinstance(engine, NullEngine):
            print(f"browser: {scenario.id} is not solved by its reference: {trace.failure or trace.outcome}")
        return won

    async with _open() as world:
        for task in PLANS:
            scenarios = await _make(world, package, [task], SEEDS)
            solved[task] = sum(await asyncio.gather(*(play(world, s, ReferenceEngine(s)) for s in scenarios)))
            idle += await play(world, scenarios[0], NullEngine())
    whole = sum(count == len(SEEDS) for count in solved.values())
    return [
        Figure(
            f"browser/tasks solved by reference, {len(SEEDS)} seeds",
            whole,
            f"of {len(PLANS)}",
            reach=">= 20",
            met=whole >= 20,
        ),
        Figure("browser/tasks solved by doing nothing", idle, f"of {len(PLANS)}", reach="0", met=idle == 0),
    ]


async def _script(package: Package) -> tuple[Clicks, list[Scenario]]:
    """Where to click in each problem, by what our references do; not timed."""
    from agent_factory.environment.miniwob.page import Page

    clicks: Clicks = {}
    async with _open() as world:
        scenarios = await _make(world, package, ROUTE_TASKS, ROUTE_SEEDS)
        for scenario in scenarios:
            environment = world.make()
            await environment.reset(scenario, 0)
            look, *calls = scenario.solution.calls
            page = Page((await environment.step(look, _SECONDS)).message.content or "")
            await environment.close()
            places = {element.ref: element.middle for element in page.elements}
            found = [list(places[call.arguments["ref"]]) for call in calls]
            clicks.setdefault(scenario.kind, {})[scenario.seed] = found
    return clicks, scenarios


async def _measure_route(clicks: Clicks, scenarios: list[Scenario], chromium: str, *, pictures: bool) -> Figure:
    ours = await _time_ours(clicks, scenarios, pictures=pictures)
    name = f"browser/episodes with {'text and pictures' if pictures else 'text'}"
    driver = shutil.which("chromedriver")
    if driver is None or not _SELENIUM.is_dir():
        why = "peer not measured: `make selenium` and `apt-get install chromium-driver` install MiniWoB's own route"
        return Figure(name, round(ours, 1), "episodes/s", missing=why)
    theirs = await asyncio.to_thread(_time_theirs, clicks, chromium, driver, pictures=pictures)
    ratio = ours / theirs
    reach = f">= {REACH:g} x MiniWoB's Selenium route"
    return Figure(name, round(ours, 1), "episodes/s", round(theirs, 1), round(ratio, 2), reach, ratio >= REACH)


async def _time_ours(clicks: Clicks, scenarios: list[Scenario], *, pictures: bool) -> float:
    solved = 0
    async with _open(pages=1) as world:
        await _act(world, scenarios[0], [])
        waiting = iter(scenarios)

        async def work() -> None:
            nonlocal solved
            for scenario in waiting:
                places = clicks[scenario.kind][scenario.seed]
                acts = [("mouse_click_xy", {"x": x, "y": y}) for x, y in places]
                state = await _act(world, scenario, acts, pictures=pictures)
                solved += state["reward"] == 1.0

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(work())
        seconds = time.perf_counter() - started
    _require_solved("our protocol", solved, len(scenarios))
    return len(scenarios) / seconds


def _time_theirs(clicks: Clicks, chromium: str, driver: str, *, pictures: bool) -> float:
    tasks = sorted(clicks)
    parts = [{task: clicks[task] for task in tasks[i::WORKERS]} for i in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as pool:
        told = list(pool.map(lambda part: _run_route(part, chromium, driver, pictures=pictures), parts))
    _require_solved("MiniWoB's route", sum(one["solved"] for one in told), sum(one["episodes"] for one in told))
    print(f"browser: MiniWoB's route holds {max(one['pss'] for one in told) / 2**20:.0f} MiB a task, driver included")
    return sum(one["episodes"] / one["seconds"] for one in told)


def _run_route(part: Clicks, chromium: str, driver: str, *, pictures: bool) -> dict[str, Any]:
    path = os.pathsep.join(map(str, (_SELENIUM, _SELENIUM.with_name("miniwob"))))
    places = {"PYTHONPATH": path, "MINIWOB_CHROME_BINARY": chromium, "MINIWOB_CHROMEDRIVER": driver}
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("selenium_route.py"))]
    asked = json.dumps({"clicks": part, "pictures": pictures})
    done = subprocess.run(
        command, input=asked, capture_output=True, text=True, timeout=_PEER_SECONDS, env={**os.environ, **places}
    )
    if done.returncode:
        raise RuntimeError(f"MiniWoB's route failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _require_solved(who: str, solved: int, total: int) -> None:
    """The same clicks must do the same on both sides, else the times are of different things."""
    print(f"browser: {who} solved {solved} of {total}")
    if solved < 0.9 * total:
        raise RuntimeError(f"{who} solved {solved} of {total} by the same clicks: the two do not play the same")


async def _measure_memory(package: Package) -> Figure:
    """Proportional set size of a browser's whole tree, by the contexts that are open in it."""
    async with _open(pages=CONTEXTS, browsers=1) as world:
        (scenario,) = await _make(world, package, ["click-test"], [1])
        open_ones, sizes = [], []
        for _ in range(CONTEXTS):
            open_ones.append(world.make())
            await open_ones[-1].reset(scenario, 0)
            sizes.append(_browser_pss())
        for environment in open_ones:
            await environment.close()
    print(f"browser: {sizes[0]:.0f} MiB with one context, {sizes[-1]:.0f} with {CONTEXTS}")
    return Figure("browser/memory a context", round((sizes[-1] - sizes[0]) / (CONTEXTS - 1), 1), "MiB (PSS)")


def _browser_pss() -> float:
    children = psutil.Process().children(recursive=True)
    return (
        sum(child.memory_full_info().pss for child in children if "chrom" in child.name() or "headless" in child.name())
        / 2**20
    )
