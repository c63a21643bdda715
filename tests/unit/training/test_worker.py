import json
import os
import subprocess
import sys

from agent_factory.contracts import StageRun


def run(tmp_path, *arguments):
    environment = {
        **os.environ,
        "AGENT_FACTORY_HOME": str(tmp_path),
        "AGENT_FACTORY_DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}",
        "AGENT_FACTORY_ARTIFACTS_URL": str(tmp_path / "artifacts"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
    }
    command = [sys.executable, "-m", "agent_factory.training.worker", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_worker_trains_and_records(tmp_path, store, artifacts, build):
    ended = run(tmp_path, "--build", "B1", "--stage", "pretrain")
    assert ended.returncode == 0, ended.stderr
    manifest = json.loads(ended.stdout)
    assert (manifest["id"], manifest["stage"], manifest["mlflow_version"]) == ("M0", "base", "1")
    told = store.get(StageRun, "B1.training.base_model")
    assert (told.state, told.done, told.total) == ("done", 6, 6)
    assert told.measured["loss"] > 0


def test_a_mistake_is_a_sentence_and_an_exit_code(tmp_path, store):
    ended = run(tmp_path, "--build", "B7", "--stage", "sft")
    assert (ended.returncode, ended.stderr) == (2, "NotFoundError: there is no build 'B7'\n")


def test_the_front_of_training_is_light():
    code = (
        "import sys, agent_factory.training.worker, agent_factory.training.stage, agent_factory.training.registry;"
        "print([m for m in ('torch', 'transformers', 'trl', 'mlflow', 'datasets') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
