import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from agent_factory.cli.lock import hold_lock, is_locked
from agent_factory.cli.port import HOST, find_port
from agent_factory.cli.service import (
    Service,
    ServiceFolder,
    is_alive,
    start,
    stop,
    wait_ready,
)
from agent_factory.core.error import BusyError, DeadlineError, StorageError, WorkerError

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
PARENT = (
    sys.executable,
    "-c",
    "import subprocess, sys, time; "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "print(child.pid, flush=True); time.sleep(60)",
)
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
)


def make_service(command: tuple[str, ...] = SLEEP, **changes: object) -> Service:
    fields = {"name": "one", "command": command, "env": {}, "probe": lambda _: True, "cwd": Path.cwd(), **changes}
    return Service(**fields)  # type: ignore[arg-type]


@pytest.fixture
def folder(home: Path) -> ServiceFolder:
    return ServiceFolder(home)


def wait_for_log(folder: ServiceFolder) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        lines = (folder.logs / "one.log").read_text().split("\n", 2)[2].split()
        if lines:
            return lines[0]
        time.sleep(0.05)
    raise AssertionError("the process printed nothing")


def test_a_service_is_started_and_ended_with_its_children(folder: ServiceFolder) -> None:
    running = start(make_service(PARENT), folder, "up")
    child = psutil.Process(int(wait_for_log(folder)))
    assert folder.read("one") == running
    assert os.getpgid(running.pid) == running.pid
    assert stop(running, folder)
    assert not is_alive(running)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert folder.read("one") is None
    assert not stop(running, folder)


def test_what_a_killed_service_left_behind_is_ended(folder: ServiceFolder) -> None:
    running = start(make_service(PARENT), folder, "up")
    child = psutil.Process(int(wait_for_log(folder)))
    os.kill(running.pid, signal.SIGKILL)
    while is_alive(running):
        time.sleep(0.02)
    assert child.is_running()
    assert not stop(running, folder)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert folder.recall("one") is None


def test_one_that_does_not_end_when_asked_is_forced(folder: ServiceFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_factory.cli.service._GRACE_SECONDS", 0.3)
    running = start(make_service(STUBBORN), folder, "up")
    wait_for_log(folder)
    assert stop(running, folder)
    assert not is_alive(running)


def test_a_service_of_a_background_job_hears_signals(folder: ServiceFolder) -> None:
    """Dagster answers SIGTERM as it answers SIGINT, which a shell's background job ignores."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = "import signal, time; print(signal.getsignal(signal.SIGINT).__name__, flush=True); time.sleep(60)"
        running = start(make_service((sys.executable, "-c", code)), folder, "up")
    finally:
        signal.signal(signal.SIGINT, usual)
    assert wait_for_log(folder) == "default_int_handler"
    stop(running, folder)


def test_a_stale_pid_file_ends_nobody(folder: ServiceFolder) -> None:
    running = start(make_service(), folder, "up")
    # The number now belongs to another process: this one, which must survive.
    other = running.model_copy(update={"pid": os.getpid()})
    folder.write(other)
    assert not is_alive(other)
    assert not stop(other, folder)
    folder.write(other)
    assert folder.read("one") is None
    assert is_alive(running)
    stop(running, folder)


def test_a_broken_pid_file_is_no_service(folder: ServiceFolder) -> None:
    (folder.run / "one.pid.json").write_text("{")
    assert folder.read("one") is None
    assert folder.all() == []


def test_a_service_that_dies_is_told_with_the_end_of_its_log(folder: ServiceFolder) -> None:
    service = make_service(
        (sys.executable, "-c", "print('no room on disk'); raise SystemExit(3)"), probe=lambda _: False
    )
    running = start(service, folder, "up")
    with pytest.raises(WorkerError, match=r"(?s)one .*ended by itself.*no room on disk"):
        wait_ready(service, running)
    stop(running, folder)


def test_a_service_that_is_never_ready_meets_its_deadline(folder: ServiceFolder) -> None:
    service = make_service(probe=lambda _: False, deadline_seconds=0.2)
    running = start(service, folder, "up")
    with pytest.raises(DeadlineError, match="not ready within"):
        wait_ready(service, running)
    stop(running, folder)


def test_a_command_that_is_not_there_is_told(folder: ServiceFolder) -> None:
    with pytest.raises(StorageError, match="could not be started"):
        start(make_service(("/nowhere/program",)), folder, "up")


def test_the_fingerprint_tells_other_settings() -> None:
    assert make_service(env={"A": "1"}).fingerprint != make_service(env={"A": "2"}).fingerprint
    assert make_service().fingerprint == make_service().fingerprint


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = find_port(port)
        assert found != port
        with socket.socket() as free:
            free.bind((HOST, found))
    assert find_port(port, frozenset({port})) != port


def test_a_lock_is_held_by_one_and_freed_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "round.lock"
    code = (
        "import sys, time; from pathlib import Path; from agent_factory.cli.lock import hold_lock\n"
        "with hold_lock(Path(sys.argv[1]), 'a round'): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert is_locked(path)
    with (
        pytest.raises(BusyError, match=rf"a round is at work already \(process {process.pid}\)"),
        hold_lock(path, "a round"),
    ):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    process.stdout.close()
    with hold_lock(path, "a round", wait_seconds=5):
        assert is_locked(path)
    assert not is_locked(path)
