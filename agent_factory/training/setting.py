"""The settings of each training stage, with defaults, checked before anything is loaded.

Light on purpose: the API and the CLI check an order's parameters with the same classes.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from agent_factory.contracts.build import BuildSpec, StageKind
from agent_factory.contracts.model import ModelStage
from agent_factory.contracts.record import Part
from agent_factory.core.error import InputError

MODEL_STAGES: dict[StageKind, ModelStage] = {"pretrain": "base", "sft": "sft", "reward": "reward", "rft": "policy"}


class NanoSettings(Part):
    """The shape of the nano model, ``[nano]`` in build.toml."""

    vocabulary: int = Field(default=768, ge=300, le=65_536)
    hidden: int = Field(default=128, ge=16)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    intermediate: int = Field(default=384, ge=16)
    context: int = Field(default=512, ge=64)


class FitSettings(Part):
    """How long and how fast a stage learns; ``save_steps`` apart, two steps of a killed worker are the same.

    With ``optimizer = "muon"`` the matrices of the layers learn at ``matrix_learning_rate`` by Muon.
    """

    steps: int = Field(ge=1)
    batch: int = Field(default=32, ge=1)
    learning_rate: float = Field(gt=0)
    optimizer: Literal["adamw", "muon"] = "adamw"
    matrix_learning_rate: float = Field(default=0.02, gt=0)
    warmup_share: float = Field(default=0.05, ge=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    max_gradient: float = Field(default=1.0, gt=0)
    save_steps: int = Field(default=50, ge=1)


class PretrainSettings(FitSettings):
    """M0: language modelling over all that was said, by whomever, in all clean traces."""

    steps: int = Field(default=200, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)


class SftSettings(FitSettings):
    """M1: the assistant's words in the curated dataset."""

    steps: int = Field(default=160, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)


class RewardSettings(FitSettings):
    """The reward model: pairs from the preference dataset and from rollouts of one scenario."""

    steps: int = Field(default=60, ge=1)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    held_out_share: float = Field(default=0.1, gt=0, lt=1)
    pairs_per_scenario: int = Field(default=2, ge=1)
    max_pairs: int = Field(default=2_000, ge=10)


class RftSettings(FitSettings):
    """The policy: graded successes of its own rollouts, ``keep`` per scenario, balanced over kinds.

    ``anchor_share`` of every batch are rows of the SFT dataset, so that nothing learned is lost.
    """

    steps: int = Field(default=120, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    keep: int = Field(default=2, ge=1)
    anchor_share: float = Field(default=0.2, ge=0, lt=1)
    balance: float = Field(default=0.5, ge=0, le=1)


SETTINGS: dict[StageKind, type[FitSettings]] = {
    "pretrain": PretrainSettings,
    "sft": SftSettings,
    "reward": RewardSettings,
    "rft": RftSettings,
}
SettingsT = TypeVar("SettingsT", bound=Part)


def check_stages(build: BuildSpec) -> None:
    """Raise InputError at the first stage parameter that no settings class knows or allows."""
    for stage in build.stages:
        read_settings(SETTINGS[stage.kind], stage.parameters, f"stage {stage.kind!r} of build {build.id!r}")
    read_nano(build)


def read_nano(build: BuildSpec) -> NanoSettings:
    """The nano model's shape in the build's settings."""
    return read_settings(NanoSettings, build.settings.get("nano", {}), f"[nano] of build {build.id!r}")


def read_settings(kind: type[SettingsT], values: Any, where: str) -> SettingsT:
    """Settings of that kind; InputError says which value is wrong and where."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors())
        known = ", ".join(kind.model_fields)
        raise InputError(
            f"{where} is wrong: {found}. It may have: {known}. Mend build.toml and order again."
        ) from error
