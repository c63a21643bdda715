"""A service of the platform as a process of its own: started, probed, and ended, by its pid file.

Invariant: only a process that this package started is ever ended. A pid file holds the process's
time of creation, so that a number which the system gave to another process is not mistaken for it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from agent_factory.contracts.record import Part
from agent_factory.core.digest import digest_json
from agent_factory.core.error import DeadlineError, StorageError, WorkerError

_GRACE_SECONDS = 30.0
_KILL_SECONDS = 5.0
STOP_SECONDS = _GRACE_SECONDS + 2 * _KILL_SECONDS
_children_of_ours: dict[int, subprocess.Popen[bytes]] = {}


class Running(Part):
    """What a pid file holds. ``owner`` is who ends it: "up" (a person, by `down`) or "round"."""

    name: str
    pid: int
    created: float
    port: int | None
    url: str | None
    log: Path
    owner: str
    fingerprint: str


@dataclass(frozen=True)
class Service:
    """What is to run: the command, its environment, and how to see that it is ready."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    probe: Callable[[Running], bool]
    port: int | None = None
    url: str | None = None
    deadline_seconds: float = 180.0
    cwd: Path = field(default_factory=Path.cwd)

    @property
    def fingerprint(self) -> str:
        """Digest of command and environment: a running process with another one is started again."""
        return digest_json([list(self.command), dict(self.env), str(self.cwd)])


class ServiceFolder:
    """Pid files in ``run`` and logs in ``logs``, below the factory's home."""

    def __init__(self, home: Path) -> None:
        self.run = home / "run"
        self.logs = home / "logs"
        for folder in (self.run, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> Running | None:
        """The service if its process lives."""
        found = self.recall(name)
        return found if found is not None and is_alive(found) else None

    def recall(self, name: str) -> Running | None:
        """What the pid file says, whether or not the process lives; None for one that cannot be read."""
        try:
            return Running.model_validate_json(self._path(name).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def all(self) -> list[Running]:
        """The services that live."""
        found = (self.read(path.name.removesuffix(".pid.json")) for path in sorted(self.run.glob("*.pid.json")))
        return [running for running in found if running is not None]

    def write(self, running: Running) -> None:
        """Write the pid file, whole."""
        path = self._path(running.name)
        temporary = path.with_suffix(".part")
        temporary.write_text(running.model_dump_json(indent=1))
        temporary.replace(path)

    def remove(self, name: str) -> None:
        """Forget a service."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.run / f"{name}.pid.json"


def start(service: Service, folder: ServiceFolder, owner: str) -> Running:
    """Start the service in a session of its own, its output in its log file."""
    log = folder.logs / f"{service.name}.log"
    try:
        with log.open("ab") as output:
            output.write(f"\n--- {time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(service.command)}\n".encode())
            output.flush()
            process = subprocess.Popen(
                service.command,
                env={**os.environ, **service.env},
                cwd=service.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_hear_signals,
            )
        _children_of_ours[process.pid] = process
    except OSError as error:
        raise StorageError(f"{service.name} could not be started ({service.command[0]!r}): {error}") from error
    try:
        running = Running(
            name=service.name,
            pid=process.pid,
            created=psutil.Process(process.pid).create_time(),
            port=service.port,
            url=service.url,
            log=log,
            owner=owner,
            fingerprint=service.fingerprint,
        )
        folder.write(running)
    except BaseException:
        process.kill()  # no pid file tells of it, so nobody else could end it
        raise
    return running


def _hear_signals() -> None:
    # A shell's background job ignores SIGINT, its children too, and Dagster then takes SIGTERM for the same.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def is_alive(running: Running) -> bool:
    """Whether the process of the pid file lives, and is the one that was started."""
    try:
        return _is_same(running) and psutil.Process(running.pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_same(running: Running) -> bool:
    """Whether the process of that number is the one of the pid file, dead but not yet waited for included."""
    try:
        return abs(psutil.Process(running.pid).create_time() - running.created) < 1.0
    except psutil.NoSuchProcess:
        return False


def wait_ready(service: Service, running: Running, on_wait: Callable[[], None] | None = None) -> None:
    """Wait until the probe says ready; WorkerError if the process ends, DeadlineError past its deadline."""
    end = time.monotonic() + service.deadline_seconds
    while not service.probe(running):
        check_alive(running)
        if time.monotonic() > end:
            raise DeadlineError(
                f"{service.name} was not ready within {service.deadline_seconds:g} s. {last_lines(running)}"
            )
        if on_wait is not None:
            on_wait()
        time.sleep(0.25)
    check_alive(running)


def check_alive(running: Running) -> None:
    """WorkerError, with the end of its log, where the process has ended."""
    if not is_alive(running):
        raise WorkerError(f"{running.name} (process {running.pid}) ended by itself. {last_lines(running)}")


def last_lines(running: Running, count: int = 12) -> str:
    """The end of a service's log, for a message."""
    try:
        lines = running.log.read_text(errors="replace").rstrip().splitlines()[-count:]
    except OSError as error:
        return f"Its log {running.log} cannot be read: {error}."
    return f"The last lines of {running.log}:\n" + "\n".join(f"  {line}" for line in lines)


def stop(running: Running, folder: ServiceFolder) -> bool:
    """End the service with all that it started, within ``STOP_SECONDS``: asked first, forced after a grace.

    False if it had ended by itself; what a killed one left behind is ended all the same.
    """
    lived = is_alive(running)
    known = _is_same(running) or not psutil.pid_exists(running.pid)
    session = _session(running.pid) if known else set[psutil.Process]()
    family = [*session, *(_descendants(running.pid) - session if known else ())]
    _signal(session, signal.SIGTERM)  # sessions of their own (the daemon's runs) are for their parent to end
    _, left = psutil.wait_procs(family, timeout=_GRACE_SECONDS)
    _signal(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=_KILL_SECONDS)
    ours = _children_of_ours.pop(running.pid, None)
    if ours is not None:
        ours.wait(timeout=_KILL_SECONDS)
    folder.remove(running.name)
    return lived


def _session(leader: int) -> set[psutil.Process]:
    """The processes of a service's session. While one lives, no other process can get the leader's number."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == leader:
                found.add(process)
    return found


def _descendants(leader: int) -> set[psutil.Process]:
    try:
        return set(psutil.Process(leader).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
