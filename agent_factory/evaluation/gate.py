"""The gate: a recipe's bounds against what was measured, ending in PASS or FAIL with the reasons.

Invariant: PASS means that every bound that was asked for was measured and met. A bound on what was
not measured is an InputError, never a silent PASS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agent_factory.contracts.build import GateSpec
from agent_factory.contracts.evaluation import Comparison, ModelScore, Verdict
from agent_factory.core.error import InputError


class Finding(NamedTuple):
    """One bound: whether it was met, and a sentence with the numbers."""

    met: bool
    sentence: str


def decide(
    gate: GateSpec, score: ModelScore, comparisons: Sequence[Comparison], champion: str | None
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on the candidate's score, with the reasons: what was missed, or all that was met.

    ``champion`` is the model that serves now, None if none does. Raises InputError where the gate
    asks for what was not measured.
    """
    findings = [
        _check_success(gate, score),
        *_check_levels(gate, score),
        *_check_tool_calls(gate, score),
        *_check_violations(gate, score),
        *_check_champion(gate, score, comparisons, champion),
        _check_left_out(gate, score),
    ]
    missed = tuple(finding.sentence for finding in findings if not finding.met)
    if missed:
        return "FAIL", missed
    return "PASS", tuple(finding.sentence for finding in findings)


def _check_success(gate: GateSpec, score: ModelScore) -> Finding:
    found = score.success
    text = f"{score.model} solves {_percent(found.value)} of {found.n} tasks; the lower end of the interval"
    return _at_least(text, found.low, gate.min_success)


def _check_levels(gate: GateSpec, score: ModelScore) -> list[Finding]:
    findings: list[Finding] = []
    for level, bound in sorted(gate.min_level_success.items()):
        if level not in score.by_level:
            raise InputError(
                f"the gate asks for {bound:.0%} success in level {level!r}, which was not measured for {score.model}; "
                f"measured: {', '.join(score.by_level)}. Correct min_level_success in gate.toml or the task set."
            )
        findings.append(_at_least(f"Success in level {level}", score.by_level[level].value, bound))
    return findings


def _check_tool_calls(gate: GateSpec, score: ModelScore) -> list[Finding]:
    if gate.min_tool_call_success is None:
        return []
    if score.tool_call_success is None:
        raise InputError(
            f"the gate asks for min_tool_call_success {gate.min_tool_call_success}, "
            f"but {score.model} made no tool call that can be judged"
        )
    return [_at_least("Tool-call success", score.tool_call_success.value, gate.min_tool_call_success)]


def _check_violations(gate: GateSpec, score: ModelScore) -> list[Finding]:
    if gate.max_policy_violation is None:
        return []
    text = "Share of episodes that violate the policy"
    return [_at_most(text, score.policy_violation.value, gate.max_policy_violation)]


def _check_champion(
    gate: GateSpec, score: ModelScore, comparisons: Sequence[Comparison], champion: str | None
) -> list[Finding]:
    if gate.max_loss_to_champion is None:
        return []
    if champion is None:
        return [Finding(True, "No model serves yet, so there is none to fall behind.")]
    for found in comparisons:
        if found.role == "champion" and found.other == champion and found.candidate == score.model:
            text = (
                f"Against the serving {champion} the difference is {_points(found.difference)} on {found.n} tasks; "
                "the loss at the worse end of the interval"
            )
            return [_at_most(text, max(0.0, -found.low), gate.max_loss_to_champion)]
    raise InputError(
        f"the gate asks for max_loss_to_champion {gate.max_loss_to_champion}, but {score.model} was not compared "
        f"with the serving {champion}: run the evaluation again so that both meet the same tasks"
    )


def _check_left_out(gate: GateSpec, score: ModelScore) -> Finding:
    total = score.episodes + score.left_out
    text = f"Share of {total} episodes that a fault outside the agent ended"
    return _at_most(text, score.left_out / total, gate.max_left_out)


def _at_least(what: str, value: float, bound: float) -> Finding:
    met = value >= bound
    return Finding(met, f"{what}: {_percent(value)}, {'at least' if met else 'below the'} {_percent(bound)} asked.")


def _at_most(what: str, value: float, bound: float) -> Finding:
    met = value <= bound
    return Finding(met, f"{what}: {_percent(value)}, {'at most' if met else 'above the'} {_percent(bound)} allowed.")


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _points(difference: float) -> str:
    return f"{difference * 100:+.1f} points"
