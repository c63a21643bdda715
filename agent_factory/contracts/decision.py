"""What was decided about a trace when its day was cleaned, and what a person made of that.

Invariant: a decision names the rule that gave it and a reason that a person can read; a person's word
stands above every rule's and is kept as a record of its own, so that it outlives the day's files.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent_factory.contracts.record import Count, Instant, Name, Part, Record, Share

Verdict = Literal["kept", "flagged", "dropped"]
"""``flagged`` stays in the clean events and out of training; ``dropped`` is not in the clean events."""


class Decision(Part):
    """One trace's verdict; ``ruled`` is what the rules had said where ``reviewer`` overruled them."""

    trace_id: str
    verdict: Verdict
    rule: str
    reason: str
    ruled: str | None = None
    reviewer: str | None = None
    overruled_at: Instant | None = None


class Overruling(Record):
    """A person's word on a trace, whatever the rules say; the newest one of a trace counts."""

    trace_id: Name
    day: str
    verdict: Literal["keep", "drop"]
    reason: str = Field(min_length=1, max_length=4000)
    reviewer: str = Field(min_length=1, max_length=200)


class Refresh(Record):
    """That a day's data is to be made again, though no trace of it came in; ``reason`` says why."""

    day: str
    reason: str
    state: Literal["waiting", "told"] = "waiting"


class ClusterShape(Part):
    """One cluster of like tasks: its readable name, its centre as weights by term, and how many made it."""

    name: str
    terms: dict[str, float]
    members: Count


class Codebook(Record):
    """The clusters of a project's tasks: fitted once, then only assigned, so that names last.

    ``weights`` is the inverse document frequency by term. ``reach`` is the cosine similarity to their
    centre below which 5 % of the traces lay that it was ``fitted_on``; ``silhouette`` is from -1 to 1.
    """

    version: int = Field(ge=1)
    fitted_on: tuple[str, ...]
    traces: Count
    weights: dict[str, float]
    clusters: tuple[ClusterShape, ...]
    reach: Share
    silhouette: float = Field(ge=-1, le=1)
