"""A score for each trace of a day, by whoever knows best, and how much a person's word on it would tell.

In this order: people (the mean of their newest scores), the outcome that the trace carries, an outcome that was
sent in, a model's judgement, a rule's that was sent in, and the judge by rules of its recipe. ``standing`` is "gate"
for people and outcomes, and for a judge that is calibrated well enough; else "informing". Invariants: one row a
clean trace; who only informs is asked where nobody is there who may decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa

from agent_factory.contracts.record import Json
from agent_factory.contracts.trace import Feedback, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.decision import read_clusters
from agent_factory.core.digest import digest_json, digest_rows
from agent_factory.core.store import Store
from agent_factory.data.day import DayFile
from agent_factory.data.judge import RuleJudge, find_judge
from agent_factory.data.labelling.calibration import find_usable
from agent_factory.data.labelling.feedback import read_feedback
from agent_factory.data.labelling.opinion import Opinions, collect, group_of, measure
from agent_factory.privacy.redactor import Redactor, open_redactor

LABEL_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("score", pa.float64()),
        ("labeler", pa.string()),
        ("kind", pa.string()),
        ("reason", pa.string()),
        ("standing", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("outcome", pa.float64()),
        ("rule", pa.float64()),
        ("model", pa.float64()),
        ("person", pa.float64()),
        ("disagreement", pa.float64()),
        ("rarity", pa.float64()),
        ("informativeness", pa.float64()),
        ("group", pa.string()),
        ("task", pa.string()),
        ("conversation", pa.string()),
    ]
)
"""Beside the label: the opinions by kind of labeler, what ``informativeness`` is made of, the trace's group
and task, and the digest of its conversation."""


class _Desk(NamedTuple):
    """What a label is made with.

    The labels given, the judges that may decide, the day's clusters, the redactor, and a recipe's judge by rules.
    """

    given: Mapping[str, Sequence[Feedback]]
    usable: frozenset[str]
    clusters: Mapping[str, str]
    redactor: Redactor
    judge_of: Callable[[str | None], RuleJudge]


def label_day(store: Store, artifacts: Artifacts, project: str, day: str) -> DayFile:
    """Write the ``labels`` of a project's day whose ``clean_events`` are there."""
    clusters = read_clusters(artifacts, project, day) if artifacts.exists(day_path(project, day, "clusters")) else {}
    given, usable = read_feedback(store, project), find_usable(store, project)
    desk = _Desk(given, usable, clusters, open_redactor(), lru_cache(find_judge))
    rows: list[dict[str, Any]] = []
    spreads: list[float] = []
    for trace in artifacts.read_traces(day_path(project, day, "clean_events")):
        row, opinions = _label(trace, desk)
        rows.append(row)
        spreads.append(opinions.spread)
    groups = Counter(row["group"] for row in rows)
    for row, spread in zip(rows, spreads, strict=True):
        found = measure(row["score"], spread, row["group"], groups)
        row.update(disagreement=spread, rarity=found.rarity, informativeness=found.total)
    path = day_path(project, day, "labels")
    artifacts.write_table(path, pa.Table.from_pylist(rows, schema=LABEL_SCHEMA))
    return DayFile(day=day, path=path, rows=len(rows), digest=digest_rows(rows))


def read_labels(artifacts: Artifacts, project: str, day: str) -> dict[str, Json]:
    """The labels of a project's day by trace id."""
    rows: list[Any] = artifacts.read_table(day_path(project, day, "labels")).to_pylist()
    return {row["trace_id"]: row for row in rows}


def _label(trace: Trace, desk: _Desk) -> tuple[dict[str, Any], Opinions]:
    given = desk.given.get(trace.id, ())
    judge = desk.judge_of(trace.recipe)
    ruled = judge.judge(trace)
    opinions = collect(trace, given, ruled)
    row = _decide(trace, given, desk)
    standing = "gate" if judge.name in desk.usable else "informing"
    if row is None or (row["standing"], standing) == ("informing", "gate"):
        row = {**_row(trace, ruled.score, judge.name, "rule", ruled.reason), "standing": standing}
    task = trace.scenario_id or trace.metadata.get("task_id")
    row.update(
        tags=sorted({tag for feedback in given for tag in feedback.tags}),
        outcome=opinions.outcome,
        rule=opinions.rule,
        model=opinions.model,
        person=opinions.person,
        group=desk.clusters.get(trace.id) or group_of(trace),
        task=None if task is None else str(task),
        conversation=digest_json([message.to_wire() for message in trace.messages()]),
    )
    return row, opinions


def _decide(trace: Trace, given: Sequence[Feedback], desk: _Desk) -> dict[str, Any] | None:
    """The label and its standing by those who spoke of the trace, who may decide first; None where nobody did."""
    by_people = [feedback for feedback in given if feedback.kind == "person"]
    if by_people:
        return {**_from_feedback(trace, by_people, desk.redactor), "standing": "gate"}
    if trace.outcome:
        score = 1.0 if trace.outcome.success else 0.0
        reasons = "; ".join((*trace.outcome.reasons, *trace.outcome.policy_violations))
        return {**_row(trace, score, trace.outcome.graded_by, "outcome", reasons), "standing": "gate"}
    told = [[feedback for feedback in given if feedback.kind == kind] for kind in ("outcome", "model", "rule")]
    may = [[one for one in group if one.kind == "outcome" or one.labeler in desk.usable] for group in told]
    for standing, groups in (("gate", may), ("informing", told)):
        chosen = next((group for group in groups if group), None)
        if chosen:
            return {**_from_feedback(trace, chosen, desk.redactor), "standing": standing}
    return None


def _from_feedback(trace: Trace, chosen: Sequence[Feedback], redactor: Redactor) -> dict[str, Any]:
    score = sum(feedback.score for feedback in chosen) / len(chosen)
    comments = "; ".join(feedback.comment for feedback in chosen if feedback.comment)
    session = redactor.open_session(trace)
    labelers = ", ".join(feedback.labeler for feedback in chosen)
    return _row(trace, score, labelers, chosen[0].kind, redactor.redact_text(comments, session))


def _row(trace: Trace, score: float, labeler: str, kind: str, reason: str) -> dict[str, Any]:
    return {"trace_id": trace.id, "score": score, "labeler": labeler, "kind": kind, "reason": reason}
