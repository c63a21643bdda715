"""MiniWoB++'s tasks as scenarios of an agent.

What a task asks for depends on its seed, and the user speaks before the agent acts: so a scenario is one task with
one seed, its page is opened once when the scenario is made, and what it asks for becomes the user's opening. All
samples of a scenario then play the same problem, as those of any other kind do. Invariant: the rules ask for the
package's own raw reward of 1 and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.scenario import Scenario, Solution, Split, SuccessRules
from agent_factory.core import clock
from agent_factory.core.error import ToolError
from agent_factory.environment.browser.environment import BrowserWorld
from agent_factory.environment.miniwob.package import Package
from agent_factory.environment.miniwob.reference import PLANS, next_call
from agent_factory.environment.miniwob.site import MiniwobSite
from agent_factory.environment.world import Environment

DONE = "It is done."
LOOK = ToolCall(id="c0", name="browser_snapshot", arguments={})
"""What every solution begins with: references are those of a tree that was looked at."""
_CALL_SECONDS = 10.0
_MOST_CALLS = 40


async def make_scenarios(
    world: BrowserWorld, package: Package, recipe: str, tasks: Iterable[str], seeds: Sequence[int], split: Split
) -> list[Scenario]:
    """One scenario for each task and seed, in that order; those that a reference solves hold its calls.

    The level says nothing of how hard a task is: all are L1. InputError where there is no such task.
    """
    drafts = [_draft(package.require(task), seed, recipe, split) for task in tasks for seed in seeds]
    return await asyncio.gather(*(_complete(world, package, draft) for draft in drafts))


async def solve(environment: Environment, scenario: Scenario) -> list[tuple[ToolCall, ToolResult]]:
    """Act in an environment that was reset as the task's reference does; its calls with their results."""
    seen = [await _step(environment, LOOK)]
    made: list[tuple[ToolCall, ToolResult]] = []
    asked = scenario.opening[-1].content or ""
    for _ in range(_MOST_CALLS):
        call = next_call(scenario.kind, asked, [result.message.content or "" for result in seen])
        if call is None or (made and made[-1][1].reward is not None):
            break
        seen.append(await _step(environment, call))
        made.append((call, seen[-1]))
    return made


async def _step(environment: Environment, call: ToolCall) -> ToolResult:
    return await environment.step(call, _CALL_SECONDS)


async def _complete(world: BrowserWorld, package: Package, draft: Scenario) -> Scenario:
    site = MiniwobSite(package)
    environment = BrowserWorld(world.pool, lambda: site).make()
    try:
        await environment.reset(draft, draft.seed)
        asked = site.utterance or ""
        opening = (Message(role="user", content=asked),)
        told = draft.model_copy(update={"opening": opening, "state": {**draft.state, "utterance": asked}})
        if draft.kind not in PLANS:
            return told
        calls = tuple(call for call, _ in await solve(environment, told))
    except LookupError as error:
        raise ToolError(f"MiniWoB's task {draft.id!r}: its reference does not fit the page: {error}") from error
    finally:
        await environment.close()
    return told.model_copy(update={"solution": Solution(calls=(LOOK, *calls), answer=DONE)})


def _draft(task: str, seed: int, recipe: str, split: Split) -> Scenario:
    return Scenario(
        id=f"miniwob-{task}-{seed}",
        created_at=clock.now(),
        recipe=recipe,
        level="L1",
        kind=task,
        template=task,
        split=split,
        seed=seed,
        opening=(Message(role="user", content="?"),),
        tools=(),
        state={"task": task, "seed": seed, "utterance": None},
        rules=SuccessRules(state={"done": True, "reward": 1.0}),
        solution=Solution(calls=(), answer=DONE),
    )
