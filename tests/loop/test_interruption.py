"""A round that is stopped in every way goes on from what is made: nothing is lost, nothing is made twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from agent_factory.cli.service import ServiceFolder
from agent_factory.contracts import Deployment, ModelManifest, Order, StageRun
from agent_factory.core.settings import CHECKOUT, Settings
from agent_factory.core.store import Store, open_store
from agent_factory.core.tracelog import TraceLog
from tests.loop.conftest import LENIENT, SECONDS, SMALL, overrides

LONG_SFT = {"training.sft.steps": 120}


@dataclass
class Attempt:
    """One ``factory round`` that is under way."""

    process: subprocess.Popen[str]
    output: Path
    store: Store

    def wait_until(self, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not reached():
            assert self.process.poll() is None, f"the round ended too early:\n{self.told}"
            assert time.monotonic() < end, f"never reached:\n{self.told}"
            time.sleep(0.1)

    def wait_for_stage(self, thing: str, done: int = 0) -> StageRun:
        def find() -> StageRun | None:
            runs = [run for run in self.store.find(StageRun) if run.stage == thing]
            return next((run for run in runs if run.state == "running" and run.done >= done), None)

        self.wait_until(lambda: find() is not None)
        found = find()
        assert found is not None
        return found

    def end(self) -> int:
        return self.process.wait(SECONDS)

    @property
    def told(self) -> str:
        return self.output.read_text()


Begin = Callable[[], Attempt]


@pytest.fixture(scope="module")
def begin(environ: dict[str, str], home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begin]:
    folder = tmp_path_factory.mktemp("attempts")
    command = [sys.executable, "-m", "agent_factory.cli.main", "round", *overrides({**SMALL, **LONG_SFT}, LENIENT)]
    attempts: list[Attempt] = []

    def run() -> Attempt:
        output = folder / f"{len(attempts)}.log"
        with output.open("w") as file:
            process = subprocess.Popen(
                command, env=environ, cwd=CHECKOUT, stdout=file, stderr=subprocess.STDOUT, text=True
            )
        attempts.append(Attempt(process, output, open_store(home.database_url)))
        return attempts[-1]

    yield run
    for attempt in attempts:
        if attempt.process.poll() is None:
            attempt.process.kill()
            attempt.process.wait(10)


def worker_of(environ: dict[str, str], module: str) -> psutil.Process:
    """The worker process of this home, and of no other round on the machine."""
    (found,) = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if module in (process.info["cmdline"] or ())
        and (process.info["environ"] or {}).get("AGENT_FACTORY_HOME") == environ["AGENT_FACTORY_HOME"]
    ]
    return found


def living(environ: dict[str, str]) -> list[str]:
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline", "environ", "status"])
        if process.info["cmdline"]
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and (process.info["environ"] or {}).get("AGENT_FACTORY_HOME") == environ["AGENT_FACTORY_HOME"]
    ]


def test_a_round_survives_ctrl_c_and_kills_of_worker_daemon_api_and_all(
    begin: Begin, environ: dict[str, str], home: Settings
) -> None:
    stopped = begin()
    stopped.wait_for_stage("base_model", done=5)
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.end() == 130, stopped.told
    assert "run the same command again" in stopped.told
    assert "Traceback" not in stopped.told
    assert living(environ) == []

    services = ServiceFolder(home.home)
    without_worker = begin()
    before = without_worker.wait_for_stage("sft_model", done=60)
    worker_of(environ, "agent_factory.training.worker").kill()
    without_worker.wait_until(
        lambda: any(run.stage == "sft_model" and run.started_at > before.started_at for run in stages(without_worker))
    )
    again = without_worker.wait_for_stage("sft_model", done=1)
    assert again.done > 40, f"it began anew instead of going on from its checkpoint: {again}"
    without_worker.wait_for_stage("rollouts")
    kill_service(services, "dagster-daemon")
    assert without_worker.end() == 1, without_worker.told
    assert "dagster-daemon" in without_worker.told
    assert "Traceback" not in without_worker.told

    without_api = begin()
    without_api.wait_for_stage("reward_model")
    kill_service(services, "api")
    assert without_api.end() == 1, without_api.told
    assert "api (process" in without_api.told

    without_anything = begin()
    without_anything.wait_for_stage("report")
    without_anything.process.kill()
    for running in services.all():
        os.kill(running.pid, signal.SIGKILL)
    without_anything.end()

    last = begin()
    assert last.end() == 0, last.told
    assert "was sent before" in last.told or "going on with build" in last.told
    store = last.store
    assert [manifest.stage for manifest in store.find(ModelManifest)] == ["base", "sft", "reward", "policy"]
    assert len(store.find(Deployment, state="serving")) == 1
    assert Counter(order.build for order in store.find(Order) if order.kind == "build").keys() == {
        store.find(ModelManifest)[0].build
    }
    days = TraceLog(store).arrivals(home.project)
    assert sum(arrival.traces for arrival in days) == SMALL["first_traffic.episodes"] + 2  # and the live conversation
    assert living(environ) == []


def stages(attempt: Attempt) -> list[StageRun]:
    return attempt.store.find(StageRun)


def kill_service(services: ServiceFolder, name: str) -> None:
    running = services.read(name)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
