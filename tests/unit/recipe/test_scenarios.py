"""The generator: deterministic, balanced, and with nothing of training in what is held out."""

import json
import re

import pytest

from agent_factory.contracts import LEVELS
from agent_factory.core.artifact import Artifacts
from agent_factory.core.store import open_store
from agent_factory.data.leak import find_leaks
from agent_factory.environment.scenario import draw_scenarios, make_scenario_set, prove_solvable
from agent_factory.privacy.label import label_of
from agent_factory.privacy.redactor import open_redactor
from tests.unit.recipe.shipped import SHIPPED, SPLITS

GOALS = [(name, goal) for name, shipped in SHIPPED.items() for goal in sorted(shipped.sentences())]
APART = [(name, what) for name, shipped in SHIPPED.items() for what in shipped.held_apart()]
GOODS = [(name, what) for name, shipped in SHIPPED.items() for what in shipped.goods]


def words_of(sentences):
    return {word for sentence in sentences for word in re.findall(r"[a-z]+", re.sub(r"\{\w+\}", " ", sentence.lower()))}


@pytest.mark.parametrize("level", LEVELS)
def test_same_seed_same_scenarios_other_seed_others(shipped, level):
    generate = shipped.recipe.load_part("scenarios")
    first, again, other = (generate("train", level, 30, seed) for seed in (7, 7, 8))

    assert first == again
    assert [s.state for s in first] != [s.state for s in other]
    assert {s.level for s in first} == {level}


def test_a_longer_draw_begins_with_the_shorter(shipped):
    generate = shipped.recipe.load_part("scenarios")

    assert generate("train", "L3", 40, 1)[:12] == generate("train", "L3", 12, 1)


@pytest.mark.parametrize(("name", "goal"), GOALS)
def test_no_sentence_stands_in_both_splits(name, goal):
    sentences = SHIPPED[name].sentences()[goal]
    normal = {split: {re.sub(r"\W+", " ", s.lower()) for s in sentences[split]} for split in SPLITS}

    assert all(normal.values())
    assert not normal["train"] & normal["eval"]


def test_held_out_sentences_are_made_of_known_words(shipped):
    train, held_out = (words_of(s for goal in shipped.sentences().values() for s in goal[split]) for split in SPLITS)

    assert held_out - train <= shipped.new_words


@pytest.mark.parametrize(("name", "what"), APART)
def test_held_out_people_places_and_goods_are_others(name, what):
    held = SHIPPED[name].held_apart()[what]

    assert held["train"]
    assert held["eval"]
    assert not set(held["train"]) & set(held["eval"])


@pytest.mark.parametrize(("name", "what"), GOODS)
def test_held_out_goods_are_made_of_the_same_words(name, what):
    held = SHIPPED[name].held_apart()[what]

    assert words_of(held["eval"]) <= words_of(held["train"])


@pytest.fixture(scope="module")
def texts(shipped):
    splits = {split: draw_scenarios(shipped.recipe, split, 600, 3) for split in SPLITS}
    return {split: [s.model_dump_json() for s in found] for split, found in splits.items()}


def test_training_never_emits_what_is_held_out(shipped, texts):
    held_out = [word for what, held in shipped.held_apart().items() if what != "FIRST_NAMES" for word in held["eval"]]

    found = {word for word in held_out for text in texts["train"] if word in text}

    assert not found
    assert all(any(word in text for text in texts["eval"]) for word in held_out)


def test_every_scenario_holds_personal_data_of_known_names(shipped):
    known = set(shipped.recipe.names)
    for split in SPLITS:
        for scenario in draw_scenarios(shipped.recipe, split, 100, 5):
            assert re.search(r"[\w.]+@example\.(com|org|net)", scenario.opening[0].content)
            for person in scenario.state[shipped.people].values():
                assert set(person["name"].split()) <= known


def test_levels_have_equal_shares_and_every_kind_is_drawn(shipped):
    scenarios = draw_scenarios(shipped.recipe, "eval", 300, 4)

    assert len({s.id for s in scenarios}) == 300
    assert {level: sum(s.level == level for s in scenarios) for level in LEVELS} == dict.fromkeys(LEVELS, 60)
    assert len({s.kind for s in scenarios}) == shipped.kinds


@pytest.mark.parametrize("split", SPLITS)
def test_scenarios_are_solved_by_their_solution_and_not_by_doing_nothing(shipped, split):
    prove_solvable(shipped.recipe, draw_scenarios(shipped.recipe, split, 200, 11))


def rows_of(recipe, scenarios):
    """Training rows as they would come of the scenarios: redacted openings and the people in them."""
    redactor = open_redactor(recipe)
    for scenario in scenarios:
        session = redactor.open_session()
        said = [redactor.redact_message(message, session).model_dump(mode="json") for message in scenario.opening]
        redactor.redact_json(scenario.state, session)
        subjects = [f"{label_of(placeholder)}:{found}" for placeholder, found in session.hashes.items()]
        yield {"messages": json.dumps(said), "subjects": subjects}


def test_the_leak_check_finds_nothing_of_training_in_what_is_held_out(shipped, tmp_path):
    artifacts, store = Artifacts(str(tmp_path)), open_store(f"sqlite:///{tmp_path}/store.db")
    asked = {"set_id": "held-out", "build": None, "split": "eval", "count": 200, "seed": 4}
    held_out = [make_scenario_set(store, artifacts, shipped.recipe, **asked)]

    def leaks(split):
        rows = rows_of(shipped.recipe, draw_scenarios(shipped.recipe, split, 300, 9))
        return {leak.how for leak in find_leaks(artifacts, rows, held_out)}

    assert not leaks("train")
    assert leaks("eval")
