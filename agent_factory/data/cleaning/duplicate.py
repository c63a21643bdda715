"""Near copies: traces that say, ask of tools and are told almost the same, about the same people and things.

Model: a trace is three sets (word triples that were said, leaves of tool arguments, leaves of results);
two traces can only be copies where recipe, scenario, outcome, the people and things that placeholders stand for
(by keyed hash) and the numbers that the user said are the same, so that another customer or order is
another task. MinHash bands find the pairs, the sets themselves decide: all three must be shared by ``NEAR``.
Turns of one session repeat each other and are not copies.
Invariant: a day's signatures follow from its clean events alone; copies across days are looked for
where several days are read together, never while one is cleaned.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import pyarrow as pa

from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.day import day_path
from agent_factory.data.word import list_triples
from agent_factory.privacy.label import PLACEHOLDER

NEAR = 0.9
"""The share (Jaccard) of each of the three sets that two near copies have in common, at least."""
_BANDS, _ROWS = 8, 8
_REPRESENTATIVES = 8
_SCHEMA = pa.schema([("trace_id", pa.string()), ("bands", pa.binary(_BANDS * 8))])
_NUMBER = re.compile(r"\d+")


class Content(NamedTuple):
    """What two traces are compared by."""

    said: frozenset[str]
    asked: frozenset[str]
    told: frozenset[str]


class Copy(NamedTuple):
    """The trace that another one is a near copy of, and the shares of the three sets."""

    of: str
    said: float
    asked: float
    told: float

    @property
    def reason(self) -> str:
        """The copy in words."""
        return (
            f"near copy of {self.of}: {self.said:.0%} of the words, {self.asked:.0%} of the tools' arguments and "
            f"{self.told:.0%} of their results are shared"
        )


def read_content(trace: Trace) -> Content:
    """The three sets of a redacted trace."""
    said: list[str] = []
    asked: list[str] = []
    told: list[str] = []
    named = trace.pseudonyms

    def same(text: str) -> str:
        return PLACEHOLDER.sub(lambda found: f" {found[1]}{named.get(found[0], found[0])} ", text) if named else text

    for message in trace.messages():
        if message.content and message.role == "tool":
            told.extend(_leaves(same(message.content)))
        elif message.content:
            said.extend(f"{message.role} {triple}" for triple in list_triples(same(message.content).lower()))
        for call in message.tool_calls:
            asked.extend(f"{call.name}{leaf}" for leaf in _walk(call.arguments, "", same))
            asked.append(call.name)
    return Content(_counted(said), _counted(asked), _counted(told))


class Signer:
    """Signs traces: eight hashes, one of which is equal for nearly all pairs of near copies."""

    def __init__(self) -> None:
        from datasketch import MinHash

        self._blank = MinHash(num_perm=_BANDS * _ROWS, seed=1, hashfunc=zlib.crc32, scheme="affine32")

    def sign(self, trace: Trace) -> bytes:
        """The bands of a redacted trace, 64 bytes."""
        content = read_content(trace)
        sketch = self._blank.copy()
        marked = (f"{mark}{item}" for mark, part in zip("sat", content, strict=True) for item in part)
        sketch.update_batch([item.encode("utf-8", "replace") for item in marked])
        outcome = trace.outcome.success if trace.outcome else None
        about = "\0".join((str(trace.recipe), str(trace.scenario_id), str(outcome), *sorted(_read_subjects(trace))))
        key = hashlib.blake2b(about.encode("utf-8", "replace"), digest_size=16).digest()
        rows: Any = sketch.hashvalues.reshape(_BANDS, _ROWS)
        return b"".join(hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest() for row in rows)


def write_signatures(artifacts: Artifacts, project: str, day: str, ids: Sequence[str], bands: bytes) -> str:
    """Write the day's signatures (64 bytes a trace, in the order of ``ids``); returns the artifact's path."""
    size = _BANDS * 8
    rows = [bands[start : start + size] for start in range(0, len(bands), size)]
    table = pa.table({"trace_id": list(ids), "bands": rows}, schema=_SCHEMA)
    return artifacts.write_table(day_path(project, day, "signatures"), table)


def find_near_copies(
    artifacts: Artifacts,
    project: str,
    days: Iterable[str],
    left_out: Collection[str] = (),
    immune: Collection[str] = (),
) -> dict[str, Copy]:
    """Near copies among the clean traces of days, each with the first one that it repeats, in order of days and ids.

    ``left_out`` are neither copies nor copied, ``immune`` are never copies. Days that were not cleaned are
    passed over. Memory is 64 bytes a trace, and the sets of those that have a candidate.
    """
    there = [day for day in sorted(set(days)) if artifacts.exists(day_path(project, day, "signatures"))]
    bands = _candidates(artifacts, project, there, left_out)
    seen: dict[tuple[int, bytes], list[_Original]] = defaultdict(list)
    copies: dict[str, Copy] = {}
    for trace in _read(artifacts, project, there, bands):
        content = read_content(trace)
        places = list(enumerate(bands[trace.id]))
        known = {id(original): original for place in places for original in seen[place]}
        copy = None if trace.id in immune else _first_copy(trace, content, known.values())
        if copy is not None:
            copies[trace.id] = copy
            continue
        original = _Original(trace.id, trace.session_id, content)
        for place in places:
            if len(seen[place]) < _REPRESENTATIVES:
                seen[place].append(original)
    return copies


class _Original(NamedTuple):
    trace_id: str
    session: str | None
    content: Content


def _first_copy(trace: Trace, content: Content, known: Iterable[_Original]) -> Copy | None:
    for original in known:
        if trace.session_id is not None and trace.session_id == original.session:
            continue
        shares = [_share(ours, theirs) for ours, theirs in zip(content, original.content, strict=True)]
        if min(shares) >= NEAR:
            return Copy(original.trace_id, *shares)
    return None


def _read_subjects(trace: Trace) -> set[str]:
    """Whom and what a trace is about: the hashes of its placeholders, and the numbers that the user said."""
    said = " ".join(message.content or "" for message in trace.messages() if message.role == "user")
    return {*trace.pseudonyms.values(), *_NUMBER.findall(PLACEHOLDER.sub(" ", said))}


def _share(ours: frozenset[str], theirs: frozenset[str]) -> float:
    return len(ours & theirs) / len(ours | theirs) if ours or theirs else 1.0


def _candidates(
    artifacts: Artifacts, project: str, days: Sequence[str], left_out: Collection[str]
) -> Mapping[str, list[bytes]]:
    """The bands of the traces that share one with another trace."""
    import numpy as np

    ids: list[str] = []
    rows: list[bytes] = []
    for day in days:
        table = artifacts.read_table(day_path(project, day, "signatures"))
        ids += table["trace_id"].to_pylist()
        rows += table["bands"].to_pylist()
    if not ids:
        return {}
    hashes: Any = np.frombuffer(b"".join(rows), dtype=np.uint64).reshape(len(ids), _BANDS)
    counted = np.array([name not in left_out for name in ids])
    shared: Any = np.zeros(len(ids), dtype=bool)
    for column in range(_BANDS):
        _, inverse, counts = np.unique(hashes[counted, column], return_inverse=True, return_counts=True)
        shared[counted] |= counts[inverse] > 1
    size = hashes.itemsize
    return {
        ids[i]: [rows[i][start : start + size] for start in range(0, len(rows[i]), size)]
        for i in np.flatnonzero(shared).tolist()
    }


def _read(artifacts: Artifacts, project: str, days: Sequence[str], wanted: Collection[str]) -> Iterator[Trace]:
    if wanted:
        for day in days:
            for trace in artifacts.read_traces(day_path(project, day, "clean_events")):
                if trace.id in wanted:
                    yield trace


def _counted(items: Iterable[str]) -> frozenset[str]:
    """A set in which what stands twice is twice: the second one has a mark."""
    seen: Counter[str] = Counter()
    marked: set[str] = set()
    for item in items:
        seen[item] += 1
        marked.add(f"{item}#{seen[item]}" if seen[item] > 1 else item)
    return frozenset(marked)


def _leaves(text: str) -> Iterable[str]:
    if text[:1] in "{[":
        try:
            return _walk(json.loads(text), "", str)
        except (ValueError, RecursionError):
            return list_triples(text.lower())
    return list_triples(text.lower())


def _walk(value: Any, path: str, same: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from _walk(item, f"{path}.{key}", same)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _walk(item, f"{path}[]", same)
    elif isinstance(value, str):
        yield f"{path}={' '.join(same(value).split()).lower()}"
    else:
        yield f"{path}={value}"
