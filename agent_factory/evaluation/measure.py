"""What a model's episodes show: shares with Wilson's 95 % interval, tokens and cost of a solved task.

Invariant: an episode without an outcome was ended by a fault that was not the agent's. It is left
out and counted as such, never taken for a failure; where all are left out there is no score.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from agent_factory.compute.price import Prices
from agent_factory.contracts.evaluation import Measure, ModelScore
from agent_factory.contracts.message import Message
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Outcome, Trace
from agent_factory.core.error import InputError, ModelError

CONFIDENCE = 0.95
_FAULT_STATUS = frozenset({408, *range(500, 600)})


class ToolCallCount(NamedTuple):
    """Calls of an episode: answered with success, refused (the agent's mistake), hit by a fault of the tool."""

    succeeded: int
    refused: int
    faulted: int


class Episode(NamedTuple):
    """A counted episode: its scenario, its trace, and the outcome that it surely has."""

    scenario: Scenario
    trace: Trace
    outcome: Outcome


def measure_share(successes: int, trials: int) -> Measure:
    """The share ``successes / trials`` with Wilson's score interval (Wilson 1927), from statsmodels.

    Raises InputError where there were no trials: a share of nothing has no value.
    """
    from statsmodels.stats.proportion import proportion_confint

    if not 0 <= successes <= trials or trials == 0:
        raise InputError(f"{successes} successes of {trials} trials are no share: expected at least one trial")
    low, high = proportion_confint(successes, trials, alpha=1 - CONFIDENCE, method="wilson")
    interval = [min(1.0, max(0.0, float(end))) for end in (cast("float", low), cast("float", high))]
    return Measure(value=successes / trials, low=interval[0], high=interval[1], n=trials)


def pair_episodes(model: str, scenarios: Sequence[Scenario], traces: Iterable[Trace]) -> tuple[list[Episode], int]:
    """The counted episodes in the order of the scenarios, and how many were left out.

    Raises InputError where a scenario has no trace or two, or a trace no scenario, and ModelError
    where no episode can be counted.
    """
    by_scenario: dict[str, Trace] = {}
    known = {scenario.id for scenario in scenarios}
    for trace in traces:
        if trace.scenario_id not in known:
            raise InputError(
                f"trace {trace.id!r} of {model} names scenario {trace.scenario_id!r}, not of this task set"
            )
        if trace.scenario_id in by_scenario:
            raise InputError(f"{model} has two traces of scenario {trace.scenario_id!r}: expected one; run it again")
        by_scenario[trace.scenario_id] = trace
    missing = known - set(by_scenario)
    if missing:
        raise InputError(
            f"{model} has no trace of {len(missing)} of {len(known)} scenarios (first: {min(missing)!r}): "
            "the evaluation run is not complete, run it again"
        )
    episodes: list[Episode] = []
    for scenario in scenarios:
        trace = by_scenario[scenario.id]
        if trace.outcome is not None:
            episodes.append(Episode(scenario, trace, trace.outcome))
    if not episodes:
        causes = sorted({trace.failure or "not graded" for trace in by_scenario.values()})
        raise ModelError(
            f"none of {len(known)} episodes of {model} can be counted, so there is no score: "
            f"{'; '.join(causes[:3])}. Mend the cause and run the evaluation again."
        )
    return episodes, len(known) - len(episodes)


def score_model(
    model: str, stage: str, episodes: Sequence[Episode], left_out: int = 0, prices: Prices | None = None
) -> ModelScore:
    """All measures of one model over its counted episodes (at least one)."""
    calls = [count_tool_calls(episode.trace) for episode in episodes]
    succeeded = sum(call.succeeded for call in calls)
    judged = succeeded + sum(call.refused for call in calls)
    return ModelScore(
        model=model,
        stage=stage,
        success=measure_success(episodes),
        by_level=_measure_groups(episodes, lambda episode: episode.scenario.level),
        by_kind=_measure_groups(episodes, lambda episode: episode.scenario.kind),
        tool_call_success=measure_share(succeeded, judged) if judged else None,
        policy_violation=measure_policy_violation(episodes),
        tokens_per_solved=_tokens_per_solved(episodes),
        cost_per_solved=_cost_per_solved(episodes, prices),
        episodes=len(episodes),
        left_out=left_out,
        seconds=_mean_seconds(episodes),
    )


def measure_success(episodes: Sequence[Episode]) -> Measure:
    """Success = episodes whose outcome is a success / counted episodes."""
    return measure_share(sum(episode.outcome.success for episode in episodes), len(episodes))


def measure_policy_violation(episodes: Sequence[Episode]) -> Measure:
    """Policy violation = episodes with at least one violation / counted episodes."""
    return measure_share(sum(bool(episode.outcome.policy_violations) for episode in episodes), len(episodes))


def count_tool_calls(trace: Trace) -> ToolCallCount:
    """The calls of an episode by how they ended.

    Tool-call success = succeeded / (succeeded + refused). A call is refused where its result is an
    error that the agent could have avoided (unknown tool, bad arguments, 4xx); a call that the tool
    itself failed (408, 5xx) is neither. Text that announces a call and is none counts as refused, and so does
    a call that was never answered.
    The interval takes calls as independent, which flatters it a little where episodes have many.
    """
    results = {message.tool_call_id: message for message in trace.messages() if message.role == "tool"}
    ends = [_end_of(results.get(call.id)) for step in trace.steps for call in step.action.tool_calls]
    malformed = sum(
        1 for step in trace.steps if not step.action.tool_calls and (step.error or "").startswith("malformed")
    )
    return ToolCallCount(ends.count("succeeded"), ends.count("refused") + malformed, ends.count("faulted"))


def _end_of(result: Message | None) -> str:
    if result is None:
        return "refused"
    try:
        body = json.loads(result.content or "")
    except json.JSONDecodeError:
        return "succeeded"
    if not isinstance(body, dict) or "error" not in body:
        return "succeeded"
    return "faulted" if body.get("status") in _FAULT_STATUS else "refused"


def count_tokens(trace: Trace) -> tuple[int, int] | None:
    """Prompt and completion tokens of all model calls; None where a call did not say."""
    prompt = completion = 0
    for step in trace.steps:
        if step.usage is None:
            return None
        prompt += step.usage.prompt_tokens
        completion += step.usage.completion_tokens
    return prompt, completion


def _tokens_per_solved(episodes: Sequence[Episode]) -> float | None:
    """Tokens of all counted episodes, failed ones too / solved episodes."""
    counts = [count_tokens(episode.trace) for episode in episodes]
    solved = sum(episode.outcome.success for episode in episodes)
    if not solved or None in counts:
        return None
    return sum(sum(count) for count in counts if count) / solved


def _cost_per_solved(episodes: Sequence[Episode], prices: Prices | None) -> float | None:
    """Price of the tokens of all counted episodes, failed ones too / solved episodes."""
    counts = [count_tokens(episode.trace) for episode in episodes]
    solved = sum(episode.outcome.success for episode in episodes)
    if prices is None or not solved or None in counts:
        return None
    return sum(prices.of_tokens(*count) for count in counts if count) / solved


def _mean_seconds(episodes: Sequence[Episode]) -> float | None:
    latencies = [[step.latency_seconds for step in episode.trace.steps] for episode in episodes]
    known = [value for episode in latencies for value in episode if value is not None]
    if not known or any(value is None for episode in latencies for value in episode):
        return None
    return sum(known) / len(episodes)


def _measure_groups(episodes: Sequence[Episode], key: Callable[[Episode], str]) -> dict[str, Measure]:
    groups: Mapping[str, list[Episode]] = defaultdict(list)
    for episode in episodes:
        groups[key(episode)].append(episode)
    return {name: measure_success(groups[name]) for name in sorted(groups)}
