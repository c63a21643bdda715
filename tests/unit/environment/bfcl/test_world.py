"""The kind ``bfcl`` over a small package of our own: isolation, refusals, grading by turns."""

import json
import sys
from decimal import getcontext, localcontext

import pytest

from agent_factory.contracts import Fault, ToolCall
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError, StorageError
from agent_factory.environment.bfcl.package import Package
from agent_factory.environment.bfcl.scenario import play_turns, prove_cases, to_scenario
from agent_factory.environment.bfcl.world import BfclWorld
from agent_factory.environment.episode import Player
from agent_factory.environment.reference import say, to_result
from agent_factory.environment.world import open_world

DONE = "It is done."


def shelf(world):
    return to_scenario(world, world.package.case("multi_turn_base_0"), "support_desk")


def call(tool, /, **arguments):
    return ToolCall(id="c", name=tool, arguments=arguments)


def turns(world):
    return [list(turn.calls) for turn in world.reference(world.package.case("multi_turn_base_0"))]


async def begin(world, scenario):
    environment = world.make()
    await environment.reset(scenario, 0)
    return environment


def test_a_case_becomes_a_held_out_scenario(world):
    scenario = shelf(world)
    assert (scenario.split, scenario.level, scenario.kind) == ("eval", "L3", "multi_turn_base")
    assert [reply.says for reply in scenario.replies] == ["How many are there?", "Label it."]
    assert scenario.solution.calls[0].arguments == {"name": "b/1"}  # given by position there
    assert scenario.rules.state == {
        "Shelf/root/contents/b~11/~class": "Box",
        "Shelf/root/contents/b~11/name": "b/1",
        "Shelf/root/contents/b~11/contents/~empty": True,
        "Shelf/labels/b~11/words": ["x", "y"],
        "Shelf/labels/b~11/note": None,
        "Shelf/labels/~empty": None,
        **{f"~met/turn {i}": True for i in (1, 2, 3)},
    }


async def test_every_case_is_solved_by_its_reference_and_not_by_doing_nothing(world):
    cases = world.package.cases("multi_turn_base").values()
    await prove_cases(world, [to_scenario(world, case, "support_desk") for case in cases])


@pytest.mark.parametrize(
    ("spoil", "met"),
    [
        (lambda t: t, [True, True, True]),
        (lambda t: [t[0], [], t[2]], [True, False, True]),  # nothing was read
        (lambda t: [[*t[0], *t[1]], [], t[2]], [True, False, True]),  # it was read, but a turn before
        (lambda t: [[*t[0], *t[2]], t[1], []], [False, False, False]),  # all is done, but in another turn
        (lambda t: [[*t[0], call("add_box", name="c")], *t[1:]], [False, False, False]),
        (lambda t: [t[0], [*t[1], call("count", more=7)], t[2]], [True, True, True]),  # reading more is no harm
        (lambda t: [t[0], t[1], [call("label", name="b/1", words=["y", "x"])]], [True, True, False]),
        (lambda t: [[call("add_box", name="z"), *t[0]], *t[1:]], [False, False, False]),
    ],
)
async def test_turns_are_compared_as_bfcl_does(world, spoil, met):
    reasons = await play_turns(world, shelf(world), spoil(turns(world)), DONE)
    missed = [f"~met/turn {i + 1} is not True" for i, fine in enumerate(met) if not fine]
    assert [reason for reason in reasons if reason.startswith("~met")] == missed
    assert (reasons == ()) == all(met)


async def test_episodes_have_instances_of_their_own(world):
    scenario = shelf(world)
    first, second = await begin(world, scenario), await begin(world, scenario)
    untouched = await second.state()

    results = [await environment.step(call("add_box", name="b"), 5.0) for environment in (first, second)]
    assert results[0] == results[1]  # its own random numbers, from the case's seed
    await first.step(call("label", name="b", words=[]), 5.0)
    assert "b" in (await first.state())["Shelf"]["labels"]
    assert (await second.state())["Shelf"]["labels"] == untouched["Shelf"]["labels"]


@pytest.mark.parametrize(
    ("hostile", "told"),
    [
        (call("_burn"), "404 there is no tool _burn"),
        (call("__class__"), "404 there is no tool __class__"),
        (call("__init__"), "404 there is no tool __init__"),
        (call("burn"), "404 there is no tool burn"),  # a method that no document tells of
        (call("tidy"), "404 there is no tool tidy"),  # a function that the case leaves out
        (call("root"), "404 there is no tool root"),
        (call("root.contents.clear"), "404 there is no tool root.contents.clear"),
        (call("__import__('os').system('true')"), "404 there is no tool __import__"),
        (call("add_box"), "422 'name' is a required property"),
        (call("add_box", name="b", self=1), "422 Additional properties are not allowed"),
        (call("add_box", name=["b"]), "422 name: ['b'] is not of type 'string'"),
        (call("power", base=10, exponent=10**9), "422 exponent: 1000000000 is greater than the maximum of 1000"),
        (call("explode"), "400 boom"),
        (call("add_box", name="a"), "400 there is such a box"),
    ],
)
async def test_a_wrong_call_is_told_and_nothing_runs(world, hostile, told):
    environment = await begin(world, shelf(world))
    before = await environment.state()
    result = await environment.step(hostile, 5.0)
    assert told in result.error
    assert await environment.state() == before


