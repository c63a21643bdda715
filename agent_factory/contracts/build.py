"""The work order of one candidate agent: everything that decides what a build will be.

Invariant: a BuildSpec holds all settings that it was ordered with; later edits of the recipe's
files do not change an accepted build.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from agent_factory.contracts.record import Count, Instant, Json, Name, Part, Record

StageKind = Literal["pretrain", "sft", "reward", "rft"]


class DataWindow(Part):
    """The days of traces that a build learns from, both ends included."""

    first_day: date
    last_day: date

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError(f"the window ends {self.last_day} before it begins {self.first_day}")
        return self

    def days(self) -> list[str]:
        """Every day of the window as YYYY-MM-DD."""
        count = (self.last_day - self.first_day).days + 1
        return [(self.first_day + timedelta(days=i)).isoformat() for i in range(count)]


class StageSpec(Part):
    """One training stage: ``parameters`` are checked by the stage's own settings class."""

    kind: StageKind
    parameters: Json = Field(default_factory=dict)


class GateSpec(Part):
    """What a candidate must show to be released. A bound that is None is not asked for.

    ``min_success`` is compared with the lower end of the 95 % interval; ``min_level_success`` and
    ``min_tool_call_success`` with the measured share; ``max_policy_violation`` with the share of
    episodes. ``max_loss_to_champion`` is how far, in share of scenarios solved, the candidate may
    fall below the model that serves, at the worse end of the paired 95 % interval; it asks nothing
    while no model serves. ``max_left_out`` is the share of episodes that may end by a fault that is
    not the agent's before the rest is too few to judge by.
    """

    min_success: float = Field(ge=0, le=1)
    min_level_success: dict[str, float] = Field(default_factory=dict)
    min_tool_call_success: float | None = Field(default=None, ge=0, le=1)
    max_policy_violation: float | None = Field(default=None, ge=0, le=1)
    max_loss_to_champion: float | None = Field(default=None, ge=0, le=1)
    max_left_out: float = Field(default=0.05, ge=0, le=1)


class EvaluationSpec(Part):
    """How many held-out scenarios are run, in equal shares of the five levels, and their seed."""

    scenarios: int = Field(ge=5)
    seed: Count


class BuildSpec(Record):
    """The order of one build; its id is the Dagster partition key of the BUILD axis."""

    recipe: Name
    recipe_digest: str
    base_model: str
    window: DataWindow
    min_rows: Count
    train_scenarios: Count
    stages: tuple[StageSpec, ...] = Field(min_length=1)
    evaluation: EvaluationSpec
    gate: GateSpec
    seed: Count = 0
    priority: int = 0
    settings: Json = Field(default_factory=dict)

    def stage(self, kind: StageKind) -> StageSpec:
        """The stage of that kind; KeyError with the kinds that there are."""
        for stage in self.stages:
            if stage.kind == kind:
                return stage
        raise KeyError(f"build {self.id!r} has no stage {kind!r}; it has {[s.kind for s in self.stages]}")

    def lacking(self) -> list[StageKind]:
        """The stages that a build needs and this one has not."""
        return [kind for kind in get_args(StageKind) if kind not in {stage.kind for stage in self.stages}]


OrderKind = Literal["build", "dataset", "rollout", "evaluation", "promotion"]
OrderState = Literal["waiting", "accepted", "done", "failed", "refused"]


class Order(Record):
    """What the API or CLI asks for and a sensor accepts; ``request`` is the body of that kind."""

    kind: OrderKind
    request: Json
    state: OrderState = "waiting"
    build: Name | None = None
    reason: str | None = None
    updated_at: Instant | None = None


class EpisodeRequest(Part):
    """The ``request`` of a rollout or evaluation: of which build, which model plays on which scenarios.

    Without a model, those that the kind of order is about; without scenarios, the build's own.
    """

    build: Name
    model: Name | None = None
    scenarios: Name | None = None
