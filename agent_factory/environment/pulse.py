"""The pulse of an event loop: how long it was late, because one thing blocked it or all together were too much.

Invariant: who waited meanwhile is not blamed alone: a deadline that passed in a standstill says so.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self

BEAT = 0.25
STANDSTILL = 1.0
"""Seconds of lateness that are told; less is a busy machine."""


class Pulse:
    """Beats in the running loop for the block; ``stood_still`` is the sum of its standstills in seconds."""

    def __init__(self) -> None:
        self.stood_still = 0.0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self._next.cancel()

    def explain(self, failure: str, before: float) -> str:
        """A failure with the standstill in which it came about, if ``stood_still`` was ``before`` at its beginning."""
        seconds = self.stood_still - before
        if not seconds or " within " not in failure:
            return failure
        return f"{failure}; for {seconds:.1f} s of that, the process was busy elsewhere and nobody was served"

    def _wait(self) -> None:
        self._due = time.monotonic() + BEAT
        self._next = self._loop.call_later(BEAT, self._beat)

    def _beat(self) -> None:
        late = time.monotonic() - self._due
        if late > STANDSTILL:
            self.stood_still += late
        self._wait()
