"""BFCL's cases as scenarios of an agent, and as a set that evaluations play.

Invariant: the set is of the split ``eval``, which rollouts and training refuse; each scenario of it was
solved by the case's reference and not by doing nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agent_factory.contracts.message import Message
from agent_factory.contracts.record import DEFAULT_PROJECT, Json
from agent_factory.contracts.scenario import LEVELS, Reply, Scenario, ScenarioSet, Solution, SuccessRules
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.environment.bfcl.instance import Instances
from agent_factory.environment.bfcl.package import Case
from agent_factory.environment.bfcl.progress import Progress
from agent_factory.environment.bfcl.world import REACHED, BfclWorld
from agent_factory.environment.grade import find_changes
from agent_factory.environment.reference import NOTHING_SAID
from agent_factory.environment.scenario import describe_set, keep_set
from agent_factory.environment.task import Task

_CALL_SECONDS = 10.0


def to_scenario(world: BfclWorld, case: Case, recipe: str) -> Scenario:
    """A case as a scenario of the recipe's agent; its level is the number of its turns, five at most.

    The user says the next turn whatever the agent answers; the rules ask for the reference's difference.
    """
    reference = world.reference(case)
    unreached = Progress(reference.turns).to_json()
    before = {**Instances(world.package, case, world.arguments).state(), REACHED: unreached}
    reached: Json = dict.fromkeys(unreached, True)
    return Scenario(
        id=case.id,
        created_at=clock.now(),
        recipe=recipe,
        level=LEVELS[min(len(case.turns), len(LEVELS)) - 1],
        kind=case.category,
        template=case.id,
        split="eval",
        seed=0,
        opening=(Message(role="user", content=case.turns[0]),),
        replies=tuple(Reply(asks="", says=turn) for turn in case.turns[1:]),
        tools=tuple(tool.name for tool in world.tools(case)),
        state={"case": case.id, "digest": case.digest},
        rules=SuccessRules(state=find_changes(before, {**reference.state, REACHED: reached})),
        solution=Solution(calls=reference.calls, answer="It is done."),
    )


def make_bfcl_set(
    store: Store,
    artifacts: Artifacts,
    world: BfclWorld,
    recipe: str,
    *,
    set_id: str,
    category: str = "multi_turn_base",
    project: str = DEFAULT_PROJECT,
) -> ScenarioSet:
    """All cases of a category, proved and kept as a held-out set of the recipe's agent; idempotent by ``set_id``.

    Raises InputError where a case is not solved by its reference, ConflictError where another set stands under
    the id. Not to be called from inside an event loop.
    """
    scenarios = [to_scenario(world, case, recipe) for case in world.package.cases(category).values()]
    record = describe_set(scenarios, recipe, set_id=set_id, split="eval", seed=0, project=project)
    return keep_set(store, artifacts, record, scenarios, lambda: asyncio.run(prove_cases(world, scenarios)))


async def prove_cases(world: BfclWorld, scenarios: Sequence[Scenario]) -> None:
    """InputError unless each scenario is solved by its reference, and by an agent that only apologises not."""
    for scenario in scenarios:
        for calls, answer, expected in ((scenario.solution.calls, "It is done.", True), ((), NOTHING_SAID, False)):
            task = Task(world.make(), scenario)
            await task.begin(0)
            for call in calls:
                await task.call(call, _CALL_SECONDS)
            outcome = await task.grade(answer)
            await task.end()
            if outcome.success != expected:
                raise InputError(
                    f"BFCL's case {scenario.id!r} is {'not ' if expected else ''}solved by "
                    f"{'its reference' if expected else 'doing nothing'}: {'; '.join(outcome.reasons[:3])}. "
                    "Leave it out, or mend how it is read."
                )
