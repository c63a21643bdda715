"""Grading: each rule, met and broken."""

import copy

import pytest

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts import Message, SuccessRules, ToolCall
from agent_factory.environment.grade import CallRecord, find_changes, grade

STATE = {"orders": {"4417": {"status": "processing"}, "5520": {"status": "shipped"}}, "handovers": {}}
RULES = SuccessRules(
    state={"orders/4417/status": "cancelled"},
    says=(("cancelled", "canceled"), ("4417",)),
    must_not_say=("cannot",),
    must_not_call=("refund_order",),
)


def after(**changes):
    state = copy.deepcopy(STATE)
    state["orders"]["4417"]["status"] = "cancelled"
    return {**state, **changes}


def record(tool, error=None):
    message = Message(role="tool", tool_call_id="c", content="{}")
    return CallRecord(ToolCall(id="c", name=tool, arguments={}), ToolResult(message, error))


def test_all_rules_met_is_a_success():
    outcome = grade(RULES, STATE, after(), "Order 4417 is CANCELLED.", [record("cancel_order")])

    assert (outcome.success, outcome.reward, outcome.reasons) == (True, 1.0, ())


@pytest.mark.parametrize(
    ("state", "answer", "reason"),
    [
        (STATE, "4417 is cancelled", "orders/4417/status is not 'cancelled'"),
        (after(handovers={"4417": "amount"}), "4417 is cancelled", "handovers/4417 changed to 'amount'"),
        (after(orders={"4417": {"status": "cancelled"}}), "4417 is cancelled", "orders/5520/status changed to None"),
        (after(), "4417 is done", "the answer does not say 'cancelled' or 'canceled'"),
        (after(), "44170 is cancelled", "the answer does not say '4417'"),
        (after(), "4417 cannot be uncancelled but is cancelled", "the answer says 'cannot'"),
        (after(), None, "there is no answer"),
    ],
)
def test_a_broken_rule_is_named(state, answer, reason):
    outcome = grade(RULES, STATE, state, answer, [])

    assert (outcome.success, outcome.reward) == (False, 0.0)
    assert outcome.reasons == (reason,)


def test_a_forbidden_call_is_a_violation_only_if_it_succeeded():
    told = "4417 is cancelled"
    refused = grade(RULES, STATE, after(), told, [record("refund_order", error="refund_order: 409 no")])
    succeeded = grade(RULES, STATE, after(), told, [record("refund_order")])

    assert refused.success
    assert (succeeded.success, succeeded.policy_violations) == (False, ("called refund_order",))


def test_changes_are_paths_added_changed_and_gone():
    before = {"a": {"x": 1, "y": [1]}, "b": {}}
    later = {"a": {"x": 2}, "b": {"new": None}}

    assert find_changes(before, later) == {"a/x": 2, "a/y": None, "b/new": None}
    assert find_changes(before, copy.deepcopy(before)) == {}
