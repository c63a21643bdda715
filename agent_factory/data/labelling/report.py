"""How far a project's reviewers agree, from the labels that count: each two of them, and all together."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import chain

from agent_factory.contracts.record import Count, Part
from agent_factory.core.store import Store
from agent_factory.data.labelling.agreement import cohen_kappa, krippendorff_alpha, pair_up
from agent_factory.data.labelling.feedback import read_feedback, read_votes
from agent_factory.data.labelling.record import CHOICES, RATINGS, Statistic, to_rating


class PairAgreement(Part):
    """Two reviewers on what both labelled."""

    first: str
    second: str
    items: Count
    kappas: tuple[Statistic, ...]


class Agreement(Part):
    """One kind of label: how many items and reviewers, α over all, κ of each two."""

    items: Count
    labels: Count
    reviewers: tuple[str, ...]
    labelled_twice: Count
    alphas: tuple[Statistic, ...]
    pairs: tuple[PairAgreement, ...]


class AgreementReport(Part):
    """Agreement on ratings (a score counts as the nearest rating from 1 to 5) and on preferences."""

    project: str
    ratings: Agreement
    preferences: Agreement


def read_agreement(store: Store, project: str) -> AgreementReport:
    """The agreement among people as their labels stand."""
    ratings: dict[Hashable, dict[str, int]] = {}
    for trace_id, labels in read_feedback(store, project).items():
        by_people = {one.labeler: to_rating(one.score) for one in labels if one.kind == "person"}
        if by_people:
            ratings[trace_id] = by_people
    votes: dict[Hashable, dict[str, str]] = {}
    for vote in read_votes(store, project):
        votes.setdefault((vote.first, vote.second), {})[vote.labeler] = vote.choice
    return AgreementReport(project=project, ratings=_of_ratings(ratings), preferences=_of_votes(votes))


def _of_ratings(labels: dict[Hashable, dict[str, int]]) -> Agreement:
    items = [list(found.values()) for found in labels.values()]
    pairs = tuple(
        PairAgreement(
            first=one,
            second=other,
            items=len(sides[0]),
            kappas=(
                cohen_kappa(*sides, labels=RATINGS),
                cohen_kappa(*sides, labels=RATINGS, weights="linear"),
                cohen_kappa(*sides, labels=RATINGS, weights="quadratic"),
            ),
        )
        for (one, other), sides in pair_up(labels).items()
    )
    alphas = (
        krippendorff_alpha(items, "nominal"),
        krippendorff_alpha(items, "ordinal"),
        krippendorff_alpha(items, "interval"),
    )
    return _agreement(items, sorted(set(chain.from_iterable(labels.values()))), alphas, pairs)


def _of_votes(labels: dict[Hashable, dict[str, str]]) -> Agreement:
    items = [list(found.values()) for found in labels.values()]
    pairs = tuple(
        PairAgreement(first=one, second=other, items=len(sides[0]), kappas=(cohen_kappa(*sides, labels=CHOICES),))
        for (one, other), sides in pair_up(labels).items()
    )
    alphas = (krippendorff_alpha(items, "nominal"),)
    return _agreement(items, sorted(set(chain.from_iterable(labels.values()))), alphas, pairs)


def _agreement(
    items: list[list[int]] | list[list[str]],
    reviewers: list[str],
    alphas: tuple[Statistic, ...],
    pairs: tuple[PairAgreement, ...],
) -> Agreement:
    return Agreement(
        items=len(items),
        labels=sum(len(item) for item in items),
        reviewers=tuple(reviewers),
        labelled_twice=sum(1 for item in items if len(item) > 1),
        alphas=alphas,
        pairs=pairs,
    )
