"""What could be labelled: the traces of a project's newest labelled days, the most informative first.

Two traces to compare are of one task, else of one group, and neighbours when ordered by score: where
the labels can hardly tell them apart, a person's word tells most. A pair's informativeness is

    0.5 · (1 - |difference of their scores|) + 0.5 · (mean of their informativeness)

and pairs of one task come before pairs of one group. Invariant: of a session only the last trace is
there, and no conversation stands beside its own copy.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.core.digest import digest_json
from agent_factory.core.session import find_superseded
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.labelling.record import ItemKind, make_id

DAY_LIMIT = 5_000
"""Of a day at most so many traces are considered: the most informative ones."""
_KEPT = 8
_COLUMNS = ("trace_id", "score", "disagreement", "rarity", "informativeness", "group", "task", "conversation")


class Candidate(NamedTuple):
    """An item to hand out; ``why`` holds what its informativeness was made of."""

    kind: ItemKind
    item: str
    trace_ids: tuple[str, ...]
    informativeness: float
    why: dict[str, float | str]


class _Trace(NamedTuple):
    trace_id: str
    score: float
    disagreement: float
    rarity: float
    informativeness: float
    group: str
    task: str | None
    conversation: str


_cache: OrderedDict[Any, dict[ItemKind, list[Candidate]]] = OrderedDict()


def item_id(kind: ItemKind, project: str, trace_ids: Iterable[str]) -> str:
    """The id of an item; that of a pair does not depend on its order."""
    return make_id(kind, project, *sorted(trace_ids))


def read_candidates(store: Store, artifacts: Artifacts, project: str, kind: ItemKind, days: int) -> list[Candidate]:
    """The candidates of a kind in order, of the newest ``days`` days that have labels."""
    known = sorted((arrival.day for arrival in TraceLog(store).arrivals(project)), reverse=True)
    files: list[tuple[str, str]] = []
    for day in known:
        paths = tuple(day_path(project, day, name) for name in ("clean_events", "labels"))
        if len(files) < days and all(artifacts.exists(path) for path in paths):
            files.append((paths[0], paths[1]))
    stamps = tuple((path, _stamp(artifacts, path)) for pair in files for path in pair)
    key = (artifacts.url, stamps)
    found = _cache.get(key) or _collect(artifacts, project, files)
    _cache[key] = found
    while len(_cache) > _KEPT:
        _cache.popitem(last=False)
    return found[kind]


def _collect(artifacts: Artifacts, project: str, files: list[tuple[str, str]]) -> dict[ItemKind, list[Candidate]]:
    traces = _read(artifacts, files)
    return {"score": _singles(project, traces), "compare": _pairs(project, traces)}


def _stamp(artifacts: Artifacts, path: str) -> str:
    told = artifacts.files.info(artifacts.locate(path))
    return "/".join(str(told.get(name)) for name in ("size", "mtime", "ETag", "LastModified"))


def _read(artifacts: Artifacts, files: list[tuple[str, str]]) -> list[_Trace]:
    superseded = find_superseded(artifacts, [clean for clean, _ in files])
    found: list[_Trace] = []
    for _, labels in files:
        rows: list[Any] = artifacts.read_table(labels, _COLUMNS).to_pylist()
        traces = [_Trace(**row) for row in rows if row["trace_id"] not in superseded]
        found += sorted(traces, key=_rank)[:DAY_LIMIT]
    return sorted(found, key=_rank)


def _rank(trace: _Trace) -> tuple[float, str]:
    """Most informative first; among equals a digest decides, so that no kind or hour is preferred."""
    return (-trace.informativeness, digest_json(trace.trace_id))


def _singles(project: str, traces: list[_Trace]) -> list[Candidate]:
    """One candidate a conversation."""
    found: list[Candidate] = []
    seen: set[str] = set()
    for trace in traces:
        if trace.conversation in seen:
            continue
        seen.add(trace.conversation)
        why: dict[str, float | str] = {
            "disagreement": trace.disagreement,
            "middle": 1.0 - abs(2 * trace.score - 1),
            "rarity": trace.rarity,
            "group": trace.group,
        }
        ids = (trace.trace_id,)
        found.append(Candidate("score", item_id("score", project, ids), ids, trace.informativeness, why))
    return found


def _pairs(project: str, traces: list[_Trace]) -> list[Candidate]:
    found: list[Candidate] = []
    seen: set[str] = set()
    for by in ("task", "group"):
        members: dict[str, list[_Trace]] = {}
        for trace in traces:
            name = trace.task if by == "task" else trace.group
            if name is not None:
                members.setdefault(name, []).append(trace)
        pairs: list[Candidate] = []
        for name in sorted(members):
            ordered = sorted(members[name], key=lambda trace: (trace.score, digest_json(trace.trace_id)))
            for one, other in pairwise(ordered):
                candidate = _pair(project, one, other, by)
                if one.conversation != other.conversation and candidate.item not in seen:
                    seen.add(candidate.item)
                    pairs.append(candidate)
        found += sorted(pairs, key=lambda pair: (-pair.informativeness, pair.item))
    return found


def _pair(project: str, one: _Trace, other: _Trace, by: str) -> Candidate:
    closeness = 1.0 - abs(one.score - other.score)
    mean = (one.informativeness + other.informativeness) / 2
    ids = tuple(sorted((one.trace_id, other.trace_id)))
    item = item_id("compare", project, ids)
    if int(item[-1], 16) % 2:  # which stands left must not follow from the ids
        ids = ids[::-1]
    why: dict[str, float | str] = {"closeness": closeness, "mean_informativeness": mean, "same": by}
    return Candidate("compare", item, ids, 0.5 * closeness + 0.5 * mean, why)
