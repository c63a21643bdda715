"""The world: faults on purpose hit the calls that they name, in the episode that has them."""

import json
from importlib.metadata import EntryPoint

import pytest

from agent_factory.contracts import Fault, ToolCall
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError
from agent_factory.environment import world as border
from agent_factory.environment.episode import Player
from agent_factory.environment.world import open_world


async def enter(world, scenario):
    environment = world.make()
    await environment.reset(scenario, 0)
    return environment


async def statuses(environment, name, arguments, times):
    call = ToolCall(id="c", name=name, arguments=arguments)
    results = [await environment.step(call, 5.0) for _ in range(times)]
    return [200 if result.ok else json.loads(result.message.content)["status"] for result in results]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(tool="get_order", status=503), [503, 200, 200, 200]),
        (Fault(tool="get_order", status=500, nth=2, times=2), [200, 500, 500, 200]),
        (Fault(tool="get_order", status=408), [408, 200, 200, 200]),
        (Fault(tool="get_shipment", status=503), [200, 200, 200, 200]),
    ],
)
async def test_a_fault_hits_the_calls_that_it_names(recipe, draw, fault, expected):
    scenario = draw("L2", "cancel_order").model_copy(update={"faults": (fault,)})
    order = scenario.solution.calls[0].arguments
    async with open_world(recipe) as world:
        hit, spared = await enter(world, scenario), await enter(world, draw("L2", "cancel_order"))

        assert await statuses(hit, "get_order", order, 4) == expected
        assert await statuses(spared, "get_order", order, 2) == [200, 200]


async def test_episodes_change_only_their_own_world(recipe, draw):
    scenario = draw("L2", "cancel_order")
    async with open_world(recipe) as world:
        first, second = await enter(world, scenario), await enter(world, scenario)
        await statuses(first, "cancel_order", scenario.solution.calls[0].arguments, 1)

        assert await first.state() != await second.state() == scenario.state


async def test_a_scenario_with_an_unknown_tool_is_refused(recipe, draw):
    scenario = draw("L1", "track_order").model_copy(update={"tools": ("get_order", "fly")})
    async with open_world(recipe) as world:
        with pytest.raises(InputError, match=r"gives the tool 'fly'.*get_shipment"):
            await enter(world, scenario)


def test_a_part_that_build_toml_does_not_name_is_told(recipe):
    with pytest.raises(InputError, match=r"\[recipe\] reviewer in build.toml is None"):
        recipe.load_part("reviewer")


async def test_a_kind_that_is_not_installed_is_refused_with_those_that_are(recipe):
    with pytest.raises(InputError, match=r"no kind of environment 'moon'; installed are: .*http"):
        async with open_world(recipe, kind="moon"):
            pass


@pytest.mark.parametrize(
    ("text", "told"), [("x = 1", "AttributeError"), ("def open(:", "SyntaxError"), ("1 / 0", "ZeroDivisionError")]
)
def test_a_kind_that_cannot_be_loaded_is_refused_by_name(tmp_path, monkeypatch, text, told):
    (tmp_path / f"moon_{told}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("moon", f"moon_{told}:open_moon", border.GROUP)
    monkeypatch.setattr(border, "entry_points", lambda group: [point])

    with pytest.raises(InputError, match=rf"kind of environment 'moon' \(moon_{told}:open_moon\) cannot .*: {told}"):
        border.find_kind("moon")


async def test_settings_that_a_kind_does_not_know_are_refused(recipe):
    section = EnvironmentSection.read({"environment": {"settings": {"http": {"colour": "red"}}}})
    with pytest.raises(InputError, match=r"\[environment.settings.http\].colour in build.toml: Extra inputs"):
        async with open_world(recipe, section):
            pass


class Seen:
    """A world whose environment could be photographed."""

    def __init__(self, world):
        self.environment = world.make()
        self.environment.photographs = None

    def make(self):
        return self.environment


@pytest.mark.parametrize(("keep", "taken"), [(None, False), (lambda png: "a.png", True)])
async def test_screenshots_are_taken_only_while_somebody_keeps_them(recipe, draw, moves, keep, taken):
    async with open_world(recipe) as world:
        seen = Seen(world)
        await Player(seen, recipe, moves("Done."), "m", "r", keep_screenshot=keep).play(draw("L1", "track_order"))

    assert seen.environment.photographs is taken
