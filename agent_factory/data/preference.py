"""Pairs of a better and a worse conversation, for the reward model.

Invariant: which pairs are made follows from the order of traces alone; in memory is only what decides
it, the conversations wait on a shelf.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from agent_factory.contracts.trace import Trace
from agent_factory.core.digest import digest_json
from agent_factory.data.labelling.feedback import Preferred
from agent_factory.data.query import DatasetQuery, Labelled
from agent_factory.data.row import Made, Row, bonds_of, conversation, describe, dump, is_unfit, stratum_of, task_of
from agent_factory.data.shelf import Shelf, open_shelf


class _Candidate(NamedTuple):
    """What decides the pairs of a trace; its conversation and row are on the shelf under ``number``."""

    trace_id: str
    task: str | None
    kind: str | None
    number: int
    digest: bytes
    is_copy: bool


def preference_rows(
    traces: Iterable[Labelled], query: DatasetQuery, preferred: Sequence[Preferred] = ()
) -> Iterator[Made]:
    """Pairs that people chose, then pairs of a better and a worse conversation of one task, then of one kind.

    What people said of two traces stands above their scores: the two are not paired by these.

    ``prompt`` is what both begin with (the system prompt and shared first messages; empty where they
    share none), ``chosen`` and ``rejected`` how each goes on. A trace that found a partner in its
    own task is not paired again by kind.
    """
    good: list[_Candidate] = []
    bad: list[_Candidate] = []
    seen: set[bytes] = set()
    named: dict[str, _Candidate | None] = {name: None for pair in preferred for name in (pair.better, pair.worse)}
    with open_shelf() as shelf:
        for trace, score, _ in traces:
            better = score >= query.min_score and not is_unfit(trace)
            worse = score < min(0.5, query.min_score)
            candidate = _lay_aside(trace, shelf, seen, wanted=better or worse, named=trace.id in named)
            if candidate and trace.id in named:
                named[trace.id] = candidate
            if candidate and (better or worse) and not candidate.is_copy:
                (good if better else bad).append(candidate)
        settled: set[frozenset[bytes]] = set()
        for pair in preferred:
            one, other = named[pair.better], named[pair.worse]
            both = frozenset(found.digest for found in (one, other) if found)
            if one and other and len(both) == 2 and both not in settled:
                settled.add(both)
                if not pair.tie:
                    yield _pair_row(one, other, "person", shelf)
        paired: set[str] = set()
        for pairing in ("task", "kind"):
            for one, other in _pairs(good, bad, pairing, query.max_pairs_per_task, frozenset(paired)):
                if frozenset((one.digest, other.digest)) in settled:
                    continue
                paired.update((one.trace_id, other.trace_id))
                yield _pair_row(one, other, pairing, shelf)


def _lay_aside(trace: Trace, shelf: Shelf, seen: set[bytes], *, wanted: bool, named: bool) -> _Candidate | None:
    """The trace as a candidate; None where it is not wanted, or a copy of one before that nobody named."""
    messages = conversation(trace)
    digest = bytes.fromhex(digest_json(messages))[:16]
    is_copy = digest in seen
    if not trace.steps or (is_copy and not named):
        return None
    seen.add(digest)
    if not wanted and not named:
        return None
    common = describe(trace)
    kind = None if common["kind"] is None else f"{trace.recipe}/{common['kind']}"
    laid = {"messages": messages, "common": common, "bonds": bonds_of(trace), "stratum": stratum_of(trace)}
    return _Candidate(trace.id, task_of(trace), kind, shelf.put(dump(laid)), digest, is_copy)


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


def _pair_row(better: _Candidate, worse: _Candidate, pairing: str, shelf: Shelf) -> Made:
    one, other = (json.loads(shelf.get(candidate.number)) for candidate in (better, worse))
    chosen, rejected = one["messages"], other["messages"]
    shared = 0
    for ours, theirs in zip(chosen, rejected, strict=False):
        if ours != theirs or ours["role"] == "assistant":
            break
        shared += 1
    row: Row = {
        "prompt": dump(chosen[:shared]),
        "chosen": dump(chosen[shared:]),
        "rejected": dump(rejected[shared:]),
        "pairing": pairing,
        **one["common"],
        "subjects": sorted({*one["common"]["subjects"], *other["common"]["subjects"]}),
        "trace_ids": [better.trace_id, worse.trace_id],
    }
    return Made(row, tuple(dict.fromkeys((*one["bonds"], *other["bonds"]))), one["stratum"])
