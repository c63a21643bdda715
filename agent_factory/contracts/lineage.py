"""Where a thing comes from and what was made of it, asked in either direction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent_factory.contracts.record import Count, Part

NodeKind = Literal[
    "trace", "day", "dataset", "rollouts", "scenarios", "build", "model", "report", "release", "deployment"
]


class Node(Part):
    """A thing: ``id`` names it within its kind, ``told`` says what it is, ``via`` through which it was reached.

    ``forgotten`` is how many traces of forgotten people it still holds.
    """

    kind: NodeKind
    id: str
    told: str = ""
    via: tuple[str, ...] = ()
    forgotten: Count = 0


class TraceLine(Part):
    """A trace that something was made from: how it ended, and as what it is there."""

    id: str
    role: str
    source: str
    success: bool | None = None
    level: str | None = None
    kind: str | None = None
    reasons: tuple[str, ...] = ()


class Contents(Part):
    """The traces that something was made from, by outcome; ``failures`` are the first of those that failed."""

    total: Count = 0
    by_outcome: dict[str, int] = Field(default_factory=dict)
    by_source: dict[str, int] = Field(default_factory=dict)
    failures: tuple[TraceLine, ...] = ()


class Lineage(Part):
    """What ``of`` was made from, and what was made from it; nearest first."""

    of: Node
    made_from: tuple[Node, ...] = ()
    went_into: tuple[Node, ...] = ()
    contents: Contents = Contents()
