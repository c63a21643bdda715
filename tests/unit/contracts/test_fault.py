"""A fault says all that it needs and nothing that it would ignore."""

import pytest
from pydantic import ValidationError

from agent_factory.contracts import Fault


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "latency"}, "'latency' needs 'seconds'"),
        ({"kind": "injection"}, "'injection' needs 'text'"),
        ({"kind": "rate_limit"}, "'rate_limit' needs 'seconds'"),
        ({"kind": "rate_limit", "seconds": 1.5}, "whole seconds"),
        ({}, "'status' needs 'status'"),
        ({"kind": "timeout", "status": 503}, "'timeout' has no 'status'"),
        ({"kind": "stale", "text": "x"}, "'stale' has no 'text'"),
        ({"kind": "latency", "seconds": -1}, "greater than 0"),
        ({"kind": "latency", "seconds": float("nan")}, "finite"),
        ({"kind": "status", "status": 200}, "greater than or equal to 400"),
        ({"kind": "hiccup"}, "Input should be 'status'"),
        ({"kind": "outage", "chance": 0}, "greater than 0"),
        ({"kind": "outage", "tool": ()}, "names no tool"),
        ({"kind": "outage", "nth": 0}, "greater than or equal to 1"),
    ],
)
def test_nonsense_is_refused_and_told(fields, told):
    with pytest.raises(ValidationError, match=told):
        Fault(**{"tool": "get_order", **fields})


def test_what_scenarios_declared_before_reads_and_digests_the_same():
    fault = Fault.model_validate_json('{"tool":"get_order","status":503,"nth":2,"times":1}')

    assert (fault.kind, fault.name, fault.tools) == ("status", "status 503", ("get_order",))
    assert fault.model_dump(mode="json", exclude_defaults=True) == {"tool": "get_order", "status": 503, "nth": 2}
    assert Fault.model_validate_json(fault.model_dump_json()) == fault


def test_status_408_stands_for_a_time_out():
    assert Fault(tool="get_order", status=408).name == "timeout"


def test_a_fault_is_on_the_tools_that_it_names():
    several = Fault.model_validate_json('{"tool":["a","b"],"kind":"outage"}')

    assert [several.is_on(name) for name in "abc"] == [True, True, False]
    assert Fault(tool="*", kind="outage").is_on("c")
