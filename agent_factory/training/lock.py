"""One worker at a time for a stage of a build: a lock on a file, which ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from agent_factory.core.error import BusyError


@contextmanager
def hold_lock(path: Path, what: str) -> Generator[None]:
    """Hold the lock while the block runs; BusyError, with the holder's process number, where it is held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BusyError(
                f"{what} is being trained by process {file.read().strip() or 'unknown'}. "
                "Wait until it has ended, or end it; its checkpoints are kept.",
                retry_after=30,
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
