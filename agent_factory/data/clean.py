"""A day's traces without personal data: the only form in which anything downstream reads them.

Each trace is redacted with the names of its own recipe. Traces with nothing to learn from, and exact
copies, are dropped; every decision stands with its reason in the day's ``decisions``.
Invariant: what was not redacted is not written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal

import pyarrow as pa

from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.digest import digest_json
from agent_factory.core.error import NotFoundError
from agent_factory.core.recipe import load_recipe
from agent_factory.data.day import DayFile, write_day
from agent_factory.privacy.redactor import Redactor, open_redactor

Verdict = Literal["kept", "flagged", "dropped"]
_DECISION_SCHEMA = pa.schema([("trace_id", pa.string()), ("verdict", pa.string()), ("reason", pa.string())])


def clean_day(
    artifacts: Artifacts, project: str, day: str, redactor_of: Callable[[str | None], Redactor | None] | None = None
) -> DayFile:
    """Write ``clean_events`` and ``decisions`` of a project's day whose ``events`` are there.

    ``redactor_of`` gives the redactor of a recipe's name, or None where there is no such recipe.
    """
    decisions: list[dict[str, str]] = []
    events = artifacts.read_traces(day_path(project, day, "events"))
    clean = _clean(events, redactor_of or lru_cache(redactor_of_recipe), decisions)
    file = write_day(artifacts, project, day, "clean_events", clean)
    artifacts.write_table(day_path(project, day, "decisions"), pa.Table.from_pylist(decisions, schema=_DECISION_SCHEMA))
    return file


def redactor_of_recipe(name: str | None) -> Redactor | None:
    """The redactor of a recipe, that of no recipe for None, or None where the recipe is unknown."""
    try:
        return open_redactor(load_recipe(name) if name else None)
    except NotFoundError:
        return None


def _clean(
    traces: Iterator[Trace], redactor_of: Callable[[str | None], Redactor | None], decisions: list[dict[str, str]]
) -> Iterator[Trace]:
    first_of: dict[str, str] = {}
    for trace in traces:
        reason = _reason_to_drop(trace, first_of)
        redactor = redactor_of(trace.recipe)
        if reason:
            decisions.append({"trace_id": trace.id, "verdict": "dropped", "reason": reason})
            continue
        if redactor is None:
            why = f"recipe {trace.recipe!r} is not known here: no list of names was applied"
            decisions.append({"trace_id": trace.id, "verdict": "flagged", "reason": why})
            redactor = redactor_of(None)
            if redactor is None:
                raise NotFoundError("there is no redactor for traces without a recipe: redactor_of(None) gave None")
        else:
            decisions.append({"trace_id": trace.id, "verdict": "kept", "reason": "redacted"})
        yield redactor.redact_trace(trace)


def _reason_to_drop(trace: Trace, first_of: dict[str, str]) -> str | None:
    if not trace.steps:
        return "empty: it has no step"
    told = trace.model_dump(
        mode="json", include={"recipe", "scenario_id", "session_id", "system", "steps", "closing", "outcome"}
    )
    for step in told["steps"]:
        for measured in ("latency_seconds", "cost", "usage"):
            step.pop(measured)
    first = first_of.setdefault(digest_json(told), trace.id)
    return None if first == trace.id else f"exact copy of {first}"
