"""File locks between processes of one machine: the kernel frees them however a process ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from agent_factory.core.error import BusyError


@contextmanager
def hold_lock(path: Path, what: str, wait_seconds: float = 0.0) -> Generator[None]:
    """Hold the lock while the block runs; BusyError names the process that has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + wait_seconds
    with path.open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= end:
                    raise BusyError(
                        f"{what} is at work already (process {_holder(path)}); wait for it to end"
                    ) from error
                time.sleep(0.2)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid()}))
        file.flush()
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock now."""
    if not path.exists():
        return False
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _holder(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return "unknown"