async def test_a_call_leaves_the_process_as_it_was(world):
    environment = await begin(world, shelf(world))
    with localcontext(prec=28):
        result = await environment.step(call("power", base=2, exponent=3), 5.0)
        assert json.loads(result.message.content) == {"result": 8}
        assert getcontext().prec == 28


async def test_cases_are_kept_out_of_training(world):
    with pytest.raises(InputError, match="BFCL's cases are for evaluation only"):
        await begin(world, shelf(world).model_copy(update={"split": "train"}))


async def test_faults_are_refused(world):
    faulted = shelf(world).model_copy(update={"faults": (Fault(tool="count", status=503),)})
    with pytest.raises(InputError, match="has faults, which the kind 'bfcl' cannot put in"):
        await begin(world, faulted)


async def test_a_scenario_of_another_package_is_refused(world):
    scenario = shelf(world)
    other = scenario.model_copy(update={"state": {**scenario.state, "digest": "0"}})
    with pytest.raises(InputError, match=r"with digest '0', .* make the set again"):
        await begin(world, other)


async def test_a_tool_that_the_case_leaves_out_is_refused(world):
    with pytest.raises(InputError, match=r"gives the tool 'burn', which case 'multi_turn_base_0' does not have"):
        await begin(world, shelf(world).model_copy(update={"tools": ("count", "burn")}))


class ByTurns:
    """Plays the calls of each turn of the user's, one action a turn, and then answers."""

    def __init__(self, calls):
        self.calls = calls

    async def chat(self, request, *, deadline_seconds):
        from agent_factory.contracts import Message

        if request.messages[-1].role == "tool":
            return say(DONE)
        turn = sum(message.role == "user" for message in request.messages) - 1
        return to_result(Message(role="assistant", tool_calls=tuple(self.calls[turn])))


async def test_an_agent_plays_a_case_turn_by_turn(recipe, folder):
    section = EnvironmentSection.read({"environment": {"settings": {"bfcl": {"folder": str(folder)}}}})
    async with open_world(recipe, section, "bfcl") as world:
        player = Player(world, recipe, ByTurns(turns(world)), "m", "run")
        trace = await player.play(shelf(world))
        assert trace.failure is None
        assert trace.outcome.success, trace.outcome.reasons
        swapped = Player(world, recipe, ByTurns([*turns(world)[:1], *turns(world)[:0:-1]]), "m", "run")
        assert not (await swapped.play(shelf(world))).outcome.success


def test_a_package_that_is_not_there_says_how_it_is_installed(tmp_path):
    with pytest.raises(InputError, match=r"no package bfcl_eval in .*`make bfcl` installs it"):
        Package(tmp_path)


def test_nothing_of_the_package_is_imported_before_a_case_asks_for_it(folder):
    Package(folder).case("multi_turn_base_0")
    assert "bfcl_eval" not in sys.modules


@pytest.mark.parametrize("name", ["multi_turn_miss_func_0", "memory_1", "moon"])
def test_categories_that_cannot_be_played_are_refused_by_name(world, name):
    with pytest.raises(InputError, match=r"there is no BFCL category .* to play; there are: multi_turn_base"):
        world.package.case(name)


def test_a_hostile_reference_is_refused_and_nothing_runs(folder, tmp_path):
    path = folder / "bfcl_eval" / "data" / "possible_answer" / "BFCL_v4_multi_turn_base.json"
    made = tmp_path / "made"
    path.write_text(path.read_text().replace("count()", f"__import__('pathlib').Path({str(made)!r}).touch()"))
    world = BfclWorld(Package(folder))
    with pytest.raises(InputError, match="has a call of a Attribute"):
        shelf(world)
    assert not made.exists()


def test_a_case_without_reference_is_named(folder):
    (folder / "bfcl_eval" / "data" / "possible_answer" / "BFCL_v4_multi_turn_base.json").write_text("")
    with pytest.raises(StorageError, match=r"case 'multi_turn_base_0' is malformed: KeyError\('ground_truth'\)"):
        Package(folder).case("multi_turn_base_0")


async def test_settings_that_are_not_known_are_refused(recipe):
    section = EnvironmentSection.read({"environment": {"settings": {"bfcl": {"colour": "red"}}}})
    with pytest.raises(InputError, match=r"\[environment.settings.bfcl\]"):
        async with open_world(recipe, section, "bfcl"):
            pass
