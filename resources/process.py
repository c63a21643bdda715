"""Processes by identity: a process id alone may be another process by now, so its start is kept with it."""

import ctypes
import signal
import sys
from typing import NamedTuple

import psutil

_PR_SET_PDEATHSIG = 1
_SECONDS_OF_DOUBT = 0.5


class Identity(NamedTuple):
    """A process id, and when (seconds since 1970) that process was started."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """The identity of a process that runs now."""
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def read(cls, text: str) -> "Identity":
        """What ``str`` wrote."""
        pid, _, started = text.partition("@")
        return cls(int(pid), float(started))

    def __str__(self) -> str:
        return f"{self.pid}@{self.started}"

    def is_running(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SECONDS_OF_DOUBT
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def end_with_parent(by: signal.Signals) -> None:
    """Called in a child: the kernel sends it ``by`` when its parent ends. Linux only, elsewhere nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
