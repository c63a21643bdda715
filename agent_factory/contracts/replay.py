"""What came of playing a recorded trace again, and of grading one by other rules.

Invariant: a trace whose world is not what it was is ``refused`` with what differs, and never compared.
"""

from __future__ import annotations

from typing import Literal

from agent_factory.contracts.record import Count, Name, Part
from agent_factory.contracts.trace import Outcome


class Difference(Part):
    """Where a replay went another way: in a step's ``field``, or in the trace's own where ``step`` is None.

    ``diff`` is a unified diff from recorded to replayed, cut where it is long.
    """

    step: Count | None
    field: str
    recorded: str
    replayed: str
    diff: str


class Replay(Part):
    """A trace beside what its actions lead to now; ``reason`` says why one was refused, or what was not compared."""

    trace: Name
    verdict: Literal["identical", "different", "refused"]
    steps: Count = 0
    reason: str | None = None
    differences: tuple[Difference, ...] = ()


class Rescored(Part):
    """A trace graded by the rules of today's scenario; ``new`` is None where it could not be, and why is the reason.

    ``by`` says from what: the trace itself, or a replay of its actions.
    """

    trace: Name
    scenario: Name | None = None
    old: Outcome | None = None
    new: Outcome | None = None
    by: Literal["trace", "replay"] | None = None
    reason: str | None = None

    @property
    def changed(self) -> bool:
        """Whether success is another than it was."""
        return self.old is not None and self.new is not None and self.old.success != self.new.success


class RescoreReport(Part):
    """What re-scoring a run's traces on a scenario set came to; ``path`` holds the traces with their new outcomes."""

    run: Name
    scenarios: Name
    traces: Count
    rescored: Count
    old_success: float | None
    new_success: float | None
    path: str
    changed: tuple[Rescored, ...] = ()
    left_out: tuple[Rescored, ...] = ()
