"""The settings of each training stage, with defaults, checked before anything is loaded.

Light on purpose: the API and the CLI check an order's parameters with the same classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from agent_factory.contracts.build import BuildSpec, StageKind
from agent_factory.contracts.model import ModelStage
from agent_factory.contracts.record import Part
from agent_factory.core.buildfile import Section
from agent_factory.core.error import FactoryError, InputError
from agent_factory.core.override import explain
from agent_factory.gateway.checkpoint import REMEDY, verify_checkpoint

MODEL_STAGES: dict[StageKind, ModelStage] = {"pretrain": "base", "sft": "sft", "reward": "reward", "rft": "policy"}


class NanoSettings(Section):
    """The shape of the nano model, ``[nano]`` in build.toml."""

    vocabulary: int = Field(default=768, ge=300, le=65_536)
    hidden: int = Field(default=128, ge=16)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    intermediate: int = Field(default=384, ge=16)
    context: int = Field(default=512, ge=64)

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        # Positions are told by rotating pairs of numbers: a head is of even width.
        if self.hidden % (2 * self.heads):
            raise ValueError(
                f"hidden = {self.hidden} cannot be shared out to heads = {self.heads}: "
                f"expected a multiple of {2 * self.heads}"
            )
        return self


class FitSettings(Section):
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


def check_build(build: BuildSpec, overrides: Mapping[str, Any] | None = None) -> None:
    """Raise InputError at what a training stage would stumble over: stages, parameters, base model.

    ``overrides`` are those that the build was ordered with, so that what they set is told as theirs.
    """
    told = overrides or {}
    for stage in build.stages:
        where = f"stage {stage.kind!r} of build {build.id!r}"
        read_settings(SETTINGS[stage.kind], stage.parameters, where, told, "training", stage.kind)
    read_settings(NanoSettings, build.settings.get("nano", {}), f"[nano] of build {build.id!r}", told, "nano")
    _check_kinds(build)
    if build.base_model != "nano":
        _check_base(build)


def _check_kinds(build: BuildSpec) -> None:
    kinds = [stage.kind for stage in build.stages]
    double = sorted({kind for kind in kinds if kinds.count(kind) > 1})
    if build.lacking() or double:
        found = f"lacks the training stages {build.lacking()}" if build.lacking() else f"has {double} more than once"
        raise InputError(f"build {build.id!r} {found}: each is needed once. Mend [[training.stage]] in build.toml.")


def _check_base(build: BuildSpec) -> None:
    folder = Path(build.base_model)
    try:
        if not folder.is_absolute():
            raise InputError("the path is relative, and the worker that reads it stands elsewhere")
        verify_checkpoint(folder)
    except FactoryError as error:
        why = str(error).removesuffix(REMEDY).strip()
        raise InputError(
            f"base_model = {build.base_model!r} of build {build.id!r}: {why}. Expected 'nano', or the whole path of a "
            "folder with a causal language model in safetensors. Mend [build] base_model and order again."
        ) from error


def read_nano(build: BuildSpec) -> NanoSettings:
    """The nano model's shape in the build's settings."""
    return read_settings(NanoSettings, build.settings.get("nano", {}), f"[nano] of build {build.id!r}")


def read_settings(
    kind: type[SettingsT], values: Any, where: str, overrides: Mapping[str, Any] | None = None, *section: str
) -> SettingsT:
    """Settings of that kind; InputError says which value is wrong, and whether ``overrides`` set it in ``section``."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise explain(where, error, overrides, *section, known=kind.model_fields) from error
