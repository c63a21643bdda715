from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest

from agent_factory.contracts import ModelManifest
from agent_factory.core.error import NotFoundError
from agent_factory.training import registry
from agent_factory.training.input import collect_inputs
from agent_factory.training.registry import move_champion, open_client, register_model

# MLflow's own queries under SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Where MLflow keeps artifacts that no server takes."""
    monkeypatch.setattr(registry, "get_settings", lambda: SimpleNamespace(home=tmp_path))


@pytest.fixture
def folder(tmp_path):
    """A model's folder."""
    folder = tmp_path / "artifacts" / "builds" / "B1" / "models" / "policy"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def make_manifest(build, number, stage="policy", project="default"):
    return ModelManifest(
        id=f"M{number}",
        project=project,
        created_at=build.created_at,
        stage=stage,
        recipe=build.recipe,
        build=build.id,
        parent=None,
        path=f"builds/B1/models/{stage}",
        digest=f"digest-{number}",
        parameters=7,
        metrics={"loss": 0.25, "seconds": 3.0},
        settings={"steps": 6, "key": "k"},
    )


def test_a_model_has_one_run_one_version_and_aliases_move(url, store, artifacts, build, folder):
    inputs = collect_inputs(store, artifacts, build, "pretrain")
    client = open_client(url)
    first = register_model(url, build, make_manifest(build, 1), inputs, folder)
    again = register_model(url, build, make_manifest(build, 1), inputs, folder)
    assert (first.mlflow_run_id, first.mlflow_version) == (again.mlflow_run_id, again.mlflow_version)
    assert first.mlflow_version == "1"
    run = client.get_run(first.mlflow_run_id)
    assert run.data.metrics["loss"] == 0.25
    assert run.data.params["steps"] == "6"
    assert run.data.tags["data.projects/default/days/2026-11-20/clean_events.parquet"] == inputs.files[0].digest
    version = client.get_model_version_by_alias("desk", "candidate")
    assert (str(version.version), version.tags["build"], version.tags["digest"]) == ("1", "B1", "digest-1")

    second = register_model(url, build, make_manifest(build, 2), inputs, folder)
    assert str(client.get_model_version_by_alias("desk", "candidate").version) == second.mlflow_version == "2"
    register_model(url, build, make_manifest(build, 3, "sft"), inputs, folder)
    assert str(client.get_model_version_by_alias("desk", "candidate").version) == "2"

    for manifest in (first, second, second):
        move_champion(manifest, url)
    assert str(client.get_model_version_by_alias("desk", "champion").version) == "2"
    assert str(client.get_model_version_by_alias("desk", "previous").version) == "1"
    with pytest.raises(NotFoundError, match="no version of model 'M9'"):
        move_champion(make_manifest(build, 9), url)


def test_the_promotion_of_one_project_leaves_the_champion_of_another(url, store, artifacts, build, folder):
    inputs = collect_inputs(store, artifacts, build, "pretrain")
    client = open_client(url)
    theirs = build.model_copy(update={"id": "S1", "project": "shop"})
    own = register_model(url, build, make_manifest(build, 11), inputs, folder)
    move_champion(own, url)
    other = register_model(url, theirs, make_manifest(theirs, 12, project="shop"), inputs, folder)
    move_champion(other, url)

    assert client.get_model_version_by_alias("desk", "champion").tags["model"] == "M11"
    assert client.get_model_version_by_alias("shop~desk", "champion").tags["model"] == "M12"
    assert client.get_model_version_by_alias("shop~desk", "candidate").tags["model"] == "M12"
    assert (
        client.get_run(other.mlflow_run_id).info.experiment_id != client.get_run(own.mlflow_run_id).info.experiment_id
    )


@pytest.fixture
def fresh_url(tmp_path, monkeypatch):
    """A registry of its own, which MLflow's fluent client asks too."""
    url = f"sqlite:///{tmp_path / 'mlflow.db'}"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(url)
    yield url
    mlflow.set_tracking_uri(before)


def test_mlflow_hands_out_the_files_of_a_version(fresh_url, store, artifacts, build, folder):
    inputs = collect_inputs(store, artifacts, build, "pretrain")
    move_champion(register_model(fresh_url, build, make_manifest(build, 1), inputs, folder), fresh_url)
    (folder / "config.json").write_text('{"made": "again"}')  # no copy that could stay behind
    for name in ("models:/desk@champion", "models:/desk/1"):
        found = Path(mlflow.artifacts.download_artifacts(name))
        assert (found / "config.json").read_text() == '{"made": "again"}'
    run = open_client(fresh_url).search_runs(["1"])[0]
    assert [file.path for file in open_client(fresh_url).list_artifacts(run.info.run_id)] == ["config.json"]


def test_where_mlflow_keeps_artifacts_elsewhere_the_files_are_sent(
    fresh_url, store, artifacts, build, folder, monkeypatch
):
    monkeypatch.setattr("mlflow.utils.uri.is_local_uri", lambda uri, *_, **__: False)
    register_model(
        fresh_url, build, make_manifest(build, 1), collect_inputs(store, artifacts, build, "pretrain"), folder
    )
    found = Path(mlflow.artifacts.download_artifacts("models:/desk/1"))
    assert (found / "config.json").read_text() == "{}"
    assert not found.is_symlink()
