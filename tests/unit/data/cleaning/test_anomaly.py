"""What stands apart from its day is flagged with the feature and by how much; a small day is not judged."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from pydantic import ValidationError

from agent_factory.contracts import Message, Step, ToolCall, Trace
from agent_factory.contracts.trace import MEASURE_MAX
from agent_factory.data.cleaning.anomaly import ENOUGH, Panel, measure
from agent_factory.data.cleaning.finding import Finding

Make = Callable[..., Trace]


@pytest.fixture
def episode(trace: Make) -> Callable[..., Trace]:
    """An episode of ``calls`` calls (all the same where ``loop``), ``errors`` of which fail at the end."""

    def make(
        name: str,
        calls: int = 2,
        *,
        errors: int = 0,
        loop: bool = False,
        latency: float = 1.0,
        words: int = 8,
        cost: float | None = None,
        recipe: str = "desk",
    ) -> Trace:
        steps: list[Step] = []
        heard = (Message(role="user", content="word " * words),)
        for i in range(calls):
            call = ToolCall(id=f"c{i}", name="get_order", arguments={"order_id": "7" if loop else str(i)})
            action = Message(role="assistant", tool_calls=(call,))
            steps.append(Step(index=i, observation=heard, action=action, latency_seconds=latency, cost=cost))
            told = '{"error": "no"}' if i >= calls - errors else '{"state": "sent"}'
            heard = (Message(role="tool", tool_call_id=f"c{i}", name="get_order", content=told),)
        last = Message(role="assistant", content="Done.")
        steps.append(Step(index=calls, observation=heard, action=last, latency_seconds=latency, cost=cost))
        return trace(name, steps=tuple(steps), recipe=recipe)

    return make


def _judge(traces: list[Trace]) -> tuple[dict[str, Finding], dict[str, str]]:
    panel = Panel()
    for trace in traces:
        panel.add(trace)
    return panel.judge()


def _usual(episode: Callable[..., Trace], count: int, seed: int = 0) -> list[Trace]:
    rng = Random(seed)
    return [
        episode(
            f"t{i}",
            rng.randint(1, 4),
            errors=rng.random() < 0.2,
            latency=rng.uniform(0.5, 2.0),
            words=rng.randint(5, 30),
        )
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({"calls": 14, "loop": True}, "times the same call was repeated, the day's median is 0"),
        ({"calls": 12, "errors": 10}, "10 tool errors in a row"),
        ({"words": 20_000}, "characters, the day's median is"),
        ({"calls": 40}, "41 steps, the day's median is"),
        ({"latency": 400.0}, "seconds of latency"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_stands_apart_is_found_with_its_feature(
    episode: Callable[..., Trace], odd: dict[str, object], told: str, seed: int
) -> None:
    found, judged = _judge([*_usual(episode, 120, seed), episode("odd", **odd)])
    assert "odd" in found, judged
    assert (found["odd"].verdict, found["odd"].rule) == ("flagged", "anomaly")
    assert told in found["odd"].reason
    assert len(found) <= 3  # of 120 usual ones


def test_the_same_day_is_judged_the_same(episode: Callable[..., Trace]) -> None:
    traces = [*_usual(episode, 80), episode("odd", calls=20, loop=True)]
    assert _judge(traces) == _judge(traces)


def test_a_day_too_small_is_not_judged_and_says_so(episode: Callable[..., Trace]) -> None:
    found, told = _judge([*_usual(episode, ENOUGH - 2), episode("odd", calls=40, loop=True)])
    assert found == {}
    assert told == {"desk": f"not judged: {ENOUGH - 1} traces, {ENOUGH} are needed"}


def test_each_recipe_has_its_own_usual(episode: Callable[..., Trace]) -> None:
    longer = [episode(f"x{i}", 20 + i % 3, recipe="other") for i in range(ENOUGH)]
    found, told = _judge([*_usual(episode, ENOUGH), *longer])
    assert [name for name in found if name.startswith("x")] == []
    assert set(told) == {"desk", "other"}


def test_what_was_not_measured_says_nothing(episode: Callable[..., Trace]) -> None:
    traces = [*_usual(episode, 100), episode("measured", cost=0.01)]
    found, _ = _judge(traces)
    assert "measured" not in found
    assert measure(traces[0])[-1] != measure(traces[0])[-1]  # NaN, not 0


def test_the_greatest_measures_that_a_trace_may_have_are_judged(episode: Callable[..., Trace]) -> None:
    traces = [episode(f"t{i}", cost=1.0 + i / 100) for i in range(ENOUGH)]
    found, told = _judge([*traces, episode("most", latency=MEASURE_MAX, cost=MEASURE_MAX)])
    assert told == {"desk": f"1 of {ENOUGH + 1} traces stand apart"}
    assert "cost" in found["most"].reason
    with pytest.raises(ValidationError, match="cost"):
        episode("more", cost=2 * MEASURE_MAX)
