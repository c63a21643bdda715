"""Models and their runs in MLflow: one experiment and one registered model a recipe and project, one version a model.

The store's manifest is the record; MLflow is where people compare runs and see which model serves.
A version's files are the artifacts of its run: a link to the model's folder where MLflow keeps its artifacts
on this machine, else a copy. Registering is idempotent by the model's build, stage and digest.
Aliases: ``candidate`` is the newest policy, ``champion`` the one that serves, ``previous`` the one before it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.core.error import NotFoundError, StorageError
from agent_factory.core.settings import get_settings
from agent_factory.training.input import StageInputs

if TYPE_CHECKING:
    from mlflow import MlflowClient

_FILES = "model"
CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"


def name_of(manifest: ModelManifest) -> str:
    """Experiment and registered model of a manifest: its recipe's, with the project before it unless it is the default.

    ``~`` is in no project's name, so that no two share one; MLflow allows it where it forbids ``/`` and ``:``.
    """
    recipe = manifest.recipe
    return recipe if manifest.project == DEFAULT_PROJECT else f"{manifest.project}~{recipe}"


def open_client(url: str) -> MlflowClient:
    """MLflow's client for a tracking server or database."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=url, registry_uri=url)


def register_model(
    url: str, build: BuildSpec, manifest: ModelManifest, inputs: StageInputs, folder: Path
) -> ModelManifest:
    """The manifest with its run and version in MLflow, made now unless they were made before.

    ``folder`` holds the model.
    """
    from mlflow.exceptions import MlflowException

    try:
        client = open_client(url)
        run_id = _find_run(client, manifest) or _record_run(client, build, manifest, inputs, url)
        version = _find_version(client, manifest) or _create_version(client, manifest, run_id, folder)
        if manifest.stage == "policy":
            client.set_registered_model_alias(name_of(manifest), CANDIDATE, version)
    except (MlflowException, OSError) as error:
        raise StorageError(
            f"MLflow at {url!r} refused model {manifest.id!r}: {error}. "
            "Check that it runs; the model is trained and is registered when the stage runs again."
        ) from error
    return manifest.model_copy(update={"mlflow_run_id": run_id, "mlflow_version": version})


def move_champion(manifest: ModelManifest, url: str | None = None) -> None:
    """Make this model the champion and the one before it ``previous``; does nothing where it is already."""
    from mlflow.exceptions import MlflowException

    client = open_client(url or get_settings().mlflow_url)
    try:
        version = _find_version(client, manifest)
        if version is None:
            raise NotFoundError(f"MLflow has no version of model {manifest.id!r} (build {manifest.build!r})")
        aliases: dict[str, Any] = client.get_registered_model(name_of(manifest)).aliases
        serving = aliases.get(CHAMPION)
        if str(serving) == version:
            return
        if serving is not None:
            client.set_registered_model_alias(name_of(manifest), PREVIOUS, str(serving))
        client.set_registered_model_alias(name_of(manifest), CHAMPION, version)
    except MlflowException as error:
        raise StorageError(f"MLflow could not make model {manifest.id!r} the champion: {error}") from error


def _identity(manifest: ModelManifest) -> dict[str, str]:
    return {"build": manifest.build, "stage": manifest.stage, "digest": manifest.digest}


def _where(manifest: ModelManifest) -> str:
    return " and ".join(f"tags.{name} = '{value}'" for name, value in _identity(manifest).items())


def _find_run(client: MlflowClient, manifest: ModelManifest) -> str | None:
    experiment = client.get_experiment_by_name(name_of(manifest))
    if experiment is None:
        return None
    runs = client.search_runs([experiment.experiment_id], f"{_where(manifest)} and status = 'FINISHED'", max_results=1)
    return str(runs[0].info.run_id) if runs else None


def _open_experiment(client: MlflowClient, name: str, url: str) -> str:
    """The id of the experiment, made now where it is not there."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    # A server says itself where it keeps artifacts; a bare database would have them in the working directory.
    place = None if url.startswith("http") else str(get_settings().home / "mlflow" / name)
    return str(client.create_experiment(name, artifact_location=place))


def _record_run(client: MlflowClient, build: BuildSpec, manifest: ModelManifest, inputs: StageInputs, url: str) -> str:
    from mlflow.entities import Metric, Param, RunTag

    tags = {
        **_identity(manifest),
        "model": manifest.id,
        "parent": manifest.parent or "none",
        "project": manifest.project,
        "recipe_digest": build.recipe_digest,
        **{f"data.{name}": digest for name, digest in inputs.sources()},
    }
    seconds = float(manifest.metrics.get("seconds", 0.0))
    ended = int(manifest.created_at.timestamp() * 1000)
    run = client.create_run(
        _open_experiment(client, name_of(manifest), url),
        start_time=ended - int(seconds * 1000),
        run_name=f"{manifest.build}.{manifest.stage}",
    )
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(name, value, ended, 0) for name, value in manifest.metrics.items()],
        params=[Param(name, str(value)) for name, value in manifest.settings.items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    client.set_terminated(run.info.run_id, end_time=ended)
    return str(run.info.run_id)


def _find_version(client: MlflowClient, manifest: ModelManifest) -> str | None:
    for version in client.search_model_versions(f"name = '{name_of(manifest)}' and tags.digest = '{manifest.digest}'"):
        if {key: version.tags.get(key) for key in ("build", "stage")} == {
            "build": manifest.build,
            "stage": manifest.stage,
        }:
            return str(version.version)
    return None


def _create_version(client: MlflowClient, manifest: ModelManifest, run_id: str, folder: Path) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name_of(manifest))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        name_of(manifest),
        source=_hold_files(client, run_id, folder),
        run_id=run_id,
        tags={**_identity(manifest), "model": manifest.id, "parent": manifest.parent or "none"},
        description=f"{manifest.id}, the {manifest.stage} model of build {manifest.build}",
    )
    return str(version.version)


def _hold_files(client: MlflowClient, run_id: str, folder: Path) -> str:
    """Make the model the artifacts of its run; the URI of its files.

    A server takes a local path as a version's source only where it is within the artifacts of its run: these are
    made a link to the folder.
    """
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    kept = str(client.get_run(run_id).info.artifact_uri)
    if not is_local_uri(kept):
        client.log_artifacts(run_id, str(folder), _FILES)
        return f"runs:/{run_id}/{_FILES}"
    link = Path(local_file_uri_to_path(kept))
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder.resolve(), target_is_directory=True)
    return folder.resolve().as_uri()
