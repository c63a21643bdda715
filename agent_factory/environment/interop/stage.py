"""A world in a thread of its own, for libraries that act without an event loop (Gymnasium, TRL).

Invariant: the world, its environments and their connections live in one event loop, from ``open`` to
``close``, and after ``close`` there is neither loop nor thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from agent_factory.agent.loop import Limits
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import DeadlineError, WorkerError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.interop.seat import Seat
from agent_factory.environment.world import World, open_world

T = TypeVar("T")
SECONDS = 900.0
"""How long one act may take: as long as the longest that an episode's parts are given."""


class Stage:
    """An open world that is reached from other threads."""

    def __init__(
        self, recipe: Recipe, scenarios: Sequence[Scenario], kind: str | None = None, limits: Limits | None = None
    ) -> None:
        """Open the world; raises what opening it raises."""
        self._scenarios, self._limits = tuple(scenarios), limits
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"stage-{recipe.name}", daemon=True)
        self._thread.start()
        self._held = AsyncExitStack()
        try:
            self._world: World = self.run(
                self._held.enter_async_context(open_world(recipe, EnvironmentSection.read(recipe.settings), kind))
            )
        except BaseException:
            self._end_loop()
            raise

    def sit(self) -> Seat:
        """A seat whose coroutines are given to ``run``."""
        return Seat(self._world, self._scenarios, self._limits)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the work in the world's loop.

        DeadlineError where it is not over within ``SECONDS``, WorkerError where the stage is closed.
        """
        if self._loop.is_closed():
            work.close()
            raise WorkerError("this environment is closed: make a new one")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(SECONDS)
        except FutureTimeout as error:
            if future.done():
                raise  # the work's own
            future.cancel()
            raise DeadlineError(f"the environment gave no answer within {SECONDS:g} s") from error

    def close(self) -> None:
        """Close the world, the loop and the thread; a second time is no fault."""
        if self._loop.is_closed():
            return
        try:
            self.run(self._held.aclose())
        finally:
            self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()
