"""What a stage of a build is made of: settings and inputs, and the key that says whether they changed.

Invariant: the same key gives the same model; a model whose key is known is not trained again.
"""

from __future__ import annotations

from typing import NamedTuple

from agent_factory.contracts.build import BuildSpec, StageKind
from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.model import ModelManifest, ModelStage
from agent_factory.contracts.reward import RewardConfig
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.training.setting import MODEL_STAGES, SETTINGS, FitSettings, NanoSettings, read_nano, read_settings
from agent_factory.training.source import Source, find_clean_days, find_dataset, find_rollouts

CODE_VERSION = "1"


class StageInputs(NamedTuple):
    """Everything that decides what the stage's model will be."""

    kind: StageKind
    settings: FitSettings
    nano: NanoSettings
    seed: int
    parent: ModelManifest | None
    scorer: ModelManifest | None
    dataset: DatasetManifest | None
    files: tuple[Source, ...]
    mix: RewardConfig | None
    key: str

    @property
    def stage(self) -> ModelStage:
        """The stage of the model that comes out."""
        return MODEL_STAGES[self.kind]

    def sources(self) -> list[tuple[str, str]]:
        """Name and digest of all data that the model learns from."""
        data = [] if self.dataset is None else [(self.dataset.id, self.dataset.digest)]
        return [*data, *((file.name, file.digest) for file in self.files)]


def collect_inputs(store: Store, artifacts: Artifacts, build: BuildSpec, kind: StageKind) -> StageInputs:
    """The inputs of a stage; an error names the first one that is missing, and the asset that makes it."""
    try:
        stage = build.stage(kind)
    except KeyError as error:
        raise InputError(f"{error.args[0]}. Add a [[training.stage]] to build.toml and order again.") from None
    settings = read_settings(SETTINGS[kind], stage.parameters, f"stage {kind!r} of build {build.id!r}")
    parent = scorer = dataset = mix = None
    files: list[Source] = []
    if kind == "pretrain":
        files = find_clean_days(artifacts, build) if build.base_model == "nano" else []
    elif kind == "sft":
        parent, dataset = find_model(store, build, "base"), find_dataset(store, build, "sft")
    elif kind == "reward":
        parent, dataset = find_model(store, build, "sft"), find_dataset(store, build, "preference")
        files = find_rollouts(artifacts, build)
    else:
        parent, scorer = find_model(store, build, "sft"), find_model(store, build, "reward")
        dataset, files, mix = find_dataset(store, build, "sft"), find_rollouts(artifacts, build), read_mix(store, build)
        if not files:
            raise NotFoundError(f"build {build.id!r} has no rollouts; materialize environment/rollouts first")
    nano = read_nano(build)
    return StageInputs(
        kind=kind,
        settings=settings,
        nano=nano,
        seed=build.seed,
        parent=parent,
        scorer=scorer,
        dataset=dataset,
        files=tuple(files),
        mix=mix,
        key=digest_json(
            {
                "code": CODE_VERSION,
                "kind": kind,
                "settings": settings.model_dump(),
                "nano": nano.model_dump(),
                "base_model": build.base_model,
                "seed": build.seed,
                "models": [model.digest for model in (parent, scorer) if model is not None],
                "dataset": None if dataset is None else dataset.digest,
                "files": [file.digest for file in files],
                "mix": None if mix is None else mix.model_dump(mode="json", exclude={"created_at"}),
            }
        ),
    )


def find_model(store: Store, build: BuildSpec, stage: ModelStage) -> ModelManifest:
    """The build's newest model of that stage; NotFoundError names the asset that makes it."""
    for manifest in store.find(ModelManifest, project=build.project, build=build.id, newest_first=True):
        if manifest.stage == stage:
            return manifest
    raise NotFoundError(f"build {build.id!r} has no {stage} model; materialize training/{stage}_model first")


def read_mix(store: Store, build: BuildSpec) -> RewardConfig:
    """The build's reward mix, or the one that a build has that was told none."""
    told = store.peek(RewardConfig, build.id)
    return told or RewardConfig(id=build.id, project=build.project, created_at=build.created_at, build=build.id)
