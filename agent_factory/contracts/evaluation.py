"""What an evaluation found: measures with intervals, failures by kind, and the verdict.

Invariant: a measure that could not be taken is absent; it is never 0.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from agent_factory.contracts.record import Count, Json, Name, Part, Record
from agent_factory.contracts.trace import Source

Verdict = Literal["PASS", "FAIL"]


class Measure(Part):
    """A share with its 95 % interval over ``n`` trials."""

    value: float
    low: float
    high: float
    n: Count


class LevelShare(Part):
    """Success of one model in one level; ``source`` says in what sort of episodes (rollout, evaluation)."""

    source: Source
    model: Name
    level: str
    success: Measure


class EasierLevel(Part):
    """A level whose whole interval lies above that of the level ``before`` it, which is declared easier."""

    source: Source
    model: Name
    level: str
    before: str


class LevelCheck(Part):
    """What models reached in each level of a build's scenarios, and where the order is not the declared one."""

    build: Name
    levels: tuple[LevelShare, ...]
    easier: tuple[EasierLevel, ...]


class ModelScore(Part):
    """One model on the task set. ``tokens_per_solved`` and ``cost_per_solved`` are None if none was solved.

    ``episodes`` were counted; ``left_out`` more ended by a fault that was not the agent's.
    ``seconds`` is the mean time of an episode's model calls, None where no engine measured it.
    """

    model: Name
    stage: str
    success: Measure
    by_level: dict[str, Measure]
    by_kind: dict[str, Measure]
    tool_call_success: Measure | None
    policy_violation: Measure
    tokens_per_solved: float | None
    cost_per_solved: float | None
    episodes: Count
    left_out: Count = 0
    seconds: float | None


class Comparison(Part):
    """The candidate minus another model on the same scenarios and seeds: mean difference, paired 95 % interval."""

    candidate: Name
    other: Name
    role: Literal["champion", "parent", "base"]
    difference: float
    low: float
    high: float
    n: Count


class FailureCluster(Part):
    """Failures of one kind and reason, with a few traces as examples."""

    level: str
    kind: str
    reason: str
    count: Count
    examples: tuple[str, ...]


class EvalReport(Record):
    """The report of a build's candidate; ``results_path`` is a parquet of per-scenario results.

    ``verdict`` is the gate's; None where the report decides nothing (``TasksetReport``).
    """

    build: Name
    recipe: Name
    candidate: Name
    taskset: Name
    taskset_digest: str
    scores: tuple[ModelScore, ...]
    comparisons: tuple[Comparison, ...]
    failures: tuple[FailureCluster, ...]
    verdict: Verdict | None
    reasons: tuple[str, ...] = Field(min_length=1)
    results_path: str
    html_path: str
    settings: Json = Field(default_factory=dict)

    def score_of(self, model: str) -> ModelScore:
        """The score of that model; KeyError with the models that were scored."""
        for score in self.scores:
            if score.model == model:
                return score
        raise KeyError(f"report {self.id!r} has no score of {model!r}; it has {[s.model for s in self.scores]}")


class TasksetReport(EvalReport):
    """What an order found on a task set of its own choice; ``id`` is the order's, and there is no verdict.

    A record of its own kind, so that whoever looks for the report that decides a build never finds it.
    """

    @model_validator(mode="after")
    def _check_verdict(self) -> Self:
        if self.verdict is not None:
            raise ValueError(f"the verdict is {self.verdict!r}: only a build's own held-out set is decided by")
        return self
