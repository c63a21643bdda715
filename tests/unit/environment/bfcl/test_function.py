"""Function documents: BFCL's types become JSON Schema, what is malformed is named."""

import pytest

from agent_factory.core.error import InputError
from agent_factory.environment.bfcl.function import to_tool


def document(properties, required=()):
    parameters = {"type": "dict", "properties": properties, "required": list(required)}
    return {"name": "f", "description": "Does f.", "parameters": parameters}


def test_types_defaults_enums_and_nesting_are_kept():
    point = {"type": "dict", "properties": {"x": {"type": "float"}}, "required": ["x"]}
    mode = {"type": "string", "enum": ["a", "b"], "default": "a", "description": "How."}
    pair = {"type": "tuple", "items": point}
    tool = to_tool(document({"mode": mode, "pair": pair, "exponent": {"type": "integer"}}, ["pair"]))

    number = {"type": "number", "minimum": -(10**15), "maximum": 10**15}
    inner = {"type": "object", "properties": {"x": number}, "required": ["x"]}
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "mode": mode,
            "pair": {"type": "array", "items": inner},
            "exponent": {"type": "integer", "minimum": -1000, "maximum": 1000},
        },
        "required": ["pair"],
        "additionalProperties": False,
    }


def test_none_as_a_default_may_be_null():
    tool = to_tool(document({"name": {"type": "string", "default": "None"}}))
    assert tool.parameters["properties"]["name"] == {"type": ["string", "null"], "default": None}


@pytest.mark.parametrize(
    ("properties", "required", "told"),
    [
        ({"x": {"type": "callable"}}, (), "x has the type 'callable'"),
        ({"x": {"type": "string"}}, ["y"], "required 'y' is no property"),
        ({"x": {}}, (), "KeyError: 'type'"),
    ],
)
def test_a_malformed_document_is_named(properties, required, told):
    with pytest.raises(InputError, match=r"BFCL's document of 'f' is malformed") as refused:
        to_tool(document(properties, required))
    assert told in str(refused.value)
