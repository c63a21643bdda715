"""``build.toml`` and ``gate.toml`` as they must be: their sections and keys.

Invariants: a key that no section knows is refused, so that a misspelt one is not silently ignored; so is
a number that a stage could not work with, hours before that stage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, PlainSerializer, ValidationInfo, field_validator, model_validator

from agent_factory.contracts.build import EvaluationSpec, GateSpec
from agent_factory.contracts.dataset import Filters
from agent_factory.contracts.record import Count, Json, Name, Part
from agent_factory.contracts.scenario import LEVELS
from agent_factory.core.error import InputError

MAX_SEED = 2**32 - 1
"""The largest seed that numpy, and with it a trainer, takes."""

MAX_SECONDS = 7 * 86_400.0
"""The longest deadline that can be set: a week."""


class Section(Part):
    """A table of settings: its numbers are finite, as JSON, in which they are kept, has no others."""

    model_config = ConfigDict(allow_inf_nan=False)


class BuildSection(Section):
    """``[build]``: the base model, how much data it needs, how many scenarios it trains on."""

    base_model: str
    min_rows: Count
    train_scenarios: int = Field(ge=5)
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    priority: int = 0


class CodeSection(Section):
    """``[recipe]``: where the recipe's own code is, each as ``module:function``.

    ``judge`` and ``from_trace`` may be left out.
    """

    simulator: str
    scenarios: str
    predecessor: str
    demo_state: str
    judge: str | None = None
    from_trace: str | None = None

    def targets(self) -> dict[str, str]:
        """What is named, by part."""
        return self.model_dump(exclude_none=True)


class UserSection(Section):
    """``[environment.user]``: the model that plays the user of scenarios with a persona.

    ``place`` is an OpenAI-compatible server's address, or the folder of a checkpoint; ``seconds`` is the
    deadline of one line.
    """

    model: Name
    place: str = Field(min_length=1)
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=120, ge=1)
    seconds: float = Field(default=60.0, gt=0, le=600)


class EnvironmentSection(Part):
    """``[environment]``: the kind of world that episodes happen in, and ``[environment.settings.<kind>]``.

    A kind checks its own settings when it is opened.
    """

    kind: Name = "http"
    settings: dict[Name, Json] = Field(default_factory=dict)
    user: UserSection | None = None

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Self:
        """``[environment]`` of a build's settings; InputError where it is malformed."""
        try:
            return cls.model_validate(settings.get("environment", {}))
        except ValueError as error:
            raise InputError(f"[environment] in build.toml: {error}") from error

    def settings_of(self, kind: str) -> Json:
        """``[environment.settings.<kind>]``, empty where it is left out."""
        return self.settings.get(kind, {})


class TrafficSection(Section):
    """``[first_traffic]``: how many episodes the predecessor plays, spread over how many past days."""

    episodes: int = Field(ge=1)
    days: int = Field(ge=1)
    seed: Count = 0


class RolloutSection(Section):
    """``[rollouts]``: how many episodes, how many of each scenario, how warm, how many at once.

    ``max_tokens`` is the longest that an action may be, ``max_steps`` how many of them a turn may take, and the
    deadlines are in seconds: of a tool call, a model call, an episode, all episodes of a model. All of these hold
    in evaluations too.
    """

    episodes: int = Field(ge=1)
    samples: int = Field(ge=1)
    temperature: float = Field(gt=0, le=2)
    concurrency: int = Field(ge=1)
    max_tokens: int = Field(default=160, ge=1)
    max_steps: int = Field(default=12, ge=1)
    tool_seconds: float = Field(default=10.0, gt=0, le=MAX_SECONDS)
    step_seconds: float = Field(default=600.0, gt=0, le=MAX_SECONDS)
    episode_seconds: float = Field(default=900.0, gt=0, le=MAX_SECONDS)
    batch_seconds: float = Field(default=1800.0, gt=0, le=MAX_SECONDS)

    @classmethod
    def read(cls, settings: Mapping[str, Any], build: str) -> Self:
        """``[rollouts]`` of a build's settings; InputError where it is malformed."""
        try:
            return cls.model_validate(settings.get("rollouts"))
        except ValueError as error:
            raise InputError(
                f"[rollouts] in the settings of build {build!r}: {error}. "
                "Mend it in the recipe's build.toml and order a new build."
            ) from error

    @model_validator(mode="after")
    def _check_share(self) -> Self:
        if self.samples > self.episodes:
            raise ValueError(
                f"samples = {self.samples} of each scenario are more than the episodes = {self.episodes} in all: "
                "no scenario would be played"
            )
        return self


class ReturnSection(Section):
    """``[return_traces]``: today's partition is told of new traces at this count or this age."""

    count: int = Field(ge=1)
    age_seconds: float = Field(ge=0)


class PriceSection(Section):
    """``[prices]``: what a core-hour and a million tokens cost."""

    currency: str = Field(pattern="^[A-Z]{3}$")
    cpu_core_hour: float = Field(ge=0)
    prompt_million_tokens: float = Field(ge=0)
    completion_million_tokens: float = Field(ge=0)


class RuntimeSection(Section):
    """``[runtime]``: where a live agent's tools answer; without an address, the recipe's simulator does."""

    tools_url: str | None = Field(default=None, pattern="^https?://")


class DemoSection(Section):
    """``[demo]``: what the round says to a freshly deployed agent, in the world of ``demo_state``."""

    messages: tuple[str, ...] = Field(min_length=1, max_length=10)


class PrivacySection(Section):
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


class TrainingSection(Section):
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
    environment: EnvironmentSection = EnvironmentSection()
    data: Annotated[Filters, PlainSerializer(_dump_set)] = Filters()
    runtime: RuntimeSection = RuntimeSection()
    privacy: PrivacySection = PrivacySection()

    @field_validator("data")
    @classmethod
    def _check_rows(cls, data: Filters, info: ValidationInfo) -> Filters:
        build: BuildSection | None = info.data.get("build")
        if build is not None and data.max_rows is not None and data.max_rows < build.min_rows:
            raise ValueError(f"max_rows = {data.max_rows} is less than the build's min_rows = {build.min_rows}")
        return data


class GateFile(GateSpec):
    """``gate.toml``: its levels are those that scenarios have."""

    @field_validator("min_level_success")
    @classmethod
    def _check_levels(cls, bounds: dict[str, float]) -> dict[str, float]:
        for level, bound in bounds.items():
            if level not in LEVELS:
                raise ValueError(f"there is no level {level!r}: scenarios have {', '.join(LEVELS)}")
            if not 0 <= bound <= 1:
                raise ValueError(f"{level} = {bound} is no share: expected 0 to 1")
        return bounds
