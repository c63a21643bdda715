"""The generator: deterministic, balanced, and with nothing of training in what is held out."""

import importlib
import re

import pytest

from agent_factory.contracts import LEVELS
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.scenario import draw_scenarios, prove_solvable

RECIPE = load_recipe("support_desk")
GENERATE = RECIPE.load("scenarios:generate")
SENTENCES = importlib.import_module(f"{GENERATE.__module__}.wording").SENTENCES
_STOCK = importlib.import_module(f"{GENERATE.__module__}.stock")
STOCK = {name: getattr(_STOCK, name) for name in ("FIRST_NAMES", "LAST_NAMES", "STREETS")}
GOODS_OF = RECIPE.load("scenarios.stock:goods_of")


def words_of(sentences):
    return {word for sentence in sentences for word in re.findall(r"[a-z]+", re.sub(r"\{\w+\}", " ", sentence.lower()))}


@pytest.mark.parametrize("level", LEVELS)
def test_same_seed_same_scenarios_other_seed_others(level):
    first, again, other = (
        GENERATE("train", level, 30, 7),
        GENERATE("train", level, 30, 7),
        GENERATE("train", level, 30, 8),
    )

    assert first == again
    assert [s.state for s in first] != [s.state for s in other]
    assert {s.level for s in first} == {level}


def test_a_longer_draw_begins_with_the_shorter():
    assert GENERATE("train", "L3", 40, 1)[:12] == GENERATE("train", "L3", 12, 1)


@pytest.mark.parametrize("goal", sorted(SENTENCES))
def test_no_sentence_stands_in_both_splits(goal):
    normal = {split: {re.sub(r"\W+", " ", s.lower()) for s in SENTENCES[goal][split]} for split in ("train", "eval")}

    assert all(normal.values())
    assert not normal["train"] & normal["eval"]


def test_held_out_sentences_are_made_of_known_words():
    train = words_of(s for splits in SENTENCES.values() for s in splits["train"])
    held_out = words_of(s for splits in SENTENCES.values() for s in splits["eval"])

    assert held_out - train <= {"and", "their", "refund"}


@pytest.mark.parametrize("what", sorted(STOCK))
def test_held_out_people_and_places_are_others(what):
    assert not set(STOCK[what]["train"]) & set(STOCK[what]["eval"])


def test_held_out_goods_are_others_of_the_same_words():
    train, held_out = GOODS_OF("train"), GOODS_OF("eval")

    assert not set(train) & set(held_out)
    assert words_of(held_out) <= words_of(train)


@pytest.fixture(scope="module")
def texts():
    splits = {split: draw_scenarios(RECIPE, split, 600, 3) for split in ("train", "eval")}
    return {split: [s.model_dump_json() for s in found] for split, found in splits.items()}


def test_training_never_emits_what_is_held_out(texts):
    held_out = [*STOCK["LAST_NAMES"]["eval"], *STOCK["STREETS"]["eval"], *GOODS_OF("eval")]

    found = {word for word in held_out for text in texts["train"] if word in text}

    assert not found
    assert all(any(word in text for text in texts["eval"]) for word in held_out)


def test_every_scenario_holds_personal_data_of_known_names(texts):
    known = set(RECIPE.names)
    for split in ("train", "eval"):
        for scenario in draw_scenarios(RECIPE, split, 100, 5):
            assert re.search(r"[\w.]+@example\.(com|org|net)", scenario.opening[0].content)
            for customer in scenario.state["customers"].values():
                assert set(customer["name"].split()) <= known


def test_levels_have_equal_shares_and_fourteen_kinds():
    scenarios = draw_scenarios(RECIPE, "eval", 300, 4)

    assert len({s.id for s in scenarios}) == 300
    assert {level: sum(s.level == level for s in scenarios) for level in LEVELS} == dict.fromkeys(LEVELS, 60)
    assert len({s.kind for s in scenarios}) == 14


@pytest.mark.parametrize("split", ["train", "eval"])
def test_scenarios_are_solved_by_their_solution_and_not_by_doing_nothing(split):
    prove_solvable(RECIPE, draw_scenarios(RECIPE, split, 200, 11))
