"""A recorded trace beside the one that its actions led to now.

Compared byte by byte: observations, actions, step errors, rewards, injected faults, what was left unread, and
the end with its outcome. Not compared, because they are nobody's doing in the world: ids, times, latency,
sampling, tokens, screenshots. Invariant: a field that the recording holds and that differs is told; one that it
does not hold (a trace as production sent it has no changes of a state) says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import unified_diff
from itertools import zip_longest
from typing import Any

from agent_factory.contracts.replay import Difference
from agent_factory.contracts.trace import Step, Trace

MAX_LINES = 60
MAX_TEXT = 4_000


def is_whole(trace: Trace) -> bool:
    """Whether the agent brought the trace to its end: else its engine or world broke it off at a place of chance."""
    return trace.failure is None or trace.fault == "agent"


def compare(recorded: Trace, replayed: Trace) -> tuple[Difference, ...]:
    """Where the two differ, step by step, then at the end; empty where they are the same."""
    ends = _differences(None, _end_of(recorded), _end_of(replayed)) if is_whole(recorded) else ()
    return (*compare_steps(recorded, replayed), *ends)


def compare_steps(recorded: Trace, replayed: Trace) -> tuple[Difference, ...]:
    """Where the steps of the two differ."""
    steps = zip_longest(recorded.steps, replayed.steps)
    return tuple(one for index, (old, new) in enumerate(steps) for one in _compare_step(index, old, new))


def _compare_step(index: int, old: Step | None, new: Step | None) -> Iterator[Difference]:
    if old is None or new is None:
        yield _tell(index, "step", _content(old), _content(new))
        return
    yield from _differences(index, _content(old), _content(new))


def _content(step: Step | None) -> dict[str, Any]:
    """What of a step the world and the agent said."""
    if step is None:
        return {}
    told = step.model_dump(mode="json", include={"observation", "action", "reward", "error"})
    if step.executions:
        told["injected"] = [one.injected for one in step.executions]
    return told


def _end_of(trace: Trace) -> dict[str, Any]:
    told = trace.model_dump(mode="json", include={"closing", "failure", "fault"})
    if trace.outcome is not None:
        told["outcome"] = trace.outcome.model_dump(mode="json", exclude={"graded_by"})
        if trace.outcome.changes is None:
            del told["outcome"]["changes"]
    return told


def _differences(index: int | None, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    for field, value in old.items():
        if field == "fault" and value is None:
            continue  # recorded before whose fault it was came to be told
        other = new.get(field)
        if field == "outcome" and isinstance(other, dict):
            other = {name: item for name, item in other.items() if name in value}
        if _to_text(value) != _to_text(other):
            yield _tell(index, field, value, other)


def _tell(index: int | None, field: str, old: Any, new: Any) -> Difference:
    before, after = _to_text(old), _to_text(new)
    lines = list(unified_diff(before.splitlines(), after.splitlines(), "recorded", "replayed", lineterm="", n=2))
    cut = [line[:MAX_TEXT] for line in lines[:MAX_LINES]]
    if len(lines) > MAX_LINES:
        cut.append(f"… {len(lines) - MAX_LINES} more lines")
    return Difference(
        step=index, field=field, recorded=before[:MAX_TEXT], replayed=after[:MAX_TEXT], diff="\n".join(cut)
    )


def _to_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
