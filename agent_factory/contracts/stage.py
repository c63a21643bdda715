"""How far a stage of a build (or of a day) has come: what the progress display and the reports read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent_factory.contracts.record import Count, Instant, Name, Record

StageState = Literal["running", "done", "failed"]


class StageRun(Record):
    """One stage of a build; ``id`` is ``<build, or day and project>.<factory>.<thing>``, so a repeat replaces it.

    ``measured`` is what the stage has measured so far, by name ("loss", "success").
    """

    factory: str
    stage: str
    build: Name | None = None
    state: StageState
    started_at: Instant
    updated_at: Instant
    finished_at: Instant | None = None
    done: Count = 0
    total: Count = 0
    measured: dict[str, float | str] = Field(default_factory=dict)
    error: str | None = None
