"""Following a build: its stages as they run, until it serves, fails its gate, or fails.

Invariant: every wait ends. A stage that failed and is not taken up again, a blocking check that did not
pass, an order that was refused, a build in which nothing moves, and the deadline each end it with an error
that says which.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent_factory.contracts.build import BuildSpec, Order
from agent_factory.contracts.check import CheckRun
from agent_factory.contracts.stage import StageRun
from agent_factory.core import clock
from agent_factory.core.day import day_scope
from agent_factory.core.error import DeadlineError, WorkerError
from agent_factory.core.store import Store
from agent_factory.runtime.end import End, find_end

POLL_SECONDS = 1.0
RETRY_SECONDS = 45.0
RESUME_SECONDS = 60.0
STALL_SECONDS = 300.0
DAY_STAGES = ("events", "clean_events", "labels")


def read_stages(store: Store, build: BuildSpec) -> list[StageRun]:
    """The stages of the build and of its window's days, in the order they began."""
    days = read_day_stages(store, build.project, build.window.days())
    return sorted([*days, *store.find(StageRun, build=build.id)], key=lambda run: run.started_at)


def read_day_stages(store: Store, project: str, days: list[str]) -> list[StageRun]:
    """The stages of a project's days that have begun."""
    found = (store.peek(StageRun, f"{day_scope(project, day)}.data.{stage}") for day in days for stage in DAY_STAGES)
    return [run for run in found if run is not None]


def read_failed_checks(store: Store, build: BuildSpec) -> list[CheckRun]:
    """The blocking checks of the build and of its window's days that did not pass when they last looked."""
    partitions = {build.id, *build.window.days()}
    found = store.find(CheckRun, project=build.project, state="failed")
    return [check for check in found if check.partition in partitions]


@dataclass
class Watch:
    """What is known of a build's movement; ``look`` raises when it cannot come to a good end."""

    store: Store
    deadline_seconds: float
    what: str
    since: float = field(default_factory=time.monotonic)
    began: datetime = field(default_factory=clock.now)
    _moved: float = field(default_factory=time.monotonic)
    _seen: object = None

    @property
    def still_seconds(self) -> float:
        """How long nothing has moved."""
        return time.monotonic() - self._moved

    def look(self, stages: list[StageRun], checks: Sequence[CheckRun] = ()) -> None:
        """Raise WorkerError or DeadlineError where waiting longer is of no use."""
        self._look_at_checks(stages, checks)
        now = time.monotonic()
        state = [(run.id, run.state, run.done, run.updated_at) for run in stages]
        if state != self._seen:
            self._seen, self._moved = state, now
        for run in stages:
            if run.state == "failed" and run.updated_at >= self.began and self._age(run) > RETRY_SECONDS:
                raise WorkerError(f"stage {run.id} failed: {run.error}. Mend that and run the same command again.")
        running = any(run.state == "running" for run in stages)
        if self.still_seconds > STALL_SECONDS * (3 if running else 1):
            raise DeadlineError(
                f"{self.what} has not moved for {self.still_seconds:.0f} s: "
                "`make up` shows in the Dagster UI what it waits for."
            )
        if now - self.since > self.deadline_seconds:
            raise DeadlineError(f"{self.what} did not end within {self.deadline_seconds:g} s")

    def _look_at_checks(self, stages: list[StageRun], checks: Sequence[CheckRun]) -> None:
        began = {run.id: run.started_at for run in stages}
        for check in checks:
            made_again = check.stage_run in began and began[check.stage_run] > check.created_at
            # What an earlier attempt at the build left is asked for again; a day is made again by nobody but a person.
            if made_again or (check.build is not None and check.created_at < self.began):
                continue
            raise WorkerError(
                f"{check}. Mend that, materialize {check.asset} again in the Dagster UI (`make up`), "
                "and run the same command again."
            )

    @staticmethod
    def _age(run: StageRun) -> float:
        return (clock.now() - run.updated_at).total_seconds()


def follow(
    store: Store,
    build: BuildSpec,
    *,
    deadline_seconds: float,
    check: Callable[[], None] = lambda: None,
    resume: Callable[[], None] | None = None,
) -> End:
    """Show the build's progress until it ends; ``check`` may raise where the platform is not well.

    ``resume`` is called once, where a build that was begun earlier stands still.
    """
    from agent_factory.cli.display import open_display

    watch = Watch(store, deadline_seconds, f"build {build.id!r}")
    with open_display(build.id) as display:
        while True:
            stages = read_stages(store, build)
            display.update(stages)
            end = find_end(store, build)
            if end is not None:
                display.update(read_stages(store, build))
                return end
            check()
            _check_orders(store, build.id)
            watch.look(stages, read_failed_checks(store, build))
            # A stage that was killed still says that it runs; one that works may be silent for a while.
            patience = RESUME_SECONDS * (4 if any(run.state == "running" for run in stages) else 1)
            if resume is not None and watch.still_seconds > patience:
                resume()
                resume = None
            time.sleep(POLL_SECONDS)


def _check_orders(store: Store, build: str) -> None:
    orders = [order for order in store.find(Order, build=build) if order.kind == "build"]
    if orders and orders[-1].state in ("refused", "failed"):
        raise WorkerError(f"order {orders[-1].id!r} of build {build!r} was {orders[-1].state}: {orders[-1].reason}")
