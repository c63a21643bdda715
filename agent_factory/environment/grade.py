"""Grading: what changed in the world, what the answer says, and which tools were called with success.

Invariant: an outcome depends on the two states, the final answer and the calls, never on the words
or the order in which the agent got there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.message import ToolCall
from agent_factory.contracts.scenario import SuccessRules
from agent_factory.contracts.trace import Outcome

GRADED_BY = "scenario rules"


class CallRecord(NamedTuple):
    """A tool call with its real arguments, and its result."""

    call: ToolCall
    result: ToolResult


def flatten(state: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The leaves of a state by path, as ``orders/4417/status``; lists and empty objects are leaves."""
    leaves: dict[str, Any] = {}
    for key, value in state.items():
        place = f"{path}/{key}" if path else str(key)
        if isinstance(value, Mapping) and value:
            leaves |= flatten(value, place)
        elif not isinstance(value, Mapping):
            leaves[place] = value
    return leaves


def find_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Every path whose value differs, with its value afterwards; None where it is gone."""
    old, new = flatten(before), flatten(after)
    missing = object()
    return {path: new.get(path) for path in sorted({*old, *new}) if old.get(path, missing) != new.get(path, missing)}


def grade(
    rules: SuccessRules,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    answer: str | None,
    calls: Iterable[CallRecord],
) -> Outcome:
    """The outcome of an episode that led from one state to another and ended with the revealed ``answer``."""
    succeeded = {record.call.name for record in calls if record.result.ok}
    return grade_changes(rules, find_changes(before, after), answer, succeeded)


def grade_changes(
    rules: SuccessRules, changes: Mapping[str, Any], answer: str | None, succeeded: Collection[str]
) -> Outcome:
    """The outcome of an episode by what it changed, its ``answer``, and the tools called with success."""
    reasons = [*_check_state(rules, changes), *_check_answer(rules, answer)]
    violations = tuple(f"called {tool}" for tool in rules.must_not_call if tool in succeeded)
    success = not reasons and not violations
    return Outcome(
        success=success,
        reward=1.0 if success else 0.0,
        graded_by=GRADED_BY,
        reasons=tuple(reasons),
        policy_violations=violations,
        changes={**changes},
    )


def _check_state(rules: SuccessRules, changes: Mapping[str, Any]) -> list[str]:
    reasons = [
        f"{path} is not {value!r}"
        for path, value in rules.state.items()
        if path not in changes or changes[path] != value
    ]
    return reasons + [f"{path} changed to {value!r}" for path, value in changes.items() if path not in rules.state]


def _check_answer(rules: SuccessRules, answer: str | None) -> list[str]:
    if answer is None:
        return ["there is no answer"]
    reasons = [
        f"the answer does not say {' or '.join(map(repr, words))}"
        for words in rules.says
        if not any(_pattern(word).search(answer) for word in words)
    ]
    return reasons + [f"the answer says {word!r}" for word in rules.must_not_say if _pattern(word).search(answer)]


@lru_cache(maxsize=4096)
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)
