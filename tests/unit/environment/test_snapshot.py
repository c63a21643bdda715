"""State as JSON: what is equal comes out equal, what cannot be told apart is refused."""

import json

import pytest

from agent_factory.core.error import ToolError
from agent_factory.environment.snapshot import to_json


def test_a_value_becomes_json():
    value = {"a/b": {3, 1, 2}, "c~": (1, float("nan")), 7: {}, "o": object}
    told = to_json(value, lambda item: item.__name__)
    assert told == {"a~1b": [1, 2, 3], "c~0": [1, "nan"], "7": {"~empty": True}, "o": "object"}
    assert json.loads(json.dumps(told)) == told


def test_keys_that_are_the_same_as_text_are_refused():
    with pytest.raises(ToolError, match="keys that are the same as text"):
        to_json({1: "a", "1": "b"})
