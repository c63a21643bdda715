"""A judge by rules, for traces whose outcome nobody knows. Its labels name it as what it is: ``RULE_JUDGE``.

It sees only how an episode went, not whether the answer was right: so it can call one bad, and never
gives more than ``NOTHING_AGAINST``.
"""

from __future__ import annotations

from typing import NamedTuple

from agent_factory.contracts.trace import Trace

NOTHING_AGAINST = 0.6
RULE_JUDGE = "rule: how the episode went, version 1"
"""The judge's name; a change of the rules below changes its version, since it is calibrated under this name."""


class Judgement(NamedTuple):
    """A score from 0 to 1 and the rule that gave it."""

    score: float
    reason: str


def judge_trace(trace: Trace) -> Judgement:
    """The first rule that applies, worst first."""
    if trace.failure:
        return Judgement(0.0, f"ended early: {trace.failure}")
    if not trace.steps:
        return Judgement(0.0, "no step was taken")
    last = trace.steps[-1].action
    if last.tool_calls:
        return Judgement(0.1, "ends in a tool call that nobody answered to the user")
    if not (last.content or "").strip():
        return Judgement(0.0, "the last answer is empty")
    if repeated := _repeated_call(trace):
        return Judgement(0.2, f"called {repeated} three times with the same arguments")
    if unresolved := _unresolved(trace):
        return Judgement(0.3, f"the last call of {unresolved} failed")
    return Judgement(NOTHING_AGAINST, "nothing speaks against it")


def _unresolved(trace: Trace) -> str | None:
    """The first tool whose last call was answered by an error."""
    names = {call.id: call.name for step in trace.steps for call in step.action.tool_calls}
    failed: dict[str, bool] = {}
    for message in trace.messages():
        if message.role == "tool":
            text = (message.content or "").lstrip().lower()
            name = message.name or names.get(message.tool_call_id or "", "a tool")
            failed[name] = text.startswith(('{"error"', '{"detail"', "error"))
    return next((name for name, is_failed in failed.items() if is_failed), None)


def _repeated_call(trace: Trace) -> str | None:
    seen: dict[str, int] = {}
    for step in trace.steps:
        for call in step.action.tool_calls:
            key = f"{call.name} {sorted(call.arguments.items(), key=str)}"
            seen[key] = seen.get(key, 0) + 1
            if seen[key] == 3:
                return call.name
    return None
