"""Judges by rules, for traces whose outcome nobody knows. Labels name them as what they are.

A recipe may bring one, ``[recipe] judge``; what it is about decides. All other traces have the judge of
this factory, ``RULE_JUDGE``: it sees only how an episode went, not whether the answer was right, so that it
can call one bad and never gives more than ``NOTHING_AGAINST``. Invariants: a judge that is edited has
another name; none is told the outcome; a trace that broke off is bad, whoever judges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from agent_factory.contracts.trace import Step, Trace
from agent_factory.core.digest import digest_bytes, digest_folder
from agent_factory.core.error import NotFoundError, RecipeError
from agent_factory.core.recipe import Recipe, load_recipe
from agent_factory.gateway.parser import holds_part_of_call

NOTHING_AGAINST = 0.6
RULE_JUDGE = "rule: how the episode went, version 2"
"""The judge's name; a change of the rules below changes its version, since it is calibrated under this name."""


class Judgement(NamedTuple):
    """A score from 0 to 1 and the rule that gave it."""

    score: float
    reason: str


class RuleJudge(NamedTuple):
    """A judge by rules: its name, and the recipe's function where it is a recipe's."""

    name: str
    recipe: Recipe | None = None
    function: Callable[[Trace], Any] | None = None

    def judge(self, trace: Trace) -> Judgement:
        """Its word on a clean trace; RecipeError where the recipe's code raises or gives no judgement."""
        if self.recipe is None or self.function is None:
            return judge_trace(trace)
        if ended := _find_bad_end(trace):
            return ended
        # What says how it ended, or what task it was, is no part of the transcript.
        shown = trace.model_copy(update={"outcome": None, "scenario_id": None, "metadata": {}})
        with self.recipe.blame(f"judge, on trace {trace.id!r},"):
            found = self.function(shown)
        if not _is_judgement(found):
            raise RecipeError(
                f"recipe {self.recipe.name!r}: its judge gave {found!r} on trace {trace.id!r}, expected a score from "
                f"0 to 1 and a reason, as in (0.5, 'why'). Mend it in {self.recipe.folder}"
            )
        return Judgement(float(found[0]), found[1])


def find_judge(recipe_name: str | None) -> RuleJudge:
    """The judge of a recipe's traces; this factory's where there is no such recipe or it brings none."""
    try:
        recipe = load_recipe(recipe_name) if recipe_name else None
    except NotFoundError:
        recipe = None
    target = None if recipe is None else recipe.target_of("judge")
    if recipe is None or target is None:
        return RuleJudge(RULE_JUDGE)
    function = recipe.load_part("judge")
    source = recipe.source_of(target)
    code = digest_folder(source) if source.is_dir() else digest_bytes(source.read_bytes())
    return RuleJudge(f"rule: {recipe.name}, code {code[:8]}", recipe, function)


def judge_trace(trace: Trace) -> Judgement:
    """The first rule of this factory that applies, worst first."""
    if ended := _find_bad_end(trace):
        return ended
    if repeated := _repeated_call(trace):
        return Judgement(0.2, f"called {repeated} three times with the same arguments")
    if unresolved := _unresolved(trace):
        return Judgement(0.3, f"the last call of {unresolved} failed")
    return Judgement(NOTHING_AGAINST, "nothing speaks against it")


def find_break(trace: Trace) -> str | None:
    """Where a trace broke off, also in between, or None."""
    if trace.failure is not None:
        return f"ended early: {trace.failure}"
    if not trace.steps:
        return "no step was taken"
    broken = next((step for step in trace.steps if _is_broken(step)), None)
    if broken is None:
        return None
    return f"step {broken.index} is no answer: {broken.error or 'it holds part of a tool call'}"


def _is_broken(step: Step) -> bool:
    # A session goes on after such a turn, and what was recorded elsewhere may not have noticed it.
    words = step.action.content or ""
    return not step.action.tool_calls and (step.error is not None or holds_part_of_call(words))


def _find_bad_end(trace: Trace) -> Judgement | None:
    if (broken := find_break(trace)) is not None:
        return Judgement(0.0, broken)
    last = trace.steps[-1].action
    if last.tool_calls:
        return Judgement(0.1, "ends in a tool call that nobody answered to the user")
    if not (last.content or "").strip():
        return Judgement(0.0, "the last answer is empty")
    return None


def _is_judgement(found: Any) -> bool:
    if not isinstance(found, tuple) or len(found) != 2:  # pyright: ignore[reportUnknownArgumentType]
        return False
    score, reason = found  # pyright: ignore[reportUnknownVariableType]
    return isinstance(score, int | float) and 0 <= score <= 1 and isinstance(reason, str)


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
