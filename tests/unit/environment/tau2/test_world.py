"""τ²-bench: a checkout (here a miniature of ours) has tasks that are played and graded; LiteLLM is refused by name."""

import shutil
import sys
from pathlib import Path

import pytest

from agent_factory.contracts import Fault, ToolCall
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError
from agent_factory.environment.task import Task
from agent_factory.environment.tau2.checkout import Checkout
from agent_factory.environment.world import open_world

MINIATURE = Path(__file__).parent / "checkout"


@pytest.fixture
def checkout(tmp_path):
    """A copy of the miniature; what was loaded from it is forgotten afterwards."""
    folder = tmp_path / "tau2-bench"
    shutil.copytree(MINIATURE, folder)
    places = list(sys.path)
    yield folder
    sys.path[:] = places
    for name in [name for name in sys.modules if name.partition(".")[0] == "tau2"]:
        del sys.modules[name]


def section(folder):
    return EnvironmentSection.read({"environment": {"settings": {"tau2": {"checkout": str(folder)}}}})


async def play(world, scenario, calls, answer):
    task = Task(world.make(), scenario)
    await task.begin(0)
    results = [await task.call(ToolCall(id="c", name=name, arguments=given), 5.0) for name, given in calls]
    return await task.grade(answer), results


async def test_a_task_is_solved_by_its_own_actions_and_by_nothing_less(recipe, checkout):
    async with open_world(recipe, section(checkout), "tau2") as world:
        scenario = world.to_scenario("library", "0", recipe.name)
        assert scenario.split == "eval"
        assert scenario.rules.state == {"books/b~11/lent_to": "joe_2"}
        calls = [(call.name, call.arguments) for call in scenario.solution.calls]

        assert (await play(world, scenario, calls, scenario.solution.answer))[0].success
        assert not (await play(world, scenario, calls, "Done."))[0].success  # Emma is to be told
        assert not (await play(world, scenario, calls[:1], scenario.solution.answer))[0].success


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("lend_book", {"book_id": "b2", "reader": "joe_2"}, "400 Book is lent"),
        ("lend_book", {"book_id": "b2"}, "422 'reader' is a required property"),
        ("burn_down", {}, "404 there is no tool burn_down"),
        ("__init__", {"db": None}, "404 there is no tool __init__"),
    ],
)
async def test_a_wrong_call_is_told_and_changes_nothing(recipe, checkout, name, arguments, told):
    async with open_world(recipe, section(checkout), "tau2") as world:
        scenario = world.to_scenario("library", "0", recipe.name)
        outcome, (result,) = await play(world, scenario, [(name, arguments)], "Emma")

        assert told in result.error
        assert outcome.changes == {}


async def test_a_task_that_needs_another_grade_is_refused(recipe, checkout):
    async with open_world(recipe, section(checkout), "tau2") as world:
        with pytest.raises(InputError, match=r"task '1' of 'library' cannot be played here: .*\['NL_ASSERTION'\]"):
            world.to_scenario("library", "1", recipe.name)


async def test_tasks_are_kept_out_of_training(recipe, checkout):
    async with open_world(recipe, section(checkout), "tau2") as world:
        scenario = world.to_scenario("library", "0", recipe.name).model_copy(update={"split": "train"})
        with pytest.raises(InputError, match="tasks are for evaluation only"):
            await world.make().reset(scenario, 0)


async def test_faults_are_refused(recipe, checkout):
    async with open_world(recipe, section(checkout), "tau2") as world:
        faults = (Fault(tool="get_book", status=503),)
        scenario = world.to_scenario("library", "0", recipe.name).model_copy(update={"faults": faults})
        with pytest.raises(InputError, match="has faults, which the kind 'tau2' cannot put in"):
            await world.make().reset(scenario, 0)


def test_a_checkout_whose_tools_import_litellm_is_refused_by_name(checkout):
    tools = checkout / "src" / "tau2" / "domains" / "library" / "tools.py"
    tools.write_text("from litellm import completion\n" + tools.read_text())
    with pytest.raises(InputError, match="import 'litellm', which is kept out"):
        Checkout(checkout).make_toolkit("library")
    assert not {"litellm", "loguru", "addict"} & set(sys.modules)


def test_a_missing_import_is_named(checkout):
    tools = checkout / "src" / "tau2" / "domains" / "library" / "tools.py"
    tools.write_text("import nowhere_at_all\n" + tools.read_text())
    with pytest.raises(InputError, match=r"tau2.domains.library.tools .* No module named 'nowhere_at_all'"):
        Checkout(checkout).make_toolkit("library")


def test_what_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is no checkout of tau2-bench: expected src/tau2"):
        Checkout(tmp_path)


def test_an_unknown_domain_is_refused_with_those_there_are(checkout):
    with pytest.raises(InputError, match=r"no domain 'moon' with tasks.json; it has: library"):
        Checkout(checkout).tasks("moon")
    assert Checkout(checkout).policy("library").startswith("Lend a book")
