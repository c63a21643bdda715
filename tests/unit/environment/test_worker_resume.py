"""A worker that was killed, or meets another: what is played stays, and the file is that of an undisturbed run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent_factory.agent.shielding import NoShield
from agent_factory.compute.usage import read_usage
from agent_factory.contracts import StageRun
from agent_factory.core.artifact import Artifacts, open_artifacts
from agent_factory.core.error import StorageError
from agent_factory.core.store import open_store
from agent_factory.environment import rollout, worker
from agent_factory.environment.journal import PIECE
from agent_factory.environment.scenario import make_scenario_set
from agent_factory.gateway import gateway
from tests.unit.environment.slow_worker import Slow
from tests.unit.environment.test_worker import RECIPE, SETTINGS, build, model  # noqa: F401 -- a fixture

PATH = "builds/b/rollouts/M1.parquet"
PARTS = "builds/b/rollouts/M1.parts"
EPISODES = 80
"""Two and a half pieces."""


@pytest.fixture
def spec(build):  # noqa: F811
    asked = {"episodes": EPISODES, "samples": 8, "temperature": 1.0, "concurrency": 4, "max_tokens": 50}
    return build.model_copy(update={"settings": {**SETTINGS, "rollouts": asked}})


def settle(home, spec):
    """A home with the build, its scenarios and its model."""
    store = open_store(f"sqlite:///{home}/factory.db")
    artifacts = open_artifacts(f"{home}/artifacts")
    store.put(spec)
    make_scenario_set(store, artifacts, RECIPE, set_id="b-train", build="b", split="train", count=10, seed=0)
    store.put(model("M1", "sft"))
    return store, artifacts


@pytest.fixture
def played(monkeypatch):
    """The engines that were opened in this process."""
    engines = []

    def open_one(place, digest, api_key):
        engines.append(Slow(0))
        return engines[-1]

    monkeypatch.setattr(gateway, "open_engine", open_one)
    monkeypatch.setattr(rollout, "open_shields", lambda recipe: NoShield)
    return engines


def read(artifacts):
    """The file, but for times."""
    timeless = []
    for trace in artifacts.read_traces(PATH):
        told = trace.model_dump(mode="json", exclude={"created_at", "started_at"})
        for step in told["steps"]:
            for execution in step["executions"]:
                del execution["latency_seconds"]
        timeless.append(told)
    return timeless


def start(home, hangs_at):
    script = Path(__file__).with_name("slow_worker.py")
    environ = {**os.environ, "AGENT_FACTORY_HOME": str(home)}
    command = [sys.executable, str(script), str(hangs_at), "rollouts", "--build", "b"]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_piece(artifacts, process):
    ends_at = time.monotonic() + 120
    while time.monotonic() < ends_at and process.poll() is None:
        if artifacts.files.glob(f"{artifacts.locate(PARTS)}/*/00000.parquet"):
            return
        time.sleep(0.05)
    raise AssertionError(process.communicate(timeout=10))


def test_a_killed_worker_is_taken_up_by_two_at_once_and_the_file_is_as_if_nothing_had_been(tmp_path, spec, played):
    broken, whole = settle(tmp_path / "broken", spec), settle(tmp_path / "whole", spec)
    worker.run_rollouts(*whole, spec)

    first = start(tmp_path / "broken", 150)
    wait_for_piece(broken[1], first)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    assert not broken[1].exists(PATH)

    others = [start(tmp_path / "broken", 0) for _ in range(2)]
    told = [other.communicate(timeout=120) for other in others]
    assert [other.returncode for other in others] == [0, 0], told
    assert read(broken[1]) == read(whole[1])
    assert len(read(broken[1])) == EPISODES
    assert not broken[1].exists(PARTS)


def test_an_episode_is_played_and_counted_once(tmp_path, spec, played, monkeypatch):
    store, artifacts = settle(tmp_path, spec)
    write, written = Artifacts.write_traces, []

    def fill_disk(self, path, *given):
        if written:
            raise StorageError("artifact could not be written: no space left on device")
        written.append(path)
        return write(self, path, *given)

    monkeypatch.setattr(Artifacts, "write_traces", fill_disk)
    with pytest.raises(StorageError, match="no space left"):
        worker.run_rollouts(store, artifacts, spec)
    monkeypatch.setattr(Artifacts, "write_traces", write)
    worker.run_rollouts(store, artifacts, spec)

    traces = list(artifacts.read_traces(PATH))
    calls = sum(len(trace.steps) for trace in traces)
    assert played[1].calls == calls - sum(len(trace.steps) for trace in traces[:PIECE])
    assert sum(usage.prompt_tokens for usage in read_usage(store, build="b")) == 10 * calls
    run = store.get(StageRun, "b.environment.rollouts")
    assert (run.state, run.done, run.total, run.measured["success_M1"]) == ("done", EPISODES, EPISODES, 1.0)


def test_a_worker_far_from_its_artifacts_plays_a_copy_of_the_model(tmp_path, spec, played, monkeypatch):
    store = open_store(f"sqlite:///{tmp_path}/factory.db")
    artifacts, found = open_artifacts(f"memory://{tmp_path.name}"), []
    store.put(spec)
    make_scenario_set(store, artifacts, RECIPE, set_id="b-train", build="b", split="train", count=10, seed=0)
    store.put(model("M1", "sft"))
    artifacts.write_text("models/M1/part/weights", "1 2 3")

    def open_one(place, digest, api_key):
        found.append((place, (place / "part" / "weights").read_text()))
        return Slow(0)

    monkeypatch.setattr(gateway, "open_engine", open_one)
    worker.run_rollouts(store, artifacts, spec)
    assert [text for _, text in found] == ["1 2 3"]
    assert not found[0][0].exists()
    assert len(read(artifacts)) == EPISODES


def test_episodes_that_all_broke_are_played_again(tmp_path, spec, played, monkeypatch):
    from agent_factory.core.error import WorkerError

    store, artifacts = settle(tmp_path, spec)

    async def fail(self, request, *, deadline_seconds):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as broken:
        broken.setattr(Slow, "chat", fail)
        with pytest.raises(WorkerError, match="none of the 80 episodes"):
            worker.run_rollouts(store, artifacts, spec)
    assert worker.run_rollouts(store, artifacts, spec) == [PATH]
    assert all(trace.outcome.success for trace in artifacts.read_traces(PATH))
