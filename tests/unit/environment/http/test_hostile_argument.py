"""Whatever an agent writes into a call is answered: no argument breaks the world, and so voids its episode."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_factory.contracts import ToolCall
from agent_factory.environment.http.world import HttpWorld

HOSTILE = ["", ".", "..", "../x", "a" * 70_000, "\ud800", "\x00", "\r\nX-Key: 1", "http://[", "%00", "?a#b", "é\u202e"]
NUMBERS = st.sampled_from([0, -1, 2**70, 1e308, float("nan"), float("inf")])
PLAIN = st.none() | st.booleans() | NUMBERS | st.sampled_from(HOSTILE) | st.text(max_size=8)
VALUES = st.recursive(PLAIN, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=3), v, max_size=2))


@st.composite
def arguments(draw, schema):
    """Arguments that mostly have the type that the schema asks for, and hold what is hostile in it."""
    found = {}
    for name, wanted in schema.get("properties", {}).items():
        fitting = {"string": st.sampled_from(HOSTILE) | st.text(), "integer": st.integers(), "number": NUMBERS}
        found[name] = draw(fitting.get(wanted.get("type"), VALUES) | VALUES)
    return found


@pytest.fixture
def world(recipe):
    """The order desk with arguments of any length and form: other recipes bound theirs less than it does."""
    world = HttpWorld(recipe)
    for operation in world.tools.operations.values():
        found = operation.parameters["properties"]
        found.update({name: {k: v for k, v in one.items() if k == "type"} for name, one in found.items()})
    return world


def test_no_argument_of_any_tool_breaks_the_world(world, draw):
    scenario = draw("L1", "track_order").model_copy(update={"tools": tuple(tool.name for tool in world.tools.tools)})
    environment = world.make()
    with asyncio.Runner() as runner:
        runner.run(environment.reset(scenario, 1))

        @settings(max_examples=150, deadline=None, database=None)
        @given(st.data())
        def call(data):
            tool = data.draw(st.sampled_from(environment.tools))
            given_now = data.draw(arguments(tool.parameters))
            made = ToolCall.model_construct(id="c", name=tool.name, arguments=given_now)
            result = runner.run(environment.step(made, 5.0))
            assert result.ok or json.loads(result.message.content)["status"] < 500

        call()
        runner.run(environment.close())


@pytest.mark.parametrize("value", ["", ".", "..", "a" * 70_000, "\ud800"])
async def test_what_cannot_be_sent_is_a_result_of_the_call(world, draw, value):
    operation = next(one for one in world.tools.operations.values() if "path" in one.places.values())
    name = next(name for name, place in operation.places.items() if place == "path")
    made = ToolCall.model_construct(id="c", name=operation.name, arguments={name: value})
    result = await world.toolbox.call(made, 5.0)
    assert json.loads(result.message.content)["status"] == 422
