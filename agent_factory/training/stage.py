"""A stage of a build: inputs checked, a model trained, its folder put in place, its manifest recorded.

Invariants: a folder under ``builds/<build>/models`` is whole and never changes; a stage whose inputs
did not change is not trained again; a worker that was killed at any moment is gone on from. The folder
holds what the model is and nothing else: what was measured on the way, times too, stands beside it, so
that the same model has the same digest however long it took.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from agent_factory.contracts.build import BuildSpec, StageKind
from agent_factory.contracts.model import ModelManifest
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_folder
from agent_factory.core.error import ModelError, StorageError, is_unwritable
from agent_factory.core.progress import Progress
from agent_factory.core.settings import get_settings
from agent_factory.core.store import Store
from agent_factory.gateway.checkpoint import REMEDY, verify_checkpoint
from agent_factory.training.input import StageInputs, collect_inputs
from agent_factory.training.lock import hold_lock


def run_stage(
    store: Store, artifacts: Artifacts, build: BuildSpec, kind: StageKind, progress: Progress
) -> ModelManifest:
    """The manifest of the stage's model, trained now unless these inputs have given it already.

    A model whose folder is gone is trained again where it was; if it comes out the same, it keeps its number.
    """
    inputs = collect_inputs(store, artifacts, build, kind)
    models = artifacts.local(f"builds/{build.id}/models")
    with hold_lock(models / ".work" / f"{inputs.stage}.lock", f"stage {kind!r} of build {build.id!r}"):
        known = find_known(store, build, inputs)
        if known is not None and artifacts.exists(known.path):
            verify_checkpoint(artifacts.local(known.path), known.digest)
            return known
        progress.update()
        for model in (inputs.parent, inputs.scorer):
            if model is not None:
                verify_checkpoint(artifacts.local(model.path), model.digest)
        path = place_of(artifacts, build, inputs) if known is None else known.path
        if not artifacts.exists(path):
            _train_into(store, artifacts, build, inputs, artifacts.local(path), progress)
        if known is None or digest_folder(artifacts.local(path)) != known.digest:
            known = _record(store, build, inputs, path, artifacts.local(path))
        shutil.rmtree(models / ".work" / f"{inputs.stage}-{inputs.key[:8]}", ignore_errors=True)
        return known


def find_known(store: Store, build: BuildSpec, inputs: StageInputs) -> ModelManifest | None:
    """The newest model of the stage, if it is the one that the same inputs gave; its folder may be gone."""
    for manifest in store.find(ModelManifest, project=build.project, build=build.id, newest_first=True):
        if manifest.stage == inputs.stage:
            return manifest if manifest.settings.get("key") == inputs.key else None
    return None


def _record(store: Store, build: BuildSpec, inputs: StageInputs, path: str, folder: Path) -> ModelManifest:
    """The manifest of a new model, in MLflow and in the store."""
    from agent_factory.training.registry import register_model

    manifest = _to_manifest(store, build, inputs, path, folder)
    manifest = register_model(get_settings().mlflow_url, build, manifest, inputs, folder)
    store.put(manifest)
    return manifest


def place_of(artifacts: Artifacts, build: BuildSpec, inputs: StageInputs) -> str:
    """Where the model goes: ``<stage>``, or ``<stage>-<key>`` where another model stands there."""
    plain = f"builds/{build.id}/models/{inputs.stage}"
    if not artifacts.exists(plain) or _read_card(artifacts.local(plain))["key"] == inputs.key:
        return plain
    return f"{plain}-{inputs.key[:8]}"


def _train_into(
    store: Store, artifacts: Artifacts, build: BuildSpec, inputs: StageInputs, folder: Path, progress: Progress
) -> None:
    work = folder.parent / ".work" / f"{inputs.stage}-{inputs.key[:8]}"
    work.mkdir(parents=True, exist_ok=True)
    started = clock.now()
    temporary = work / "model"
    try:
        model, tokenizer, measured = _train(store, artifacts, build, inputs, work, progress)
        measured["seconds"] = progress.earlier_seconds + (clock.now() - started).total_seconds()
        shutil.rmtree(temporary, ignore_errors=True)
        model.save_pretrained(temporary, safe_serialization=True)
        tokenizer.save_pretrained(temporary)
        card = {"key": inputs.key, "parameters": model.num_parameters(), "metrics": measured}
        _card_of(folder).write_text(json.dumps(card, indent=1))
        temporary.rename(folder)
    except Exception as error:
        if not is_unwritable(error):
            raise
        raise StorageError(
            f"the model or a checkpoint of it could not be written under {str(folder.parent)!r}: {error}. "
            "Check that the disk has room, then run the stage again; it goes on from its last checkpoint."
        ) from error


def _train(
    store: Store, artifacts: Artifacts, build: BuildSpec, inputs: StageInputs, work: Path, progress: Progress
) -> tuple[Any, Any, dict[str, float]]:
    """Model, tokenizer and measures of the stage. The trainers are imported here: they are heavy."""
    from agent_factory.training import job

    job.quiet_libraries()
    if inputs.kind == "pretrain":
        return job.pretrain_base(artifacts, build, inputs, work, progress)
    if inputs.kind == "sft":
        return job.train_sft_model(artifacts, build, inputs, work, progress)
    if inputs.kind == "reward":
        return job.train_reward_model(artifacts, build, inputs, work, progress)
    return job.train_policy(store, artifacts, build, inputs, work, progress)


def _card_of(folder: Path) -> Path:
    """Where it stands what a model was made from and what was measured on the way."""
    inside = folder / "training.json"  # before it stood beside the folder
    return inside if inside.exists() else folder.with_name(f"{folder.name}.json")


def _read_card(folder: Path) -> dict[str, Any]:
    card = _card_of(folder)
    try:
        return json.loads(card.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"the model at {str(folder)!r} has no readable {card.name}: {error}. {REMEDY}") from error


def _to_manifest(store: Store, build: BuildSpec, inputs: StageInputs, path: str, folder: Path) -> ModelManifest:
    verify_checkpoint(folder)
    card = _read_card(folder)
    sources = inputs.sources()
    return ModelManifest(
        id=f"M{store.next_number('M')}",
        project=build.project,
        created_at=clock.now(),
        stage=inputs.stage,
        recipe=build.recipe,
        build=build.id,
        parent=None if inputs.parent is None else inputs.parent.id,
        scorer=None if inputs.scorer is None else inputs.scorer.id,
        path=path,
        digest=digest_folder(folder),
        parameters=card["parameters"],
        dataset_ids=tuple(name for name, _ in sources),
        dataset_digests=tuple(digest for _, digest in sources),
        metrics=card["metrics"],
        settings={"key": inputs.key, "kind": inputs.kind, **inputs.settings.model_dump(mode="json")},
    )
