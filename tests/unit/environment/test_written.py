"""Scenarios by hand: read from JSON lines and YAML, refused with file, line and field, and proved."""

import json

import pytest

from agent_factory.contracts import Message, ScenarioSet
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.error import InputError
from agent_factory.core.store import open_store
from agent_factory.environment.scenario import keep_written, read_scenarios
from agent_factory.environment.written import read_written

YAML = """
- id: first
  level: L1
  kind: greeting
  tools: []
  opening: How late is it open?
  state: &none
    customers: {}
  rules:
    says: [["nine"]]
  solution:
    calls: []
    answer: Until nine.
- id: second
  level: L2
  kind: cancel_order
  opening: Cancel 4417, please. anna@example.com
  state:
    customers: {"311": {name: Anna, email: anna@example.com, address: Home}}
    orders: {"4417": {customer: "311", status: processing, price: 39, item: lamp, address: Home}}
    goods: {}
    handovers: {}
  rules:
    state: {orders/4417/status: cancelled}
  solution:
    calls: [{id: c0, name: cancel_order, arguments: {order_id: "4417"}}]
    answer: It is cancelled.
"""


@pytest.fixture
def home(tmp_path):
    return open_store(f"sqlite:///{tmp_path}/f.db"), open_artifacts(str(tmp_path / "artifacts"))


def test_a_file_is_read_proved_and_kept(home, recipe):
    written = read_written(YAML, "mine.yaml", recipe, "train")
    record = keep_written(*home, recipe, written, set_id="mine", split="train")
    first, second = read_scenarios(home[1], home[0].get(ScenarioSet, "mine"))

    assert record.per_level == {"L1": 1, "L2": 1}
    assert (first.opening, first.tools) == ((Message(role="user", content="How late is it open?"),), ())
    assert (second.template, second.seed, len(second.tools)) == ("by hand", 0, 10)


def test_json_lines_are_read_too(recipe, draw):
    scenario = draw("L1", "track_order")
    lines = f"{scenario.model_dump_json()}\n\n{json.dumps({**scenario.to_json(), 'id': 'other'})}\n"

    found = read_written(lines, "mine.jsonl", recipe, "train")

    assert [(one.place, one.scenario.id) for one in found] == [
        ("mine.jsonl, line 1", scenario.id),
        ("mine.jsonl, line 3", "other"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("level: L2", "level: L9", r"mine\.yaml, line 15: level: Input should be 'L1', .*got 'L9'"),
        ("  kind: greeting\n", "", r"mine\.yaml, line 2: kind: Field required"),
        ("answer: It is cancelled.", "reply: Done.", r"line 26: solution\.answer: Field required"),
        ("name: cancel_order,", "nome: cancel_order,", r"line 26: solution\.calls\.0\.nome: Extra inputs"),
        ("- id: second", "- id: first", r"line 14: id 'first' stands already in mine\.yaml, line 2"),
        ("kind: greeting", "kind: greeting\n  recipe: other", r"line 2: recipe 'other', split 'train', expected"),
        ("customers: {}", "customers: [", r"(?s)mine\.yaml is not YAML: .*line 8"),
        ('{"311": {name', "*none\n  x: {name", r"aliases .* are not taken"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(recipe, old, new, told):
    assert old in YAML
    with pytest.raises(InputError, match=told):
        read_written(YAML.replace(old, new), "mine.yaml", recipe, "train")


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ('{"id": "a"}\n{"id": ', "mine.jsonl", r"mine\.jsonl, line 2: not JSON"),
        ("[1]", "mine.jsonl", "line 1: a list, expected an object"),
        ("", "mine.jsonl", "holds 0 scenarios"),
        ("a: 1", "mine.yaml", "expected a list of scenarios"),
        ("x" * 5_000_001, "mine.yaml", "5000000 at most"),
    ],
)
def test_a_file_of_something_else_is_refused(recipe, text, name, told):
    with pytest.raises(InputError, match=told):
        read_written(text, name, recipe, "train")


def test_what_cannot_be_solved_is_told_with_its_line_and_nothing_is_kept(home, recipe):
    text = YAML.replace("answer: Until nine.", "answer: Until ten.").replace("status: cancelled", "status: refunded")
    written = read_written(text, "mine.yaml", recipe, "train")

    with pytest.raises(InputError, match=r"2 of 2 .*yaml, line 2: 'first' is not solved.*yaml, line 14: 'second'"):
        keep_written(*home, recipe, written, set_id="mine", split="train")
    assert home[0].peek(ScenarioSet, "mine") is None
    assert not home[1].exists("scenarios/mine.jsonl")
