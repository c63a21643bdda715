"""From a failed trace to a scenario that reproduces it: what is rebuilt, and what came of it.

Invariant: a trace that became no scenario says which of the conditions did not hold, and why.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent_factory.contracts.fault import Fault
from agent_factory.contracts.record import Json, Name, Part
from agent_factory.contracts.scenario import Level, Reply, ScenarioSet, Solution, SuccessRules


class Reconstruction(Part):
    """What a recipe reads out of a trace: the world as it was before the first call, and what solves the task.

    ``assumed`` names what in ``state`` the trace does not tell. ``replies`` None are the user's later lines as
    the trace has them, ``faults`` None those that its tool results show.
    """

    state: Json
    rules: SuccessRules
    solution: Solution
    level: Level = "L3"
    kind: str = "production"
    replies: tuple[Reply, ...] | None = None
    faults: tuple[Fault, ...] | None = None
    assumed: tuple[str, ...] = ()


class Amendment(Part):
    """What a person gives of a reconstruction: it stands in the place of what the recipe's code reads."""

    state: Json | None = None
    rules: SuccessRules | None = None
    solution: Solution | None = None
    level: Level | None = None
    kind: str | None = None
    replies: tuple[Reply, ...] | None = None
    faults: tuple[Fault, ...] | None = None


class Admission(Part):
    """What became of a trace; ``failed`` is the condition that did not hold where it was refused.

    ``trace``: it is no failed trace, or tells too little; ``reproduces``: its own actions do not see the same
    tool results, or do not fail again; ``solution``: the reference solution does not pass; ``null agent``:
    doing nothing passes; ``recipe``: the recipe's hook or simulator broke on it.
    """

    trace: Name
    verdict: Literal["admitted", "duplicate", "refused"]
    failed: Literal["trace", "reproduces", "solution", "null agent", "recipe"] | None = None
    reason: str | None = None
    scenario: Name | None = None
    assumed: tuple[str, ...] = ()


class AdmissionReport(Part):
    """What became of traces, in their order; ``set`` holds the scenarios, None where there are none yet."""

    set: ScenarioSet | None
    admitted: int = Field(ge=0)
    traces: tuple[Admission, ...]
