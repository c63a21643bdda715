"""One MiniWoB++ task as the site of an episode: its page, its start, its reward.

A scenario's state names the task and the seed that its problem is drawn from, as the package's own route does:
``Math.seedrandom(seed)``, data mode, ``core.startEpisodeReal()``. Invariants: a task's page is handed out once,
and begins one problem: what was rewarded first counts, whatever is clicked afterwards; the reward is the raw
one, without the discount by time.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from typing import Any

import httpx
from playwright.async_api import Page

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.error import InputError, ToolError
from agent_factory.environment.miniwob.package import Package, content_type

ORIGIN = "https://miniwob.test"
MODES = {"train": "train", "eval": "test"}
"""The package's names of the splits: some tasks have wordings of each."""
OVER = "note: the task is over"
TIME_LIMIT_MS = 2**31 - 1
"""A page's own time limit, the most that setTimeout takes: none but the episode's is met."""
# The page's seed is set before its scripts run, since some draw as they load, and again before the problem is drawn.
# After the end nothing begins anew.
_HEAD = """<style>#reward-display, #click-canvas { display: none !important }</style>
<script src="../core/core.js"></script><script>Math.seedrandom(SEED)</script>"""
_CORE = '<script src="../core/core.js"></script>'
_BEGIN = """([seed, mode, limit]) => {
  core.EPISODE_MAX_TIME = limit;
  Math.seedrandom(seed);
  core.setDataMode(mode);
  core.startEpisodeReal();
  core.startEpisode = () => {};
}"""
_UTTERANCE = "(told => typeof told === 'string' ? told : told.utterance)(core.getUtterance())"
_REWARD = "typeof WOB_DONE_GLOBAL === 'boolean' && WOB_DONE_GLOBAL ? Number(WOB_RAW_REWARD_GLOBAL) : null"
READY_SECONDS = 10.0


class MiniwobSite:
    """The task of one episode; see ``Site``. ``utterance`` is what it asks for, known once it is ready."""

    origins: tuple[str, ...] = (ORIGIN,)

    def __init__(self, package: Package) -> None:
        self.utterance: str | None = None
        self._package = package
        self._task, self._seed, self._mode = "", 0, ""
        self._expected: str | None = None
        self._reward: float | None = None
        self._served: set[str] = set()

    @property
    def start(self) -> str:
        """See ``Site``."""
        return f"{ORIGIN}/miniwob/{self._task}.html"

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Site``: ``seed`` changes nothing, the problem is drawn from the scenario's."""
        self._task, self._seed, self._expected = read_state(self._package, scenario)
        self._mode = MODES[scenario.split]
        self.utterance, self._reward = None, None
        self._served.clear()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """See ``Site``: a file of the package; a page of it once."""
        path = request.url.path.lstrip("/")
        body = self._package.read(path)
        if body is None:
            return httpx.Response(404, html=f"<h1>There is no {path[:200]}</h1>")
        if path.endswith(".html"):
            if path in self._served or not self.start.endswith("/" + path):
                return httpx.Response(410, html="<h1>The task's page is opened once</h1>")
            self._served.add(path)
            body = body.decode().replace(_CORE, _HEAD.replace("SEED", json.dumps(self._seed)), 1).encode()
        return httpx.Response(200, content=body, headers={"content-type": content_type(path)})

    async def ready(self, page: Page) -> None:
        """See ``Site``: draw the problem, and wait until it stands; InputError where it is another than it was."""
        await page.evaluate(_BEGIN, [self._seed, self._mode, TIME_LIMIT_MS])
        async with asyncio.timeout(READY_SECONDS):
            while not await page.evaluate("WOB_TASK_READY"):
                await page.clock.run_for(50)
        self.utterance = str(await page.evaluate(_UTTERANCE))
        if self._expected is not None and self.utterance != self._expected:
            raise InputError(
                f"MiniWoB's task {self._task!r} with seed {self._seed} asks for {self.utterance!r}, the scenario was "
                f"made when it asked for {self._expected!r}: make the scenarios again with the installed package"
            )

    async def complete(self, result: ToolResult, page: Page) -> ToolResult:
        """See ``Site``: the reward in the step that ended the task, and a note from then on."""
        known = self._reward is not None
        if not known:
            self._reward = self._check(await page.evaluate(_REWARD))
        if self._reward is None:
            return result
        told = result.message.model_copy(update={"content": f"{OVER}\n{result.message.content}"})
        return replace(result, message=told, reward=None if known else self._reward)

    async def state(self, page: Page) -> Json:
        """See ``Site``: whether the task is over, and its raw reward, None until the page has told one."""
        return {"done": self._reward is not None, "reward": self._reward}

    async def close(self) -> None:
        """See ``Site``."""

    def _check(self, reward: Any) -> float | None:
        if reward is not None and not math.isfinite(reward):
            raise ToolError(f"MiniWoB's task {self._task!r} with seed {self._seed} gave the reward {reward!r}")
        return None if reward is None else float(reward)


def read_state(package: Package, scenario: Scenario) -> tuple[str, int, str | None]:
    """The task, the seed and the utterance that a scenario names; InputError where it does not fit."""
    if scenario.faults:
        raise InputError(f"scenario {scenario.id!r} has faults, which the kind 'miniwob' cannot put in: leave them out")
    seed, utterance = scenario.state.get("seed"), scenario.state.get("utterance", 0)
    if not isinstance(seed, int) or seed < 0 or not (utterance is None or isinstance(utterance, str)):
        raise InputError(
            f"scenario {scenario.id!r} has the state {scenario.state!r}, expected "
            '{"task": "click-test", "seed": 0, "utterance": "Click the button."}: make it by make_scenarios()'
        )
    return package.require(scenario.state.get("task")), seed, utterance
