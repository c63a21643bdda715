"""BFCL's cases as scenarios of an agent, and as a set that evaluations play.

Invariant: the set is of the split ``eval``, which rollouts and training refuse; each scenario of it was
solved by the case's reference and not by doing nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.record import DEFAULT_PROJECT, Json
from agent_factory.contracts.scenario import LEVELS, Reply, Scenario, ScenarioSet, Solution, SuccessRules
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.environment.bfcl.instance import Instances
from agent_factory.environment.bfcl.package import Case
from agent_factory.environment.bfcl.progress import Progress
from agent_factory.environment.bfcl.world import MET, BfclWorld, find_case
from agent_factory.environment.grade import find_changes
from agent_factory.environment.reference import NOTHING_SAID
from agent_factory.environment.scenario import describe_set, keep_set
from agent_factory.environment.task import Task

_CALL_SECONDS = 10.0
_DONE = "It is done."


def to_scenario(world: BfclWorld, case: Case, recipe: str) -> Scenario:
    """A case as a scenario of the recipe's agent; its level is the number of its turns, five at most.

    The user says the next turn whatever the agent answers; the rules ask for the reference's difference.
    """
    reference = world.reference(case)
    unmet = Progress(reference).to_json()
    met: Json = dict.fromkeys(unmet, True)
    before = {**Instances(world.package, case, world.arguments).state(), MET: unmet}
    after = {**reference[-1].state, MET: met}
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
        rules=SuccessRules(state=find_changes(before, after)),
        solution=Solution(calls=tuple(call for turn in reference for call in turn.calls), answer=_DONE),
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
        turns = [turn.calls for turn in world.reference(find_case(world.package, scenario))]
        reasons = await play_turns(world, scenario, turns, _DONE)
        if reasons:
            raise InputError(f"BFCL's case {scenario.id!r} is not solved by its reference: {reasons[0]}. Leave it out.")
        if not await play_turns(world, scenario, [() for _ in turns], NOTHING_SAID):
            raise InputError(f"BFCL's case {scenario.id!r} is solved by an agent that does nothing. Leave it out.")


async def play_turns(
    world: BfclWorld, scenario: Scenario, turns: Sequence[Sequence[ToolCall]], answer: str
) -> tuple[str, ...]:
    """Make these calls turn by turn, each turn ended by ``answer``; why it is not solved, empty where it is."""
    task = Task(world.make(), scenario)
    await task.begin(0)
    for calls in turns:
        for call in calls:
            await task.call(call, _CALL_SECONDS)
        await task.user.reply(answer)
    outcome = await task.grade(answer)
    await task.end()
    return outcome.reasons
