import math
from typing import Any

import pytest

from agent_factory.compute.price import Prices
from agent_factory.contracts import Message, Step, ToolCall
from agent_factory.core.error import InputError, ModelError
from agent_factory.evaluation.measure import (
    Episode,
    count_tool_calls,
    measure_share,
    pair_episodes,
    score_model,
)

PRICES = Prices(currency="EUR", cpu_core_hour=0, prompt_million_tokens=1.0, completion_million_tokens=2.0)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson (1927), written out."""
    z, share = 1.959963984540054, successes / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return (middle - half) / (1 + z * z / trials), (middle + half) / (1 + z * z / trials)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (1, 1), (213, 300), (7, 60)])
def test_the_interval_is_wilsons(successes: int, trials: int) -> None:
    measure = measure_share(successes, trials)
    low, high = wilson(successes, trials)
    assert measure.low == pytest.approx(low, abs=1e-12)
    assert measure.high == pytest.approx(high, abs=1e-12)
    assert (measure.value, measure.n) == (successes / trials, trials)


def test_the_interval_of_a_known_case() -> None:
    measure = measure_share(7, 10)
    assert (round(measure.low, 4), round(measure.high, 4)) == (0.3968, 0.8922)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(InputError):
        measure_share(0, 0)


@pytest.fixture
def episode(kit: Any) -> Any:
    def make(number: int, success: bool, **changes: Any) -> Episode:
        scenario = kit.scenario(number)
        trace = kit.trace(scenario, "M1", success, **changes)
        assert trace.outcome
        return Episode(scenario, trace, trace.outcome)

    return make


def test_a_score_has_every_measure(episode: Any) -> None:
    episodes = [
        episode(0, True),
        episode(1, True, result={"error": "busy", "status": 503}),
        episode(2, False, result={"error": "not found", "status": 404}, violations=("called refund_order",)),
        episode(5, False),
    ]
    score = score_model("M1", "sft", episodes, left_out=2, prices=PRICES)
    assert (score.success.value, score.episodes, score.left_out) == (0.5, 4, 2)
    assert {level: share.value for level, share in score.by_level.items()} == {"L1": 0.5, "L2": 1.0, "L3": 0.0}
    assert score.by_kind["status"].n == 2
    assert score.tool_call_success
    assert (score.tool_call_success.value, score.tool_call_success.n) == (2 / 3, 3)  # the 503 is not the agent's
    assert score.policy_violation.value == 0.25
    assert score.tokens_per_solved == 4 * 120 / 2
    assert score.cost_per_solved == pytest.approx(4 * (100 * 1e-6 + 20 * 2e-6) / 2)
    assert score.seconds == pytest.approx(0.4)


def test_what_could_not_be_measured_has_no_number(episode: Any) -> None:
    failed = episode(0, False)
    bare = failed.trace.steps[1].model_copy(update={"index": 0, "usage": None, "latency_seconds": None})
    silent = failed._replace(trace=failed.trace.model_copy(update={"steps": (bare,)}))
    score = score_model("M1", "sft", [silent], prices=PRICES)
    assert score.tool_call_success is None
    assert score.tokens_per_solved is None
    assert score.cost_per_solved is None
    assert score.seconds is None
    assert score_model("M1", "sft", [episode(0, True)]).cost_per_solved is None


def test_calls_that_are_none_or_never_answered_are_the_agents(kit: Any) -> None:
    trace = kit.trace(kit.scenario(0), "M1", False)
    garbled = Step(
        index=2,
        observation=(),
        action=Message(role="assistant", content="<tool_call> {"),
        error="malformed: the action announces a tool call and is none",
    )
    unanswered = Step(
        index=3,
        observation=(),
        action=Message(role="assistant", tool_calls=(ToolCall(id="c9", name="get_order", arguments={}),)),
    )
    counts = count_tool_calls(trace.model_copy(update={"steps": (*trace.steps, garbled, unanswered)}))
    assert counts == (1, 2, 0)


def test_an_answer_in_the_closing_counts(kit: Any) -> None:
    trace = kit.trace(kit.scenario(0), "M1", False)
    told = trace.steps[1].observation
    assert count_tool_calls(trace.model_copy(update={"steps": trace.steps[:1], "closing": told})) == (1, 0, 0)


def test_ungraded_episodes_are_left_out_and_counted(kit: Any) -> None:
    scenarios = [kit.scenario(number) for number in range(4)]
    traces = [kit.trace(one, "M1", None if one.seed == 2 else True, failure="engine: gone") for one in scenarios]
    episodes, left_out = pair_episodes("M1", scenarios, reversed(traces))
    assert [episode.scenario.seed for episode in episodes] == [0, 1, 3]
    assert left_out == 1


def test_no_score_where_all_are_left_out(kit: Any) -> None:
    scenarios = [kit.scenario(number) for number in range(4)]
    traces = [kit.trace(one, "M1", None, failure="engine: the server went away") for one in scenarios]
    with pytest.raises(ModelError, match="the server went away"):
        pair_episodes("M1", scenarios, traces)


def test_a_run_that_is_not_whole_is_refused(kit: Any) -> None:
    scenarios = [kit.scenario(number) for number in range(3)]
    traces = [kit.trace(one, "M1", True) for one in scenarios]
    with pytest.raises(InputError, match="no trace of 1 of 3"):
        pair_episodes("M1", scenarios, traces[:2])
    with pytest.raises(InputError, match="two traces"):
        pair_episodes("M1", scenarios, [*traces, traces[0]])
    with pytest.raises(InputError, match="s002"):
        pair_episodes("M1", scenarios[:2], traces)
