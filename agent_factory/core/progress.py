"""Progress of a stage, kept in the store so that any process can follow it.

Invariant: a stage that raised is recorded as failed with its message before the error goes on.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

from agent_factory.contracts.stage import StageRun
from agent_factory.core import clock
from agent_factory.core.store import Store

_MIN_SECONDS_BETWEEN_WRITES = 0.5


class Progress:
    """Handle of a running stage: ``update`` as often as you like, it writes at most twice a second."""

    def __init__(self, store: Store, run: StageRun) -> None:
        self._store = store
        self.run = run
        self._written = 0.0

    def update(self, done: int | None = None, total: int | None = None, **measured: float | str) -> None:
        """Tell how far the stage is and what it has measured."""
        self.run = self.run.model_copy(
            update={
                "done": self.run.done if done is None else done,
                "total": self.run.total if total is None else total,
                "measured": {**self.run.measured, **measured},
                "updated_at": clock.now(),
            }
        )
        if time.monotonic() - self._written >= _MIN_SECONDS_BETWEEN_WRITES:
            self._write()

    def finish(self, error: str | None = None) -> None:
        """Record the end."""
        now = clock.now()
        state = "done" if error is None else "failed"
        self.run = self.run.model_copy(update={"state": state, "finished_at": now, "updated_at": now, "error": error})
        self._write()

    def _write(self) -> None:
        self._store.put(self.run, replace=True)
        self._written = time.monotonic()


@contextmanager
def track(
    store: Store, factory: str, stage: str, *, build: str | None, scope: str, project: str
) -> Generator[Progress]:
    """Record the stage ``factory/stage`` of ``scope`` (a build's id, or ``day_scope``) while the block runs."""
    now = clock.now()
    run = StageRun(
        id=f"{scope}.{factory}.{stage}",
        project=project,
        created_at=now,
        factory=factory,
        stage=stage,
        build=build,
        state="running",
        started_at=now,
        updated_at=now,
    )
    progress = Progress(store, run)
    progress.update()
    try:
        yield progress
    except BaseException as error:
        progress.finish(f"{type(error).__name__}: {error}")
        raise
    progress.finish()
