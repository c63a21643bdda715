"""The rows of datasets, made from labelled traces; every row names the traces that it came from.

Messages are lists in OpenAI's wire format as JSON text. A conversation ends with its last assistant
message. Invariant: the order of rows follows from the order of traces alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

from agent_factory.contracts.dataset import DatasetKind
from agent_factory.contracts.scenario import Scenario
from agent_factory.contracts.trace import Trace
from agent_factory.core.digest import digest_json
from agent_factory.data.query import DatasetQuery, Labelled
from agent_factory.privacy.label import label_of

COLUMNS: dict[DatasetKind, tuple[str, ...]] = {
    "sft": ("messages", "tools", "task", "level", "kind", "score", "subjects", "trace_ids"),
    "rft": ("messages", "tools", "task", "level", "kind", "score", "subjects", "trace_ids"),
    "preference": (
        "prompt",
        "chosen",
        "rejected",
        "tools",
        "pairing",
        "task",
        "level",
        "kind",
        "subjects",
        "trace_ids",
    ),
    "eval": ("scenario_id", "level", "kind", "messages", "trace_ids"),
}
Row = dict[str, Any]


def conversation(trace: Trace) -> list[dict[str, Any]]:
    """System prompt and messages up to the agent's last one, in wire format."""
    told = [message.to_wire() for step in trace.steps for message in (*step.observation, step.action)]
    return [{"role": "system", "content": trace.system}, *told] if trace.system else told


def sft_rows(traces: Iterable[Labelled], query: DatasetQuery) -> Iterator[Row]:
    """One row for each conversation worth imitating: well labelled, within policy, not seen before."""
    seen: set[str] = set()
    for trace, score, _ in traces:
        if score < query.min_score or _is_unfit(trace):
            continue
        messages = conversation(trace)
        digest = digest_json(messages)
        if digest not in seen:
            seen.add(digest)
            yield {
                "messages": _dump(messages),
                "score": score,
                **_common(trace),
                "trace_ids": [trace.id],
            }


def preference_rows(traces: Iterable[Labelled], query: DatasetQuery) -> Iterator[Row]:
    """Pairs of a better and a worse conversation of the same scenario or task, then of the same kind.

    ``prompt`` is what both begin with (the system prompt and shared first messages; empty where they
    share none), ``chosen`` and ``rejected`` how each goes on. A trace that found a partner in its
    own task is not paired again by kind.
    """
    good: list[_Candidate] = []
    bad: list[_Candidate] = []
    seen: set[str] = set()
    for trace, score, _ in traces:
        candidate = _Candidate.of(trace)
        if not trace.steps or candidate.digest in seen:
            continue
        seen.add(candidate.digest)
        if score >= query.min_score and not _is_unfit(trace):
            good.append(candidate)
        elif score < min(0.5, query.min_score):
            bad.append(candidate)
    paired: set[str] = set()
    for pairing in ("task", "kind"):
        for better, worse in _pairs(good, bad, pairing, query.max_pairs_per_task, frozenset(paired)):
            paired.update((better.trace_id, worse.trace_id))
            yield _pair_row(better, worse, pairing)


def eval_rows(scenarios: Iterable[Scenario], redact: Any) -> Iterator[Row]:
    """The openings of held-out scenarios, redacted as traces are; ``trace_ids`` is empty."""
    for scenario in scenarios:
        messages = [redact(message).to_wire() for message in scenario.opening]
        yield {
            "scenario_id": scenario.id,
            "level": scenario.level,
            "kind": scenario.kind,
            "messages": _dump(messages),
            "trace_ids": [],
        }


def task_of(trace: Trace) -> str | None:
    """What was to be done: the scenario, or the task that an import names."""
    task = trace.metadata.get("task_id")
    return trace.scenario_id or (None if task is None else str(task))


class _Candidate(NamedTuple):
    """What a pair needs of a trace, with the conversation as text."""

    trace_id: str
    task: str | None
    kind: str | None
    messages: str
    digest: str
    common: Row

    @classmethod
    def of(cls, trace: Trace) -> _Candidate:
        messages = conversation(trace)
        common = _common(trace)
        kind = None if common["kind"] is None else f"{trace.recipe}/{common['kind']}"
        return cls(trace.id, task_of(trace), kind, _dump(messages), digest_json(messages), common)


def _pairs(
    good: list[_Candidate], bad: list[_Candidate], by: Literal["task", "kind"], limit: int, paired: frozenset[str]
) -> Iterator[tuple[_Candidate, _Candidate]]:
    groups: dict[str, tuple[list[_Candidate], list[_Candidate]]] = {}
    for side, candidates in enumerate((good, bad)):
        for candidate in candidates:
            group = candidate.task if by == "task" else candidate.kind
            if group is not None and candidate.trace_id not in paired:
                groups.setdefault(group, ([], []))[side].append(candidate)
    for group in sorted(groups):
        better, worse = groups[group]
        if not better or not worse:
            continue
        fewer, more = sorted((len(better), len(worse)))
        # By kind, a trace of the smaller side is used ``limit`` times at most.
        count = min(limit, fewer * more) if by == "task" else min(limit * fewer, more)
        for i, j in islice(_spread(fewer, more), count):
            yield (better[i], worse[j]) if len(better) == fewer else (better[j], worse[i])


def _spread(fewer: int, more: int) -> Iterator[tuple[int, int]]:
    """Every cell of a table once, so that each row and column is used before one is used again."""
    for shift in sorted(range(more), key=lambda shift: (shift % fewer, shift)):
        for i in range(fewer):
            yield i, (i + shift) % more


def _pair_row(better: _Candidate, worse: _Candidate, pairing: str) -> Row:
    chosen, rejected = json.loads(better.messages), json.loads(worse.messages)
    shared = 0
    for ours, theirs in zip(chosen, rejected, strict=False):
        if ours != theirs or ours["role"] == "assistant":
            break
        shared += 1
    subjects = sorted({*better.common["subjects"], *worse.common["subjects"]})
    return {
        "prompt": _dump(chosen[:shared]),
        "chosen": _dump(chosen[shared:]),
        "rejected": _dump(rejected[shared:]),
        "pairing": pairing,
        **better.common,
        "subjects": subjects,
        "trace_ids": [better.trace_id, worse.trace_id],
    }


def _is_unfit(trace: Trace) -> bool:
    violated = trace.outcome is not None and trace.outcome.policy_violations
    return bool(violated) or trace.failure is not None or not trace.steps


def _common(trace: Trace) -> Row:
    level, kind = trace.metadata.get("level"), trace.metadata.get("kind")
    return {
        "tools": _dump([tool.to_wire() for tool in trace.tools]),
        "task": task_of(trace),
        "level": None if level is None else str(level),
        "kind": None if kind is None else str(kind),
        # Who is in it, by keyed hash: for leak checks, and to find a person without naming them.
        "subjects": sorted({f"{label_of(name)}:{found}" for name, found in trace.pseudonyms.items()}),
    }


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
