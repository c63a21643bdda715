"""Ports of the loopback interface: one platform at a time chooses them, and each is seen to be its service's alone.

Invariants: from the choice of its ports until its services listen on them a platform holds a lock of the
machine's user, so that two that start at once never choose the same. An address that answers proves
nothing by itself: another process may have taken the port meanwhile, or share it (gRPC lets two servers
of one user listen on one port, and the system deals the calls out between them).
"""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

from agent_factory.cli.lock import hold_lock, is_locked
from agent_factory.core.error import ConflictError, PortError, StorageError, WorkerError

HOST = "127.0.0.1"
_WHERE_HOST_IS_REACHED = (HOST, "0.0.0.0", "::", f"::ffff:{HOST}")  # noqa: S104 - looked for, not bound
_WAIT_SECONDS = 600.0


@contextmanager
def hold_ports(tell: Callable[[str], None]) -> Generator[None]:
    """Choose ports and take them while the block runs; BusyError where another platform starts for too long."""
    path = _own_folder() / "ports.lock"
    if is_locked(path):
        tell("another platform is starting on this machine: waiting until it has its ports")
    with hold_lock(path, "the start of another platform on this machine", wait_seconds=_WAIT_SECONDS):
        yield


def find_port(preferred: int, taken: frozenset[int] = frozenset()) -> int:
    """The preferred port of the loopback interface, or a free one where it is taken."""
    for port in (preferred, 0):
        if port in taken:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise WorkerError(f"no free port was found on {HOST}: port {preferred} is taken, and the system gave no other")


def require_free(host: str, port: int) -> None:
    """Raise ConflictError where another process listens on the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConflictError(
                f"port {port} on {host} cannot be taken: {error.strerror}. End what listens there, or give --port"
            ) from error


def listens_alone(port: int, leader: int) -> bool:
    """Whether processes of the leader's session listen on the port; PortError where any other does."""
    found = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr.port == port
        and connection.laddr.ip in _WHERE_HOST_IS_REACHED
    }
    others = [pid for pid in found if pid is None or not _is_of(pid, leader)]
    if others:
        who = f"process {others[0]}" if others[0] is not None else "another user's process"
        raise PortError(f"{who} listens on port {port} too")
    return bool(found)


def _is_of(pid: int, leader: int) -> bool:
    try:
        return os.getsid(pid) == leader or leader in (parent.pid for parent in psutil.Process(pid).parents())
    except (ProcessLookupError, psutil.NoSuchProcess):
        return True  # it has ended, and listens no more


def _own_folder() -> Path:
    """A folder of this user's in the machine's temporary one; StorageError where another's is in its place."""
    folder = Path(tempfile.gettempdir()) / f"agent-factory-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StorageError(f"{str(folder)!r}, for the lock on ports, cannot be made: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise StorageError(f"{str(folder)!r}, for the lock on ports, is not a folder of yours: set TMPDIR to one")
    return folder
