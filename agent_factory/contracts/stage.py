"""How far a stage of a build (or of a day) has come: what the progress display and the reports read."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from agent_factory.contracts.record import Count, Instant, Name, Record, Seconds

StageState = Literal["running", "done", "failed"]


class StageRun(Record):
    """One stage of a build; ``id`` is ``<build, or day and project>.<factory>.<thing>``: work done anew replaces it.

    Its times are those of the newest piece of work; ``earlier_seconds`` is what the pieces before it took
    that did not come to their end. ``measured`` is what the stage has measured so far, by name ("loss", "success").
    """

    factory: str
    stage: str
    build: Name | None = None
    state: StageState
    started_at: Instant
    updated_at: Instant
    finished_at: Instant | None = None
    earlier_seconds: Seconds = 0.0
    done: Count = 0
    total: Count = 0
    measured: dict[str, float | str] = Field(default_factory=dict)
    error: str | None = None

    def worked_seconds(self, until: datetime) -> float:
        """How long all pieces of work took together, without the pauses between; ``until`` where it is at work."""
        return self.earlier_seconds + ((self.finished_at or until) - self.started_at).total_seconds()
