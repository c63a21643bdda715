"""The rows of datasets, made from labelled traces; every row names the traces that it came from.

Messages are lists in OpenAI's wire format as JSON text. A conversation ends with its last assistant
message. Invariant: the order of rows follows from the order of traces alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from agent_factory.contracts.dataset import Bond, DatasetKind
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Trace
from agent_factory.core.digest import digest_json
from agent_factory.data.judge import find_break
from agent_factory.data.query import DatasetQuery, Labelled, called_tools
from agent_factory.privacy.label import label_of

_TASK = ("tools", "task", "level", "kind")
_COLUMNS: dict[str, tuple[str, ...]] = {
    "sft": ("messages", *_TASK, "score", "subjects", "trace_ids"),
    "rft": ("messages", *_TASK, "score", "subjects", "trace_ids"),
    "pairs": ("prompt", "chosen", "rejected", "tools", "pairing", "task", "level", "kind", "subjects", "trace_ids"),
    "scores": ("messages", *_TASK, "score", "label", "subjects", "trace_ids"),
    "eval": ("scenario_id", "level", "kind", "messages", "trace_ids"),
    "cases": ("messages", "reference", *_TASK, "subjects", "trace_ids"),
}
_LISTS = pa.list_(pa.string())
_TYPES: dict[str, pa.DataType] = {"score": pa.float64(), "trace_ids": _LISTS, "subjects": _LISTS}
_SHARED = ("IP:", "SECRET:", "BIRTHDATE:")
Row = dict[str, Any]


class Made(NamedTuple):
    """A row, what binds it to others, and the stratum in which it is drawn: its level and last tool."""

    row: Row
    bonds: tuple[str, ...] = ()
    stratum: str = ""


def schema_of(kind: DatasetKind, query: DatasetQuery) -> pa.Schema:
    """The columns of a dataset and their types."""
    name: str = kind
    if kind == "preference":
        name = query.form
    elif kind == "eval" and query.taskset is None:
        name = "cases"
    return pa.schema([(column, _TYPES.get(column, pa.string())) for column in _COLUMNS[name]])


def conversation(trace: Trace) -> list[dict[str, Any]]:
    """System prompt and messages up to the agent's last one, in wire format."""
    told = [message.to_wire() for step in trace.steps for message in (*step.observation, step.action)]
    return [{"role": "system", "content": trace.system}, *told] if trace.system else told


def sft_rows(traces: Iterable[Labelled], query: DatasetQuery) -> Iterator[Made]:
    """One row for each conversation worth imitating: well labelled, within policy, not seen before."""
    seen: set[bytes] = set()
    for labelled in traces:
        if labelled.score < query.min_score or is_unfit(labelled.trace):
            continue
        messages = conversation(labelled.trace)
        if _is_new(messages, seen):
            yield _make(labelled, {"messages": dump(messages), "score": labelled.score})


def rft_rows(traces: Iterable[Labelled], query: DatasetQuery) -> Iterator[Made]:
    """Conversations that a grader accepted, a few different ones a task: what reinforcement keeps of samples."""
    seen: set[bytes] = set()
    taken: dict[str, int] = {}
    for labelled in traces:
        trace = labelled.trace
        if trace.outcome is None or not trace.outcome.success or labelled.score < query.min_score or is_unfit(trace):
            continue
        messages, task = conversation(trace), task_of(trace)
        if task is not None and taken.get(task, 0) >= query.max_pairs_per_task:
            continue
        if _is_new(messages, seen):
            if task is not None:
                taken[task] = taken.get(task, 0) + 1
            yield _make(labelled, {"messages": dump(messages), "score": trace.outcome.reward})


def score_rows(traces: Iterable[Labelled], _: DatasetQuery) -> Iterator[Made]:
    """Every conversation with its score and who gave it, good and bad: for a reward model that learns scores."""
    seen: set[bytes] = set()
    for labelled in traces:
        messages = conversation(labelled.trace)
        if labelled.trace.steps and _is_new(messages, seen):
            label = str(labelled.label["kind"])
            yield _make(labelled, {"messages": dump(messages), "score": labelled.score, "label": label})


