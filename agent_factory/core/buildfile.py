"""``build.toml`` as it must be: its sections and their keys.

Invariant: a key that no section knows is refused, so that a misspelt one is not silently ignored.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, field_validator

from agent_factory.contracts.build import EvaluationSpec
from agent_factory.contracts.dataset import Filters
from agent_factory.contracts.record import Count, Json, Part


class BuildSection(Part):
    """``[build]``: the base model, how much data it needs, how many scenarios it trains on."""

    base_model: str
    min_rows: Count
    train_scenarios: int = Field(ge=5)
    seed: Count = 0
    priority: int = 0


class CodeSection(Part):
    """``[recipe]``: where the recipe's own code is, each as ``module:function``; a ``judge`` may be left out."""

    simulator: str
    scenarios: str
    predecessor: str
    demo_state: str
    judge: str | None = None

    def targets(self) -> dict[str, str]:
        """What is named, by part."""
        return self.model_dump(exclude_none=True)


class TrafficSection(Part):
    """``[first_traffic]``: how many episodes the predecessor plays, spread over how many past days."""

    episodes: int = Field(ge=1)
    days: int = Field(ge=1)
    seed: Count = 0


class RolloutSection(Part):
    """``[rollouts]``: how many episodes, how many of each scenario, how warm, how many at once.

    ``max_tokens`` is the longest that an action may be, in evaluations too.
    """

    episodes: int = Field(ge=1)
    samples: int = Field(ge=1)
    temperature: float = Field(gt=0, le=2)
    concurrency: int = Field(ge=1)
    max_tokens: int = Field(default=160, ge=1)


class ReturnSection(Part):
    """``[return_traces]``: today's partition is told of new traces at this count or this age."""

    count: int = Field(ge=1)
    age_seconds: float = Field(ge=0)


class PriceSection(Part):
    """``[prices]``: what a core-hour and a million tokens cost."""

    currency: str = Field(pattern="^[A-Z]{3}$")
    cpu_core_hour: float = Field(ge=0)
    prompt_million_tokens: float = Field(ge=0)
    completion_million_tokens: float = Field(ge=0)


class RuntimeSection(Part):
    """``[runtime]``: where a live agent's tools answer; without an address, the recipe's simulator does."""

    tools_url: str | None = Field(default=None, pattern="^https?://")


class DemoSection(Part):
    """``[demo]``: what the round says to a freshly deployed agent, in the world of ``demo_state``."""

    messages: tuple[str, ...] = Field(min_length=1, max_length=10)


class PrivacySection(Part):
    """``[privacy]``: a regular expression of reference numbers (of orders, say) that lead to a person.

    ``recognizers`` are plugged in beside the rules: each ``module:Class`` or a table with ``class`` and its arguments.
    """

    references: str | None = None
    recognizers: tuple[str | dict[str, Any], ...] = ()

    @field_validator("references")
    @classmethod
    def _check_expression(cls, value: str | None) -> str | None:
        try:
            empty = value is not None and re.compile(value).search("") is not None
        except re.error as error:
            raise ValueError(f"it is not a regular expression: {error}") from error
        if empty:
            raise ValueError("it matches the empty text, so it would be found between all letters")
        return value


def _dump_set(filters: Filters) -> dict[str, Any]:
    return filters.model_dump(mode="json", exclude_unset=True)


class TrainingSection(Part):
    """``[training]``: the stages in order, each ``[[training.stage]]`` with a kind and its parameters."""

    stage: tuple[dict[str, Any], ...] = Field(min_length=1)


class RecipeSettings(Part):
    """``build.toml`` as a whole. ``nano`` is checked by training, which owns it.

    ``data`` is kept as it was given: what it leaves out is the build's own, such as its recipe and its seed.
    """

    build: BuildSection
    recipe: CodeSection
    first_traffic: TrafficSection
    nano: Json = Field(default_factory=dict)
    training: TrainingSection
    rollouts: RolloutSection
    evaluation: EvaluationSpec
    return_traces: ReturnSection
    prices: PriceSection
    demo: DemoSection
    data: Annotated[Filters, PlainSerializer(_dump_set)] = Filters()
    runtime: RuntimeSection = RuntimeSection()
    privacy: PrivacySection = PrivacySection()
