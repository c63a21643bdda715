import pytest

from agent_factory.contracts import ModelManifest
from agent_factory.core.error import NotFoundError
from agent_factory.training.input import collect_inputs
from agent_factory.training.registry import move_champion, open_client, register_model

# MLflow's own queries under SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


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


def test_a_model_has_one_run_one_version_and_aliases_move(url, store, artifacts, build):
    inputs = collect_inputs(store, artifacts, build, "pretrain")
    client = open_client(url)
    first = register_model(url, build, make_manifest(build, 1), inputs)
    again = register_model(url, build, make_manifest(build, 1), inputs)
    assert (first.mlflow_run_id, first.mlflow_version) == (again.mlflow_run_id, again.mlflow_version)
    assert first.mlflow_version == "1"
    run = client.get_run(first.mlflow_run_id)
    assert run.data.metrics["loss"] == 0.25
    assert run.data.params["steps"] == "6"
    assert run.data.tags["data.projects/default/days/2026-11-20/clean_events.parquet"] == inputs.files[0].digest
    version = client.get_model_version_by_alias("desk", "candidate")
    assert (str(version.version), version.tags["build"], version.tags["digest"]) == ("1", "B1", "digest-1")

    second = register_model(url, build, make_manifest(build, 2), inputs)
    assert str(client.get_model_version_by_alias("desk", "candidate").version) == second.mlflow_version == "2"
    register_model(url, build, make_manifest(build, 3, "sft"), inputs)
    assert str(client.get_model_version_by_alias("desk", "candidate").version) == "2"

    for manifest in (first, second, second):
        move_champion(manifest, url)
    assert str(client.get_model_version_by_alias("desk", "champion").version) == "2"
    assert str(client.get_model_version_by_alias("desk", "previous").version) == "1"
    with pytest.raises(NotFoundError, match="no version of model 'M9'"):
        move_champion(make_manifest(build, 9), url)


def test_the_promotion_of_one_project_leaves_the_champion_of_another(url, store, artifacts, build):
    inputs = collect_inputs(store, artifacts, build, "pretrain")
    client = open_client(url)
    theirs = build.model_copy(update={"id": "S1", "project": "shop"})
    own = register_model(url, build, make_manifest(build, 11), inputs)
    move_champion(own, url)
    other = register_model(url, theirs, make_manifest(theirs, 12, project="shop"), inputs)
    move_champion(other, url)

    assert client.get_model_version_by_alias("desk", "champion").tags["model"] == "M11"
    assert client.get_model_version_by_alias("shop~desk", "champion").tags["model"] == "M12"
    assert client.get_model_version_by_alias("shop~desk", "candidate").tags["model"] == "M12"
    assert (
        client.get_run(other.mlflow_run_id).info.experiment_id != client.get_run(own.mlflow_run_id).info.experiment_id
    )