def case_rows(traces: Iterable[Labelled], query: DatasetQuery) -> Iterator[Made]:
    """What a conversation opens with, and as ``reference`` how a good one went on from there."""
    seen: set[bytes] = set()
    for labelled in traces:
        messages = conversation(labelled.trace)
        begun = next((i for i, message in enumerate(messages) if message["role"] == "assistant"), len(messages))
        if labelled.score < query.min_score or is_unfit(labelled.trace) or begun == 0:
            continue
        if _is_new(messages[:begun], seen):
            yield _make(labelled, {"messages": dump(messages[:begun]), "reference": dump(messages[begun:])})


def scenario_rows(scenarios: Iterable[Scenario], redact: Any) -> Iterator[Made]:
    """The openings of held-out scenarios, redacted as traces are; ``trace_ids`` is empty."""
    for scenario in scenarios:
        messages = [redact(message).to_wire() for message in scenario.opening]
        row = {"scenario_id": scenario.id, "level": scenario.level, "kind": scenario.kind}
        yield Made(
            {**row, "messages": dump(messages), "trace_ids": []}, (f"task:{scenario.id}",), f"{scenario.level}/{None}"
        )


def task_of(trace: Trace) -> str | None:
    """What was to be done: the scenario, or the task that an import names."""
    task = trace.metadata.get("task_id")
    return trace.scenario_id or (None if task is None else str(task))


def is_unfit(trace: Trace) -> bool:
    """Whether a trace is nothing to imitate, whatever its score: it broke the policy, or broke off, also in between."""
    violated = trace.outcome is not None and trace.outcome.policy_violations
    return bool(violated) or find_break(trace) is not None


def describe(trace: Trace) -> Row:
    """What every row of a trace has in common."""
    level, kind = trace.metadata.get("level"), trace.metadata.get("kind")
    return {
        "tools": dump([tool.to_wire() for tool in trace.tools]),
        "task": task_of(trace),
        "level": None if level is None else str(level),
        "kind": None if kind is None else str(kind),
        # Who is in it, by keyed hash: for leak checks, and to find a person without naming them.
        "subjects": subjects_of(trace),
    }


def subjects_of(trace: Trace) -> list[str]:
    """Whom and what a trace speaks of, as ``EMAIL:<keyed hash>``."""
    return sorted({f"{label_of(name)}:{found}" for name, found in trace.pseudonyms.items()})


def bonds_of(trace: Trace) -> tuple[str, ...]:
    """What keeps a trace's rows together with others: its people, its session, its task."""
    bonds: list[str] = [f"{_bond('subject')}{name}" for name in subjects_of(trace) if not name.startswith(_SHARED)]
    if trace.session_id is not None:
        bonds.append(f"{_bond('session')}{trace.session_id}")
    if (task := task_of(trace)) is not None:
        bonds.append(f"{_bond('task')}{trace.recipe}/{task}")
    return tuple(bonds)


def stratum_of(trace: Trace) -> str:
    """Its level and the tool that it called last, which is the one that did something about the request."""
    return f"{trace.metadata.get('level')}/{next(reversed(called_tools(trace)), None)}"


def dump(value: Any) -> str:
    """JSON text as it stands in rows."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _bond(name: Bond) -> str:
    return f"{name}:"


def _make(labelled: Labelled, told: Row) -> Made:
    trace = labelled.trace
    return Made({**told, **describe(trace), "trace_ids": [trace.id]}, bonds_of(trace), stratum_of(trace))


def _is_new(messages: list[dict[str, Any]], seen: set[bytes]) -> bool:
    digest = bytes.fromhex(digest_json(messages))[:16]
    known = digest in seen
    seen.add(digest)
    return not known
