"""The run launcher: forks runs from a warm process, and knows whether they still live.

Dagster's own launcher starts each run in a fresh process that imports everything again, and cannot
tell a run that was killed from one that works. Invariants: a run carries the identity of its process
as a tag; the warm process is replaced once a source file is newer than it, so that runs never work
with code older than the checkout's.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass, ConfigurableClassData, serialize_value

from agent_factory.core.error import DeadlineError, WorkerError
from agent_factory.core.settings import CHECKOUT
from resources.process import Identity

PROCESS_TAG = "agent-factory/process"
_SECONDS_TO_START = 120.0
_SECONDS_TO_END = 30.0
_SOURCES = ("agent_factory", "factory_assets", "resources", "sensors")


class WarmRunLauncher(RunLauncher, ConfigurableClass):
    """Launches runs on this machine. ``preload`` names the modules that a run finds imported."""

    def __init__(self, preload: list[str], inst_data: ConfigurableClassData | None = None) -> None:
        self._preload = preload
        self._inst_data = inst_data
        self._lock = threading.Lock()
        self._nursery: subprocess.Popen[str] | None = None
        self._started = 0.0
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """The configuration in dagster.yaml."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """``preload``: module names."""
        return {"preload": dg.Field([str], is_required=True)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """The launcher that dagster.yaml describes."""
        return cls(list(config_value["preload"]), inst_data=inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Fork a process for the run; DeadlineError or WorkerError if none begins."""
        run = context.dagster_run
        request = {
            "run_id": run.run_id,
            "instance": serialize_value(self._instance.get_ref()),
            "job": serialize_value(context.job_code_origin),
        }
        with self._lock:
            pid = self._ask(request)
        self._instance.add_run_tags(run.run_id, {PROCESS_TAG: str(Identity.of(pid))})

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run; False if it has ended already. What it started is interrupted by it."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        process = _identity_of(run)
        if process is None or not process.is_running():
            self._instance.report_run_canceled(run, "The run's process had ended.")
            return True
        os.kill(process.pid, signal.SIGINT)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Runs whose process was killed are found, marked as failed, and tried again."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process still runs."""
        process = _identity_of(run)
        if process is None:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the run has no process")
        if process.is_running():
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(process))
        return CheckRunHealthResult(WorkerStatus.FAILED, f"process {process.pid} was killed or crashed")

    def join(self, timeout: int = 30) -> None:
        """Nothing to wait for: runs are their own processes."""

    def dispose(self) -> None:
        """End the warm process, and with it the runs that it bore."""
        with self._lock:
            if self._nursery is not None:
                with self._nursery as nursery:  # closes its pipes: without input it ends
                    assert nursery.stdin is not None
                    nursery.stdin.close()
                    nursery.wait(_SECONDS_TO_END)
                self._nursery = None

    def _ask(self, request: dict[str, Any]) -> int:
        nursery = self._open()
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        nursery.stdin.write(json.dumps(request) + "\n")
        nursery.stdin.flush()
        ready, _, _ = select.select([nursery.stdout], [], [], _SECONDS_TO_START)
        if not ready:
            nursery.kill()
            raise DeadlineError(f"the warm process started no run within {_SECONDS_TO_START:g} s; it was killed")
        line = nursery.stdout.readline()
        if not line:
            code = nursery.wait(_SECONDS_TO_END)
            raise WorkerError(f"the warm process ended with exit code {code}; its message is in the daemon's log")
        return int(json.loads(line)["pid"])

    def _open(self) -> "subprocess.Popen[str]":
        if self._nursery is not None and self._nursery.poll() is None and self._started > newest_source():
            return self._nursery
        if self._nursery is not None and self._nursery.poll() is None and self._nursery.stdin is not None:
            self._nursery.stdin.write('{"retire": true}\n')
            self._nursery.stdin.flush()
            _RETIRED.append(self._nursery)
        self._started = time.time()
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "resources.nursery", *self._preload],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self._nursery


_RETIRED: "list[subprocess.Popen[str]]" = []
"""Warm processes whose runs still work: their input must stay open."""


def newest_source(root: Path = CHECKOUT) -> float:
    """When the newest source file of the four packages was changed, in seconds since 1970."""
    return max(path.stat().st_mtime for name in _SOURCES for path in (root / name).rglob("*.py"))


def _identity_of(run: dg.DagsterRun) -> Identity | None:
    text = run.tags.get(PROCESS_TAG)
    return None if text is None else Identity.read(text)
