"""How far a judge can be trusted: its scores beside those of people, on the traces that people labelled.

A judge is usable as a gate where κ of its verdicts with people's reaches ``REQUIRED_KAPPA`` on at least
``REQUIRED_ITEMS`` traces; below that its labels inform only. Invariant: people's labels and the judge's
scores alone decide, and the judge by rules is measured like a model.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent_factory.contracts.trace import Feedback
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.data.judge import RULE_JUDGE, judge_trace
from agent_factory.data.labelling.agreement import cohen_kappa
from agent_factory.data.labelling.feedback import read_feedback
from agent_factory.data.labelling.item import find_days, read_items
from agent_factory.data.labelling.record import RATINGS, Calibration, Statistic, make_id, to_rating

REQUIRED_KAPPA = 0.75
REQUIRED_ITEMS = 30
_MIDDLE = 0.5


def calibrate(store: Store, artifacts: Artifacts, project: str, judge: str | None = None) -> list[Calibration]:
    """Measure every judge that has a say (or ``judge`` alone) against people, and keep the results.

    InputError where people have labelled nothing, NotFoundError for a judge without scores.
    """
    given = read_feedback(store, project)
    golden = _golden(given)
    if not golden:
        raise InputError(
            f"people have labelled no trace of project {project!r}: label some first, at /label of the API "
            "or by `factory data label`, then calibrate"
        )
    judges = _scores(given, golden)
    judges[RULE_JUDGE] = _rule_scores(store, artifacts, project, golden)
    if judge is not None and judge not in judges:
        raise NotFoundError(
            f"no judge {judge!r} has scored what people labelled in project {project!r}; there are: {sorted(judges)}"
        )
    wanted = [judge] if judge is not None else sorted(judges)
    found = [_measure(project, name, judges[name], golden) for name in wanted]
    for calibration in found:
        store.put(calibration, replace=True)
    return found


def read_calibrations(store: Store, project: str) -> list[Calibration]:
    """The newest calibration of each judge, by name."""
    return sorted(store.find(Calibration, project=project), key=lambda one: one.judge)


def find_usable(store: Store, project: str) -> frozenset[str]:
    """The judges whose labels may stand as a gate."""
    return frozenset(one.judge for one in store.find(Calibration, project=project) if one.usable_as_gate)


def _golden(given: Mapping[str, list[Feedback]]) -> dict[str, float]:
    """The mean of people's scores by trace."""
    people = {name: [one.score for one in labels if one.kind == "person"] for name, labels in given.items()}
    return {name: sum(scores) / len(scores) for name, scores in sorted(people.items()) if scores}


def _scores(given: Mapping[str, list[Feedback]], golden: Mapping[str, float]) -> dict[str, dict[str, float]]:
    judges: dict[str, dict[str, float]] = {}
    for name in golden:
        for one in given[name]:
            if one.kind in ("model", "rule"):
                judges.setdefault(one.labeler, {})[name] = one.score
    return judges


def _rule_scores(store: Store, artifacts: Artifacts, project: str, golden: Mapping[str, float]) -> dict[str, float]:
    days = find_days(store, project, golden)
    traces = (trace for day in sorted(set(days.values())) for trace in read_items(artifacts, project, day, golden))
    return {trace.id: judge_trace(trace).score for trace in traces}


def _measure(project: str, judge: str, scores: Mapping[str, float], golden: Mapping[str, float]) -> Calibration:
    items = sorted(scores)
    people, theirs = [golden[item] for item in items], [scores[item] for item in items]
    ratings = [to_rating(score) for score in people], [to_rating(score) for score in theirs]
    verdicts = [score > _MIDDLE for score in people], [score > _MIDDLE for score in theirs]
    kappa = cohen_kappa(*verdicts, labels=(False, True))
    confusion = [[0] * len(RATINGS) for _ in RATINGS]
    for one, other in zip(*ratings, strict=True):
        confusion[one - 1][other - 1] += 1
    usable, reason = _decide(kappa)
    return Calibration(
        id=make_id("calibration", project, judge),
        project=project,
        created_at=clock.now(),
        judge=judge,
        kind="rule" if judge.startswith("rule:") else "model",
        golden_items=len(items),
        golden_digest=digest_json([[item, golden[item]] for item in items]),
        kappa=kappa,
        weighted_kappa=cohen_kappa(*ratings, labels=RATINGS, weights="quadratic"),
        confusion=tuple(tuple(row) for row in confusion),
        required_kappa=REQUIRED_KAPPA,
        required_items=REQUIRED_ITEMS,
        usable_as_gate=usable,
        reason=reason,
    )


def _decide(kappa: Statistic) -> tuple[bool, str]:
    if kappa.value is None:
        return False, f"kappa is not defined: {kappa.reason}"
    if kappa.items < REQUIRED_ITEMS:
        return False, f"{kappa.items} golden traces, at least {REQUIRED_ITEMS} are asked for"
    if kappa.value < REQUIRED_KAPPA:
        return False, f"kappa is {kappa.value:.2f}, {REQUIRED_KAPPA} is asked for: its labels inform only"
    return True, f"kappa is {kappa.value:.2f}, at least {REQUIRED_KAPPA}"
