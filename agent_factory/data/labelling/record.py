"""The nouns of labelling, kept in the store by kind and id.

Invariant: an id follows from what the record is about and who made it, so that the same act twice is
one record, and two reviewers never write the same one.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from agent_factory.contracts.record import Count, Instant, Name, Part, Record, Seconds, Share
from agent_factory.core.digest import digest_json

ItemKind = Literal["score", "compare"]
Choice = Literal["first", "second", "tie"]
RATINGS = (1, 2, 3, 4, 5)
CHOICES: tuple[Choice, ...] = ("first", "second", "tie")


def to_score(rating: float) -> float:
    """A rating from 1 (bad) to 5 (good) as a score from 0 to 1."""
    return (rating - 1) / 4


def to_rating(score: float) -> int:
    """The rating from 1 to 5 that is nearest to a score."""
    return int(score * 4 + 0.5) + 1


def make_id(prefix: str, *parts: str | None) -> str:
    """An id that follows from what it names."""
    return f"{prefix}-{digest_json(list(parts))[:32]}"


class LabelPolicy(Record):
    """How a project's queue hands out work; ``id`` follows from the project.

    ``overlap`` is the share of items that ``overlap_reviewers`` people get, for agreement; the rest gets
    one. An item that was handed out and not answered is free again after ``lease_seconds``. Looked
    through are the newest ``days`` days that are labelled.
    """

    overlap: Share = 0.2
    overlap_reviewers: int = Field(default=2, ge=2, le=20)
    lease_seconds: float = Field(default=900.0, gt=0, le=86_400)
    days: int = Field(default=30, ge=1, le=3660)


class Assignment(Record):
    """An item in one reviewer's hands: one trace to score, or two to compare.

    While it is "open" and ``expires_at`` is ahead nobody else gets it in their stead.
    """

    kind: ItemKind
    item: str
    trace_ids: tuple[Name, ...] = Field(min_length=1, max_length=2)
    reviewer: str = Field(min_length=1, max_length=200)
    state: Literal["open", "done", "skipped"]
    expires_at: Instant
    answered_at: Instant | None = None


class Preference(Record):
    """Which of two traces is better, by a person or a model; ``first`` is the smaller id of the two."""

    first: Name
    second: Name
    choice: Choice
    labeler: str = Field(min_length=1, max_length=200)
    kind: Literal["person", "model"]
    comment: str | None = None
    tags: tuple[str, ...] = ()
    state: Literal["given", "withdrawn"] = "given"

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.first >= self.second:
            raise ValueError(f"first is {self.first!r}, second {self.second!r}: expected two ids in ascending order")
        return self


class Judgement(Record):
    """One answer of a model that was asked to judge, as it came.

    ``traces`` are in the order in which they were shown. "unreadable" is an answer without the JSON that
    was asked for, "failed" a call without an answer; neither has a ``rating`` or ``choice``.
    ``prompt_version`` is the digest of the prompt's wording, ``cost`` None where no prices were given.
    """

    task: Literal["rubric", "summary", "pair"]
    traces: tuple[Name, ...]
    model: str
    prompt_version: str
    state: Literal["read", "unreadable", "failed"]
    answer: str | None
    rating: int | None = Field(default=None, ge=1, le=5)
    choice: Choice | None = None
    text: str | None = None
    attempts: Count
    prompt_tokens: Count
    completion_tokens: Count
    latency_seconds: Seconds
    cost: float | None = Field(default=None, ge=0)
    currency: str | None = None


class Interval(Part):
    """A 95 % interval by bootstrap over items; None where too few resamples had a value."""

    low: float
    high: float


class Statistic(Part):
    """A coefficient with its interval; ``value`` is None, with the ``reason``, where it is not defined."""

    name: str
    value: float | None
    interval: Interval | None = None
    items: Count
    reason: str | None = None


class Calibration(Record):
    """How a judge agrees with people on the items that people labelled (the golden set).

    ``kappa`` is Cohen's κ and decides ``usable_as_gate``: of scores by the verdict "better than the
    middle", of comparisons by the choice. ``weighted_kappa`` is the quadratically weighted κ of the
    ratings 1 to 5, None for comparisons. ``confusion`` counts [people's value][judge's value], of ratings
    1 to 5 or of first, second and tie. ``golden_digest`` is over the items and what people said of them.
    """

    judge: str
    kind: Literal["model", "rule"]
    task: ItemKind
    golden_items: Count
    golden_digest: str
    kappa: Statistic
    weighted_kappa: Statistic | None
    confusion: tuple[tuple[Count, ...], ...]
    required_kappa: float
    required_items: Count
    usable_as_gate: bool
    reason: str
