"""``factory``, the console script: it answers Ctrl-C, SIGTERM and SIGHUP from its first line on, all alike.

Invariants: a signal ends any command with one line and the exit code 128 plus its number, and what the
command began is ended as after Ctrl-C; one that whoever started it ignores stays ignored. Nothing is
imported here but what the interpreter has at hand; the commands are imported while a signal already
ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

_STOPPED = 128 + signal.SIGINT
_LINE = "factory: stopped; run the same command again to go on\n"
_code = _STOPPED


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        with _leaving_at_once():
            from agent_factory.cli.command import run_command
        ended = run_command(arguments)
        if ended != _STOPPED:
            return ended
    except KeyboardInterrupt:
        pass
    sys.stderr.write(_LINE)
    sys.stderr.flush()
    return _code


def main() -> None:
    """The console script."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)
    sys.exit(run(sys.argv[1:]))


def _stop(number: int, _frame: object) -> None:
    """Answer as Ctrl-C is answered now: an event loop that runs cancels its tasks, and tells nothing of them."""
    global _code
    _code = 128 + number
    answer = signal.getsignal(signal.SIGINT)
    if callable(answer):
        answer(signal.SIGINT, None)
        return
    # Ctrl-C is ignored (a shell's background job), so no loop waits for it: it would tell each task with a traceback.
    import logging

    logging.getLogger("asyncio").disabled = True
    raise KeyboardInterrupt


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
    os._exit(_code)


if __name__ == "__main__":
    main()
