"""MiniWoB++'s own pages in a real Chromium: our references solve scenarios, doing nothing does not, and all repeats."""

import pytest

from agent_factory.contracts import ToolCall
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.episode import Player
from agent_factory.environment.miniwob.package import Package
from agent_factory.environment.reference import NullEngine, ReferenceEngine
from agent_factory.environment.world import open_world
from tests.browser import find_chromium

pytestmark = pytest.mark.live
SOLVED = ("click-button", "enter-date", "click-tab", "grid-coordinate", "guess-number")
SECTION = EnvironmentSection(kind="miniwob", settings={"miniwob": {"browsers": 1, "screenshots": False}})


@pytest.fixture(scope="module")
def package():
    find_chromium()
    try:
        return Package()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture
async def world(package):
    async with open_world(load_recipe("support_desk"), SECTION) as world:
        yield world


async def make(world, package, tasks, seeds=(1, 2), split="train"):
    from agent_factory.environment.miniwob.scenario import make_scenarios

    return await make_scenarios(world, package, "support_desk", tasks, seeds, split)


async def act(world, scenario, *calls):
    environment = world.make()
    try:
        await environment.reset(scenario, 0)
        results = [
            await environment.step(ToolCall(id="c", name=f"browser_{name}", arguments=given), 20)
            for name, given in calls
        ]
        return results, await environment.state()
    finally:
        await environment.close()


async def test_references_solve_their_scenarios_and_an_apology_does_not(world, package):
    scenarios = await make(world, package, SOLVED)
    recipe = load_recipe("support_desk")
    assert len({scenario.opening[0].content for scenario in scenarios if scenario.kind == "click-button"}) == 2
    for scenario in scenarios:
        for engine, solved in ((ReferenceEngine(scenario), True), (NullEngine(), False)):
            trace = await Player(world, recipe, engine, "reference", "proof").play(scenario)
            assert trace.failure is None
            assert trace.outcome.success is solved, (scenario.id, trace.outcome.reasons)


async def test_the_same_scenario_and_actions_are_told_byte_for_byte(world, package):
    (scenario,) = await make(world, package, ["click-pie"], (5,))
    calls = [("snapshot", {}), ("mouse_click_xy", {"x": 80, "y": 130}), ("snapshot", {})]
    first, second = [await act(world, scenario, *calls) for _ in range(2)]
    assert [r.message.content for r in first[0]] == [r.message.content for r in second[0]]


async def test_a_task_that_was_failed_cannot_be_begun_anew_or_left_for_an_easier_one(world, package):
    (scenario,) = await make(world, package, ["click-test-2"], (1,))
    (tree,), _ = await act(world, scenario, ("snapshot", {}))
    wrong = tree.message.content.partition('button "TWO" [ref=')[2].partition("]")[0]
    right = tree.message.content.partition('button "ONE" [ref=')[2].partition("]")[0]
    results, state = await act(
        world, scenario, ("snapshot", {}), ("click", {"ref": wrong, "doubleClick": True}), ("click", {"ref": right})
    )
    assert [result.reward for result in results] == [None, -1.0, None]
    assert state == {"done": True, "reward": -1.0}

    for url in ("/miniwob/click-test.html", "/miniwob/click-test-2.html"):
        results, state = await act(world, scenario, ("navigate", {"url": url}), ("mouse_click_xy", {"x": 80, "y": 100}))
        assert "status: 410" in results[0].message.content
        assert state == {"done": False, "reward": None}


async def test_a_task_whose_words_are_an_object_opens_with_them(world, package):
    (scenario,) = await make(world, package, ["email-inbox-forward-nl"], (1,))
    assert "email" in scenario.opening[0].content or "message" in scenario.opening[0].content
    assert scenario.state["utterance"] == scenario.opening[0].content
