"""The manifest of a model: M0, M1, … with its parent, its files and what it was trained on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent_factory.contracts.record import Count, Json, Name, Record

ModelStage = Literal["base", "sft", "reward", "policy"]


class ModelManifest(Record):
    """A checkpoint: ``id`` is ``M<number>``, ``path`` a folder of safetensors, ``digest`` over its files.

    ``scorer`` is the reward model that ranked what it learned from.
    """

    stage: ModelStage
    recipe: Name
    build: Name
    parent: Name | None = None
    scorer: Name | None = None
    path: str
    digest: str
    parameters: Count
    dataset_ids: tuple[str, ...] = ()
    dataset_digests: tuple[str, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    settings: Json = Field(default_factory=dict)
    mlflow_version: str | None = None
    mlflow_run_id: str | None = None
