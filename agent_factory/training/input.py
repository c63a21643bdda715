"""What a stage of a build is made of: settings and inputs, and the key that says whether they changed.

Invariant: the same key gives the same model; a model whose key is known is not trained again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
    parent, scorer, dataset, mix, files = _gather(store, artifacts, build, kind)
    nano = read_nano(build)
    return StageInputs(
        kind=kind,
        settings=settings,
        nano=nano,
        seed=build.seed,
        parent=parent,
        scorer=scorer,
        dataset=dataset,
        files=files,
        mix=mix,
        key=make_key(
            build,
            {
                "kind": kind,
                "settings": settings.model_dump(),
                "nano": nano.model_dump(),
                "models": [model.digest for model in (parent, scorer) if model is not None],
                "dataset": None if dataset is None else dataset.digest,
                "files": [file.digest for file in files],
                "mix": None if mix is None else mix.model_dump(mode="json", exclude={"created_at"}),
            },
        ),
    )


def _gather(
    store: Store, artifacts: Artifacts, build: BuildSpec, kind: StageKind
) -> tuple[
    ModelManifest | None,
    ModelManifest | None,
    DatasetManifest | None,
    RewardConfig | None,
    tuple[Source, ...],
]:
    """Parent, scorer, dataset, reward mix and files of a stage: those that this kind has."""
    if kind == "pretrain":
        files = find_clean_days(artifacts, build) if build.base_model == "nano" else []
        return None, None, None, None, tuple(files)
    if kind == "sft":
        return find_model(store, build, "base"), None, find_dataset(store, build, "sft"), None, ()
    parent = find_model(store, build, "sft")
    files = tuple(find_rollouts(artifacts, parent))
    if kind == "reward":
        return parent, None, find_dataset(store, build, "preference"), None, files
    scorer = find_model(store, build, "reward")
    if not files:
        raise NotFoundError(
            f"build {build.id!r} has no rollouts of {parent.id!r}; materialize environment/rollouts first"
        )
    return parent, scorer, find_dataset(store, build, "sft"), read_mix(store, build), files


def make_key(build: BuildSpec, made_of: dict[str, Any]) -> str:
    """A digest over all that decides what the stage's model will be."""
    return digest_json({"code": CODE_VERSION, "base_model": build.base_model, "seed": build.seed, **made_of})


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
