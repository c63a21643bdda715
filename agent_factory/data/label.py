"""A score for each trace of a day, by whoever knows best.

In this order: people (the mean of their newest scores), the outcome that the trace carries, a model's
judgement, a rule's that was sent in, and the judge by rules. Invariant: one row a clean trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from agent_factory.contracts.record import Json
from agent_factory.contracts.trace import Feedback, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.digest import digest_rows
from agent_factory.core.store import Store
from agent_factory.data.day import DayFile
from agent_factory.data.judge import judge_trace
from agent_factory.privacy.redactor import Redactor, open_redactor

LABEL_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("score", pa.float64()),
        ("labeler", pa.string()),
        ("kind", pa.string()),
        ("reason", pa.string()),
    ]
)


def label_day(store: Store, artifacts: Artifacts, project: str, day: str) -> DayFile:
    """Write the ``labels`` of a project's day whose ``clean_events`` are there."""
    given: dict[str, list[Feedback]] = {}
    for feedback in store.find(Feedback, project=project):
        given.setdefault(feedback.trace_id, []).append(feedback)
    redactor = open_redactor()
    rows = [
        _label(trace, given.get(trace.id, []), redactor)
        for trace in artifacts.read_traces(day_path(project, day, "clean_events"))
    ]
    path = day_path(project, day, "labels")
    artifacts.write_table(path, pa.Table.from_pylist(rows, schema=LABEL_SCHEMA))
    return DayFile(day=day, path=path, rows=len(rows), digest=digest_rows(rows))


def read_labels(artifacts: Artifacts, project: str, day: str) -> dict[str, Json]:
    """The labels of a project's day by trace id."""
    rows: list[Any] = artifacts.read_table(day_path(project, day, "labels")).to_pylist()
    return {row["trace_id"]: row for row in rows}


def _label(trace: Trace, given: Sequence[Feedback], redactor: Redactor) -> dict[str, Any]:
    by_people = [feedback for feedback in given if feedback.kind == "person"]
    if by_people:
        return _from_feedback(trace, by_people, redactor)
    if trace.outcome:
        score = 1.0 if trace.outcome.success else 0.0
        reasons = "; ".join((*trace.outcome.reasons, *trace.outcome.policy_violations))
        return _row(trace, score, trace.outcome.graded_by, "outcome", reasons)
    for kind in ("outcome", "model", "rule"):
        of_kind = [feedback for feedback in given if feedback.kind == kind]
        if of_kind:
            return _from_feedback(trace, of_kind, redactor)
    judgement = judge_trace(trace)
    return _row(trace, judgement.score, "rule", "rule", judgement.reason)


def _from_feedback(trace: Trace, given: Sequence[Feedback], redactor: Redactor) -> dict[str, Any]:
    newest = {feedback.labeler: feedback for feedback in sorted(given, key=lambda f: (f.created_at, f.id))}
    chosen = [newest[labeler] for labeler in sorted(newest)]
    score = sum(feedback.score for feedback in chosen) / len(chosen)
    comments = "; ".join(feedback.comment for feedback in chosen if feedback.comment)
    session = redactor.open_session(trace)
    labelers = ", ".join(feedback.labeler for feedback in chosen)
    return _row(trace, score, labelers, chosen[0].kind, redactor.redact_text(comments, session))


def _row(trace: Trace, score: float, labeler: str, kind: str, reason: str) -> dict[str, Any]:
    return {"trace_id": trace.id, "score": score, "labeler": labeler, "kind": kind, "reason": reason}
