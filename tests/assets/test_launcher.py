"""Runs are forked from one warm process; one that is killed, interrupted or left behind is known as such."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import reconstructable
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._core.test_utils import instance_for_test

from agent_factory.contracts import Lease, StageRun
from agent_factory.core.store import open_store
from resources.launcher import PROCESS_TAG, WarmRunLauncher
from resources.process import Identity
from tests.assets.launched_job import waiting_job

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs are forked")
SECONDS = 90.0
Launch = Callable[..., dg.DagsterRun]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    launcher = {"module": "resources.launcher", "class": "WarmRunLauncher", "config": {"preload": []}}
    with instance_for_test(overrides={"run_launcher": launcher}, temp_dir=str(tmp_path)) as made:
        yield made


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> WarmRunLauncher:
    found = instance.run_launcher
    assert isinstance(found, WarmRunLauncher)
    return found


@pytest.fixture
def launch(instance: dg.DagsterInstance, launcher: WarmRunLauncher, tmp_path: Path) -> Launch:
    def begin(seconds: float, store: str = "") -> dg.DagsterRun:
        told = tmp_path / f"told-{time.monotonic_ns()}"
        run = instance.create_run_for_job(
            waiting_job,
            run_config={"ops": {"tell_and_wait": {"config": {"told": str(told), "seconds": seconds, "store": store}}}},
            job_code_origin=reconstructable(waiting_job).get_python_origin(),
        )
        launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
        wait_until(told.exists)
        return find(instance, run)

    return begin


def find(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def wait_until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < end, "never reached"
        time.sleep(0.05)


def process_of(run: dg.DagsterRun) -> Identity:
    return Identity.read(run.tags[PROCESS_TAG])


def test_runs_come_from_one_warm_process_and_end_well(
    instance: dg.DagsterInstance, launch: Launch, tmp_path: Path
) -> None:
    first, second = launch(0), launch(0)
    for run in (first, second):
        wait_until(lambda run=run: find(instance, run).is_finished)
        assert find(instance, run).status is dg.DagsterRunStatus.SUCCESS
    assert process_of(first) != process_of(second)
    parents = {path.read_text() for path in tmp_path.glob("told-*")}
    assert len(parents) == 1
    assert parents != {str(os.getpid())}


def test_a_run_that_was_killed_is_known_to_have_failed(launcher: WarmRunLauncher, launch: Launch) -> None:
    run = launch(600)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    os.kill(process_of(run).pid, signal.SIGKILL)
    wait_until(lambda: not process_of(run).is_running())
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED
    assert "was killed or crashed" in str(health.msg)


def test_a_run_that_is_cancelled_ends_as_cancelled(
    instance: dg.DagsterInstance, launcher: WarmRunLauncher, launch: Launch
) -> None:
    run = launch(600)
    assert launcher.terminate(run.run_id)
    wait_until(lambda: find(instance, run).is_finished)
    assert find(instance, run).status is dg.DagsterRunStatus.CANCELED
    wait_until(lambda: not process_of(run).is_running())
    assert not launcher.terminate(run.run_id)


@pytest.mark.parametrize("marked_at_once", [False, True])
def test_a_cancelled_run_gives_its_lease_back_and_says_so(
    instance: dg.DagsterInstance, launcher: WarmRunLauncher, launch: Launch, tmp_path: Path, marked_at_once: bool
) -> None:
    """Terminate in the Dagster UI, by either policy: SAFE_TERMINATE, or MARK_AS_CANCELED_IMMEDIATELY."""
    store = open_store(f"sqlite:///{tmp_path / 'factory.db'}")
    run = launch(600, store.url)
    assert launcher.terminate(run.run_id)
    if marked_at_once:
        instance.report_run_canceled(find(instance, run))
    wait_until(lambda: not process_of(run).is_running())
    assert find(instance, run).status is dg.DagsterRunStatus.CANCELED
    assert [lease.state for lease in store.find(Lease)] == ["released"]
    (stage,) = store.find(StageRun)
    assert (stage.state, stage.error) == ("failed", "canceled: it was stopped before its end")


def test_cancelling_a_run_whose_process_is_gone_ends_it_too(
    instance: dg.DagsterInstance, launcher: WarmRunLauncher, launch: Launch
) -> None:
    run = launch(600)
    os.kill(process_of(run).pid, signal.SIGKILL)
    wait_until(lambda: not process_of(run).is_running())
    assert launcher.terminate(run.run_id)
    assert find(instance, run).status is dg.DagsterRunStatus.CANCELED


def test_no_run_outlives_its_launcher(launcher: WarmRunLauncher, launch: Launch) -> None:
    run = launch(600)
    launcher.dispose()
    wait_until(lambda: not process_of(run).is_running())


def test_a_run_that_is_about_to_end_may_end_when_its_launcher_goes(
    instance: dg.DagsterInstance, launcher: WarmRunLauncher, launch: Launch
) -> None:
    run = launch(0.5)
    launcher.dispose()
    assert find(instance, run).status is dg.DagsterRunStatus.SUCCESS
