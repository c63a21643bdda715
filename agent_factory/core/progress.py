"""Progress of a stage, kept in the store so that any process can follow it.

Invariants: a stage that raised is recorded as failed with its message before the error goes on; one that was
stopped says that it was canceled. What was measured of work is replaced by work alone: a run of a stage that
finds nothing to do leaves times and measures as they were, and one that goes on where another was stopped adds
its time to the time before.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

from agent_factory.contracts.stage import StageRun
from agent_factory.core import clock
from agent_factory.core.store import Store

_MIN_SECONDS_BETWEEN_WRITES = 0.5


class Progress:
    """Handle of a running stage: ``update`` as often as you like, it writes at most twice a second.

    The first ``update`` says that there is work to do; until then what ``stands`` of an earlier run is kept.
    """

    def __init__(self, store: Store, run: StageRun, stands: StageRun | None = None) -> None:
        self._store = store
        self.run = run
        self._stands = stands
        self._written = 0.0

    @property
    def earlier_seconds(self) -> float:
        """How long those worked who were stopped before this run took the work up."""
        return self.run.earlier_seconds

    def update(self, done: int | None = None, total: int | None = None, **measured: float | str) -> None:
        """Tell that the stage is at work, how far it is, and what it has measured."""
        self._stands = None
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
        ended: dict[str, object] = {"state": "done" if error is None else "failed", "updated_at": now, "error": error}
        if self._stands is None:
            self.run = self.run.model_copy(update={**ended, "finished_at": now})
        else:
            self.run = self._stands.model_copy(update=ended)
        self._write()

    def _write(self) -> None:
        self._store.put(self.run, replace=True)
        self._written = time.monotonic()


@contextmanager
def track(
    store: Store, factory: str, stage: str, *, build: str | None, scope: str, project: str
) -> Generator[Progress]:
    """Record the stage ``factory/stage`` of ``scope`` (a build's id, or ``day_scope``) while the block runs.

    Where the stage was run before, a block that never calls ``update`` has found its work done.
    """
    now = clock.now()
    name = f"{scope}.{factory}.{stage}"
    stands = _settle(store, name, now)
    run = StageRun(
        id=name,
        project=project,
        created_at=now,
        factory=factory,
        stage=stage,
        build=build,
        state="running",
        started_at=now,
        updated_at=now,
        earlier_seconds=stands.worked_seconds(now) if stands is not None and stands.state != "done" else 0.0,
    )
    progress = Progress(store, run, stands)
    if stands is None:
        progress.update()
    try:
        yield progress
    except BaseException as error:
        # Ctrl-C, a run that was terminated, an event loop that ends: none of them is an Exception.
        stopped = not isinstance(error, Exception)
        progress.finish("canceled: it was stopped before its end" if stopped else f"{type(error).__name__}: {error}")
        raise
    progress.finish()


def _settle(store: Store, name: str, now: datetime) -> StageRun | None:
    """What stands of the stage's run before, looked at again; one that was killed worked until it was last heard of."""
    earlier = store.peek(StageRun, name)
    if earlier is None:
        return None
    state = "done" if earlier.state == "done" else "running"
    ended = earlier.finished_at or earlier.updated_at
    stands = earlier.model_copy(update={"state": state, "finished_at": ended, "updated_at": now, "error": None})
    store.put(stands, replace=True)
    return stands
