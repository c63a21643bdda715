from typing import Any

import pytest

from agent_factory.contracts import Comparison, GateSpec, Measure, ModelScore
from agent_factory.contracts.scenario import LEVELS
from agent_factory.core.error import InputError
from agent_factory.core.recipe import load_recipe
from agent_factory.evaluation.gate import decide

GATE = GateSpec(
    min_success=0.5,
    min_level_success={"L1": 0.6, "L3": 0.4},
    min_tool_call_success=0.8,
    max_policy_violation=0.1,
    max_loss_to_champion=0.05,
)


def share(value: float, spread: float = 0.05, n: int = 300) -> Measure:
    return Measure(value=value, low=value - spread, high=value + spread, n=n)


def score(**changes: Any) -> ModelScore:
    fields: dict[str, Any] = {
        "model": "M2",
        "stage": "policy",
        "success": share(0.7),
        "by_level": {"L1": share(0.9), "L3": share(0.5)},
        "by_kind": {},
        "tool_call_success": share(0.9),
        "policy_violation": share(0.05),
        "tokens_per_solved": 100.0,
        "cost_per_solved": None,
        "episodes": 300,
        "seconds": None,
    }
    return ModelScore(**{**fields, **changes})


def against(low: float, high: float, other: str = "M1") -> Comparison:
    middle = (low + high) / 2
    return Comparison(candidate="M2", other=other, role="champion", difference=middle, low=low, high=high, n=300)


def test_what_meets_every_bound_passes_and_says_so() -> None:
    verdict, reasons = decide(GATE, score(), [against(-0.02, 0.08)], "M1")
    assert verdict == "PASS"
    assert len(reasons) == 7
    assert all("at least" in reason or "at most" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"success": share(0.54)}, "lower end of the interval: 49.0 %, below the 50.0 % asked"),
        ({"by_level": {"L1": share(0.59), "L3": share(0.5)}}, "level L1: 59.0 %, below the 60.0 %"),
        ({"by_level": {"L1": share(0.9), "L3": share(0.1)}}, "level L3: 10.0 %, below the 40.0 %"),
        ({"tool_call_success": share(0.79)}, "Tool-call success: 79.0 %, below the 80.0 %"),
        ({"policy_violation": share(0.11)}, "violate the policy: 11.0 %, above the 10.0 %"),
        (
            {"episodes": 280, "left_out": 20},
            "300 episodes that a fault outside the agent ended: 6.7 %, above the 5.0 %",
        ),
    ],
)
def test_each_missed_bound_fails_with_its_numbers(changes: dict[str, Any], reason: str) -> None:
    verdict, reasons = decide(GATE, score(**changes), [against(-0.02, 0.08)], "M1")
    assert verdict == "FAIL"
    (only,) = reasons
    assert reason in only


def test_a_bound_that_is_just_met_passes() -> None:
    exact = score(success=Measure(value=0.6, low=0.5, high=0.7, n=300), policy_violation=share(0.1))
    assert decide(GATE, exact, [against(-0.05, 0.05)], "M1")[0] == "PASS"


def test_a_candidate_that_may_be_worse_than_the_champion_fails() -> None:
    verdict, (reason,) = decide(GATE, score(), [against(-0.06, 0.04)], "M1")
    assert verdict == "FAIL"
    assert "M1" in reason
    assert "6.0 %, above the 5.0 % allowed" in reason


def test_all_reasons_are_told_at_once() -> None:
    bad = score(success=share(0.2), tool_call_success=share(0.3), policy_violation=share(0.5))
    verdict, reasons = decide(GATE, bad, [against(-0.6, -0.4)], "M1")
    assert verdict == "FAIL"
    assert len(reasons) == 4


def test_the_first_candidate_has_no_champion_to_fall_behind() -> None:
    verdict, reasons = decide(GATE, score(), [], None)
    assert verdict == "PASS"
    assert any("No model serves yet" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("changes", "comparisons", "named"),
    [
        ({"by_level": {"L1": share(0.9)}}, [against(0, 0.1)], "L3"),
        ({"tool_call_success": None}, [against(0, 0.1)], "min_tool_call_success"),
        ({}, [], "max_loss_to_champion"),
        ({}, [against(0, 0.1, other="M0")], "max_loss_to_champion"),
    ],
)
def test_a_bound_on_what_was_not_measured_never_passes(changes: Any, comparisons: Any, named: str) -> None:
    with pytest.raises(InputError, match=named):
        decide(GATE, score(**changes), comparisons, "M1")


def test_what_is_not_asked_is_not_missed() -> None:
    bare = GateSpec(min_success=0.5)
    assert decide(bare, score(tool_call_success=None, by_level={}), [], "M1")[0] == "PASS"


def test_the_shipped_gate_asks_for_every_measure() -> None:
    gate = GateSpec.model_validate(load_recipe("support_desk").gate)
    assert gate.min_success > 0
    assert gate.min_tool_call_success
    assert gate.min_tool_call_success >= 0.8
    assert gate.max_policy_violation is not None
    assert gate.max_loss_to_champion is not None
    assert set(gate.min_level_success) == set(LEVELS)
