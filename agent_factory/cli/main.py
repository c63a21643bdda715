"""``factory``, the console script: it answers Ctrl-C from its first line on.

Invariant: nothing is imported here but what the interpreter has at hand; the commands are imported
while a signal already ends the process with one line and exit code 130.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

STOPPED = 130
_LINE = "factory: stopped; run the same command again to go on\n"


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        with _leaving_at_once():
            from agent_factory.cli.command import run_command
        return run_command(arguments)
    except KeyboardInterrupt:
        sys.stderr.write(_LINE)
        sys.stderr.flush()
        return STOPPED


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


@contextmanager
def _leaving_at_once() -> Generator[None]:
    """While modules are imported nothing is begun that must be ended, and an exception may be lost in one of them."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler:  # ignored by who started it, or another's to answer
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _leave(_number: int, _frame: object) -> None:
    os.write(2, _LINE.encode())
    os._exit(STOPPED)


if __name__ == "__main__":
    main()
