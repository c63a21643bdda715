"""A recipe of the kind terminal: its tasks are proved, and play the same each time."""

import pytest

from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError
from agent_factory.environment.reference import ReferenceEngine
from agent_factory.environment.replay.origin import Origin
from agent_factory.environment.replay.replay import judge, play_recorded
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.scenario import draw_scenarios, prove_solvable
from agent_factory.environment.world import open_world

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("sandboxed")]


def test_every_task_is_solved_by_its_solution_and_not_by_doing_nothing(stock_room):
    prove_solvable(stock_room, draw_scenarios(stock_room, "train", 5, 3))


def test_a_task_whose_solution_does_not_save_is_refused(stock_room):
    scenario = draw_scenarios(stock_room, "eval", 5, 3)[0]
    calls = tuple(call for call in scenario.solution.calls if call.arguments.get("key") != "F2")
    unsaved = scenario.model_copy(update={"solution": scenario.solution.model_copy(update={"calls": calls})})

    with pytest.raises(InputError, match=r"not solved by its reference solution: files/stock.csv is not"):
        prove_solvable(stock_room, [unsaved])


async def test_the_same_keys_give_the_same_screens_byte_for_byte(stock_room):
    scenario = draw_scenarios(stock_room, "eval", 5, 4)[4]
    traces = await run_episodes(
        [scenario] * 6, stock_room, ReferenceEngine(scenario), "reference", shielded=False, concurrency=3
    )

    told = {tuple(message.content for message in trace.messages()) for trace in traces}
    assert len(told) == 1
    assert [trace.outcome.success for trace in traces] == [True] * 6
    assert any("saved" in (text or "") for text in told.pop())


async def test_a_trace_is_replayed_byte_for_byte(stock_room):
    scenario = draw_scenarios(stock_room, "train", 5, 4)[2]
    [trace] = await run_episodes([scenario], stock_room, ReferenceEngine(scenario), "reference", shielded=False)
    section = EnvironmentSection.read(stock_room.settings)

    async with open_world(stock_room) as world:
        replayed = await play_recorded(world, trace, Origin(scenario, stock_room, section, 0))

    assert judge(trace, replayed).verdict == "identical"
