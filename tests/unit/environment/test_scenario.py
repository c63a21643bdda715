"""Scenario sets: proved, digested, the same for the same order, and refused where they are not."""

import asyncio

import pytest

from agent_factory.contracts import Reply, ScenarioSet, SuccessRules
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.error import ConflictError, DeadlineError, InputError, RecipeError, StorageError
from agent_factory.core.store import open_store
from agent_factory.environment import scenario, user
from agent_factory.environment.scenario import draw_scenarios, make_scenario_set, prove_solvable, read_scenarios


@pytest.fixture
def home(tmp_path):
    return open_store(f"sqlite:///{tmp_path}/f.db"), open_artifacts(str(tmp_path / "artifacts"))


def make(home, recipe, seed=1, count=12):
    return make_scenario_set(*home, recipe, set_id="b-train", build="b", split="train", count=count, seed=seed)


def test_a_set_is_kept_and_read_back(home, recipe):
    record = make(home, recipe)

    assert record.per_level == {"L1": 3, "L2": 3, "L3": 2, "L4": 2, "L5": 2}
    assert home[0].get(ScenarioSet, "b-train") == record
    assert read_scenarios(home[1], record) == draw_scenarios(recipe, "train", 12, 1)


def test_the_same_order_gives_the_same_set_and_another_is_refused(home, recipe):
    record = make(home, recipe)

    assert make(home, recipe) == record
    with pytest.raises(ConflictError, match="b-train"):
        make(home, recipe, seed=2)
    assert home[0].get(ScenarioSet, "b-train") == record


def test_a_changed_file_is_noticed(home, recipe):
    record = make(home, recipe)
    text = home[1].read_text(record.path)
    home[1].write_text(record.path, text.replace("example.com", "example.org"))

    with pytest.raises(StorageError, match=r"b-train.*make the set again"):
        read_scenarios(home[1], record)


def test_a_scenario_that_cannot_be_solved_is_named(recipe, draw):
    good = draw("L2", "cancel_order")
    rules = good.rules.model_copy(update={"state": {**good.rules.state, "orders/1/status": "gone"}})
    bad = good.model_copy(update={"rules": rules, "id": "impossible"})

    with pytest.raises(InputError, match=r"1 of 2 .*'impossible' is not solved by its reference solution: orders/1"):
        prove_solvable(recipe, [good, bad])


def test_a_scenario_that_asks_for_nothing_is_named(recipe, draw):
    free = draw("L1", "track_order").model_copy(update={"rules": SuccessRules()})

    with pytest.raises(InputError, match="solved by an agent that does nothing"):
        prove_solvable(recipe, [free])


def test_a_scenario_whose_reply_searches_for_ever_is_named(recipe, draw, monkeypatch):
    monkeypatch.setattr(user, "SEARCH_SECONDS", 0.01)
    drawn = draw("L1", "track_order")
    asking = drawn.solution.model_copy(update={"asks": "a" * 60 + "!"})
    slow = drawn.model_copy(update={"replies": (Reply(asks="(a|aa)+$", says="x"),), "solution": asking, "id": "slow"})

    with pytest.raises(InputError, match=r"'slow' cannot be played: user: reply 1: its 'asks'"):
        prove_solvable(recipe, [slow])


def test_a_proof_ends_at_its_deadline_and_tells_how_far_it_came(recipe, draw, monkeypatch):
    async def wait(world, recipe, one):
        if one.id == "slow":
            await asyncio.Event().wait()

    monkeypatch.setattr(scenario, "SET_SECONDS", 0.5)
    monkeypatch.setattr(scenario, "find_flaw", wait)
    first = draw("L1", "track_order")
    with pytest.raises(DeadlineError, match=r"not over within 0.5 s: 1 of 2 scenarios were looked at"):
        prove_solvable(recipe, [first, first.model_copy(update={"id": "slow"})])


def test_a_generator_that_raises_is_told_as_the_recipes(recipe, replace_part):
    def generate(split, level, count, seed):
        yield from ()
        raise KeyError("no such street")

    replace_part("scenarios:generate", generate)
    with pytest.raises(RecipeError, match=r"recipe 'support_desk': its scenarios raised .*KeyError: 'no such street'"):
        draw_scenarios(recipe, "train", 10, 0)


def test_a_generator_that_gives_other_things_is_told(recipe, replace_part):
    replace_part("scenarios:generate", lambda split, level, count, seed: [{"id": "x"}] * count)
    with pytest.raises(InputError, match="are 2, the first: a dict"):
        draw_scenarios(recipe, "train", 10, 0)


def test_a_simulator_that_raises_is_told_as_the_recipes(recipe, draw, replace_part):
    def create_app():
        raise OSError("no stock list")

    replace_part("simulator.app:create_app", create_app)
    with pytest.raises(RecipeError, match=r"its simulator raised .*OSError: no stock list"):
        prove_solvable(recipe, [draw("L1", "track_order")])

    class Broken(recipe.load("simulator.app:OrderSystem")):
        async def __call__(self, scope, receive, send):
            raise ZeroDivisionError("stock")

    replace_part("simulator.app:create_app", Broken)
    with pytest.raises(RecipeError, match=r"cannot be proved.*ZeroDivisionError: stock"):
        prove_solvable(recipe, [draw("L2", "cancel_order")])


def test_a_generator_that_gives_too_few_is_told(recipe, replace_part):
    replace_part("scenarios:generate", lambda split, level, count, seed: [])

    with pytest.raises(InputError, match=r"gave 0 scenarios for train/L1, expected 2"):
        draw_scenarios(recipe, "train", 10, 0)
