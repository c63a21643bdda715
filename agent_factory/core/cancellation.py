"""Which of the things that are raised end a task, and which are a defect of who raised them.

Invariant: a CancelledError that nobody asked for is an error like others: it must not end what it came out of
in silence, as asyncio takes it.
"""

from __future__ import annotations

import asyncio


def is_end(error: BaseException) -> bool:
    """Whether what was raised in the current task must go on: Ctrl-C, or somebody wants the task to end."""
    task = asyncio.current_task()
    return isinstance(error, KeyboardInterrupt) or (task is not None and task.cancelling() > 0)
