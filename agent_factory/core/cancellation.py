"""Which of the things that are raised end a task, and which are a defect of who raised them.

Invariant: a CancelledError that nobody asked for is an error like others: it must not end what it came out of
in silence, as asyncio takes it.
"""

from __future__ import annotations

import asyncio

_DEFECTS = (Exception, BaseExceptionGroup, SystemExit, GeneratorExit, asyncio.CancelledError)


def is_end(error: BaseException) -> bool:
    """Whether what was raised in the current task must go on: Ctrl-C and the like, or somebody wants the task to end.

    Code that calls ``sys.exit`` ends itself and not this process.
    """
    task = asyncio.current_task()
    return not isinstance(error, _DEFECTS) or (task is not None and task.cancelling() > 0)
