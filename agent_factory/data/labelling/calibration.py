"""How far a judge can be trusted: its scores beside those of people, on the traces that people labelled.

A judge is usable as a gate where κ of its verdicts (or choices) with people's reaches ``REQUIRED_KAPPA`` on at least
``REQUIRED_ITEMS`` items; below that its labels inform only. Invariant: people's labels and the judge's
scores alone decide, and a judge by rules is measured like a model, on the traces that it is the judge of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from agent_factory.contracts.trace import Feedback
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.data.judge import find_judge
from agent_factory.data.labelling.agreement import cohen_kappa
from agent_factory.data.labelling.feedback import read_feedback, read_preferences, read_votes
from agent_factory.data.labelling.item import find_days, read_items
from agent_factory.data.labelling.record import (
    CHOICES,
    RATINGS,
    Calibration,
    Choice,
    ItemKind,
    Statistic,
    make_id,
    to_rating,
)

REQUIRED_KAPPA = 0.75
REQUIRED_ITEMS = 30
_MIDDLE = 0.5
Pair = tuple[str, str]


def calibrate(store: Store, artifacts: Artifacts, project: str, judge: str | None = None) -> list[Calibration]:
    """Measure every judge that has a say (or ``judge`` alone) against people, and keep the results.

    InputError where people have labelled nothing, NotFoundError for a judge without scores.
    """
    given = read_feedback(store, project)
    golden = _golden(given)
    judges = _scores(given, golden) | _rule_scores(store, artifacts, project, golden)
    preferred = _preferred(store, project)
    comparers = _choices(store, project, preferred)
    if not golden and not preferred:
        raise InputError(
            f"people have labelled nothing in project {project!r}: label some traces first, at /label of the API "
            "or by `factory data label`, then calibrate"
        )
    known = sorted({*judges, *comparers})
    if judge is not None and judge not in known:
        raise NotFoundError(
            f"no judge {judge!r} has judged what people labelled in project {project!r}; there are: {known}"
        )
    wanted = known if judge is None else [judge]
    found = [_measure_scores(project, name, judges[name], golden) for name in wanted if name in judges]
    found += [_measure_choices(project, name, comparers[name], preferred) for name in wanted if name in comparers]
    for calibration in found:
        store.put(calibration, replace=True)
    return found


def read_calibrations(store: Store, project: str) -> list[Calibration]:
    """The newest calibration of each judge, by name."""
    return sorted(store.find(Calibration, project=project), key=lambda one: one.judge)


def find_usable(store: Store, project: str) -> frozenset[str]:
    """The judges whose scores may stand as a gate."""
    known = store.find(Calibration, project=project)
    return frozenset(one.judge for one in known if one.usable_as_gate and one.task == "score")


def _golden(given: Mapping[str, list[Feedback]]) -> dict[str, float]:
    """The mean of people's scores by trace."""
    people = {name: [one.score for one in labels if one.kind == "person"] for name, labels in given.items()}
    return {name: sum(scores) / len(scores) for name, scores in sorted(people.items()) if scores}


def _preferred(store: Store, project: str) -> dict[Pair, Choice]:
    """What most people chose, by pair in ascending order."""
    found: dict[Pair, Choice] = {}
    for pair in read_preferences(store, project):
        first, second = sorted((pair.better, pair.worse))
        found[first, second] = "tie" if pair.tie else "first" if pair.better == first else "second"
    return found


def _scores(given: Mapping[str, list[Feedback]], golden: Mapping[str, float]) -> dict[str, dict[str, float]]:
    judges: dict[str, dict[str, float]] = {}
    for name in golden:
        for one in given[name]:
            if one.kind in ("model", "rule"):
                judges.setdefault(one.labeler, {})[name] = one.score
    return judges


def _rule_scores(
    store: Store, artifacts: Artifacts, project: str, golden: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """The scores of each judge by rules on the traces that it is the judge of, which are those of its recipe."""
    judge_of, judges = lru_cache(find_judge), dict[str, dict[str, float]]()
    days = find_days(store, project, golden)
    traces = (trace for day in sorted(set(days.values())) for trace in read_items(artifacts, project, day, golden))
    for trace in traces:
        judge = judge_of(trace.recipe)
        judges.setdefault(judge.name, {})[trace.id] = judge.judge(trace).score
    return judges


def _choices(store: Store, project: str, golden: Mapping[Pair, Choice]) -> dict[str, dict[Pair, Choice]]:
    judges: dict[str, dict[Pair, Choice]] = {}
    for vote in read_votes(store, project, "model"):
        if (vote.first, vote.second) in golden:
            judges.setdefault(vote.labeler, {})[vote.first, vote.second] = vote.choice
    return judges


def _measure_scores(project: str, judge: str, scores: Mapping[str, float], golden: Mapping[str, float]) -> Calibration:
    items = sorted(scores)
    people, theirs = [golden[item] for item in items], [scores[item] for item in items]
    ratings = [to_rating(score) for score in people], [to_rating(score) for score in theirs]
    verdicts = [score > _MIDDLE for score in people], [score > _MIDDLE for score in theirs]
    return _record(
        project,
        judge,
        "score",
        [[item, golden[item]] for item in items],
        cohen_kappa(*verdicts, labels=(False, True)),
        cohen_kappa(*ratings, labels=RATINGS, weights="quadratic"),
        _count(*ratings, RATINGS),
    )


def _measure_choices(
    project: str, judge: str, choices: Mapping[Pair, Choice], golden: Mapping[Pair, Choice]
) -> Calibration:
    pairs = sorted(choices)
    sides = [golden[pair] for pair in pairs], [choices[pair] for pair in pairs]
    told = [[*pair, golden[pair]] for pair in pairs]
    return _record(project, judge, "compare", told, cohen_kappa(*sides, labels=CHOICES), None, _count(*sides, CHOICES))


def _record(
    project: str,
    judge: str,
    task: ItemKind,
    golden: Sequence[Sequence[Any]],
    kappa: Statistic,
    weighted: Statistic | None,
    confusion: tuple[tuple[int, ...], ...],
) -> Calibration:
    usable, reason = _decide(kappa)
    return Calibration(
        id=make_id("calibration", project, judge, task),
        project=project,
        created_at=clock.now(),
        judge=judge,
        kind="rule" if judge.startswith("rule:") else "model",
        task=task,
        golden_items=len(golden),
        golden_digest=digest_json(golden),
        kappa=kappa,
        weighted_kappa=weighted,
        confusion=confusion,
        required_kappa=REQUIRED_KAPPA,
        required_items=REQUIRED_ITEMS,
        usable_as_gate=usable,
        reason=reason,
    )


def _count(people: Sequence[Any], theirs: Sequence[Any], values: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
    both = Counter(zip(people, theirs, strict=True))
    return tuple(tuple(both[one, other] for other in values) for one in values)


def _decide(kappa: Statistic) -> tuple[bool, str]:
    if kappa.value is None:
        return False, f"kappa is not defined: {kappa.reason}"
    if kappa.items < REQUIRED_ITEMS:
        return False, f"{kappa.items} golden items, at least {REQUIRED_ITEMS} are asked for"
    if kappa.value < REQUIRED_KAPPA:
        return False, f"kappa is {kappa.value:.2f}, {REQUIRED_KAPPA} is asked for: its labels inform only"
    return True, f"kappa is {kappa.value:.2f}, at least {REQUIRED_KAPPA}"
