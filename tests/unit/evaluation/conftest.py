"""A build whose models were run on 50 tasks, with outcomes that the tests choose."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from agent_factory.contracts import (
    LEVELS,
    BuildSpec,
    DataWindow,
    EvaluationSpec,
    GateSpec,
    Message,
    ModelManifest,
    Outcome,
    Scenario,
    ScenarioSet,
    Solution,
    StageSpec,
    Step,
    SuccessRules,
    TokenUsage,
    ToolCall,
    Trace,
)
from agent_factory.core.artifact import Artifacts
from agent_factory.core.store import Store, open_store

THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
PRICES = {"currency": "EUR", "cpu_core_hour": 0.04, "prompt_million_tokens": 1.0, "completion_million_tokens": 2.0}
KINDS = {"L1": "status", "L2": "refund", "L3": "late_refund", "L4": "two_goals", "L5": "fault"}


def make_scenario(number: int) -> Scenario:
    level = LEVELS[number % 5]
    return Scenario(
        id=f"s{number:03}",
        created_at=THEN,
        recipe="desk",
        level=level,
        kind=KINDS[level],
        template="t",
        split="eval",
        seed=number,
        opening=(Message(role="user", content="Where is order 4417?"),),
        tools=("get_order",),
        state={},
        rules=SuccessRules(),
        solution=Solution(calls=(), answer="it"),
    )


def make_trace(
    scenario: Scenario,
    model: str,
    success: bool | None,
    *,
    result: dict[str, Any] | None = None,
    violations: tuple[str, ...] = (),
    reasons: tuple[str, ...] = (),
    failure: str | None = None,
) -> Trace:
    """One call and one answer, 100 + 20 tokens; ``success`` None: the episode was not graded."""
    usage = TokenUsage(prompt_tokens=50, completion_tokens=10)
    call = ToolCall(id="c0", name="get_order", arguments={"order_id": "4417"})
    told = Message(role="tool", tool_call_id="c0", content=json.dumps(result or {"status": "shipped"}))
    steps = (
        Step(
            index=0,
            observation=scenario.opening,
            action=Message(role="assistant", tool_calls=(call,)),
            usage=usage,
            latency_seconds=0.1,
        ),
        Step(
            index=1,
            observation=(told,),
            action=Message(role="assistant", content="It is shipped."),
            usage=usage,
            latency_seconds=0.3,
        ),
    )
    graded = None
    if success is not None:
        graded = Outcome(
            success=success, reward=float(success), graded_by="rules", reasons=reasons, policy_violations=violations
        )
    return Trace(
        id=f"{model}-{scenario.id}",
        created_at=THEN,
        source="evaluation",
        started_at=THEN,
        scenario_id=scenario.id,
        model=model,
        steps=steps,
        outcome=graded,
        failure=failure,
    )


class Bench(NamedTuple):
    """A store and artifacts with the build ``b1`` and its task set; ``run`` writes a model and its traces."""

    store: Store
    artifacts: Artifacts
    build: BuildSpec
    scenarios: list[Scenario]

    def add_model(self, name: str, stage: Any, parent: str | None = None, build: str = "b1") -> None:
        self.store.put(
            ModelManifest(
                id=name,
                created_at=THEN,
                stage=stage,
                recipe="desk",
                build=build,
                parent=parent,
                path=f"builds/{build}/models/{stage}",
                digest=f"digest-{name}",
                parameters=1,
            )
        )

    def run(self, name: str, choose: Callable[[int, Scenario], Trace]) -> None:
        traces = [choose(number, scenario) for number, scenario in enumerate(self.scenarios)]
        self.artifacts.write_traces(f"builds/b1/evaluation/{name}.parquet", traces)

    def run_share(self, name: str, solved: int) -> None:
        """The first ``solved`` tasks of 50 are solved."""
        self.run(name, lambda number, scenario: make_trace(scenario, name, number < solved))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def make_bench(folder: Path, count: int = 50, **gate: Any) -> Bench:
    store = open_store(f"sqlite:///{folder / 'factory.db'}")
    artifacts = Artifacts(str(folder / "artifacts"))
    build = BuildSpec(
        id="b1",
        created_at=THEN,
        recipe="desk",
        recipe_digest="r",
        base_model="nano",
        window=DataWindow(first_day=date(2026, 10, 29), last_day=date(2026, 10, 31)),
        min_rows=1,
        train_scenarios=5,
        stages=(StageSpec(kind="sft"),),
        evaluation=EvaluationSpec(scenarios=count, seed=1),
        gate=GateSpec(**{"min_success": 0.5, "max_loss_to_champion": 0.1, **gate}),
        settings={"prices": PRICES},
    )
    store.put(build)
    scenarios = [make_scenario(number) for number in range(count)]
    artifacts.write_text("scenarios/b1-eval.jsonl", "\n".join(scenario.model_dump_json() for scenario in scenarios))
    store.put(
        ScenarioSet(
            id="b1-eval",
            created_at=THEN,
            recipe="desk",
            build="b1",
            split="eval",
            seed=1,
            count=count,
            per_level=dict.fromkeys(LEVELS, count // 5),
            path="scenarios/b1-eval.jsonl",
            digest="taskset",
        )
    )
    return Bench(store, artifacts, build, scenarios)


@pytest.fixture
def kit() -> SimpleNamespace:
    """Makers of scenarios and traces."""
    return SimpleNamespace(scenario=make_scenario, trace=make_trace)
