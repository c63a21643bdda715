"""Traces that went on unlike the others of their day: loops, bursts of errors, outlying length, time or cost.

Model: scikit-learn's RobustScaler gives each feature its middle and spread over the day's traces of one
recipe, IsolationForest says which traces stand apart; one is flagged where the forest sets it apart and
at least one feature lies ``FAR`` spreads above the middle, which is the reason told.
Invariant: a day too small to have a middle is not judged, and says so; a feature that was not measured
for a trace says nothing about it.
"""

from __future__ import annotations

import json
import math
from array import array
from typing import Any, NamedTuple

from agent_factory.contracts.trace import Trace
from agent_factory.data.cleaning.finding import Finding

RULE = "anomaly"
ENOUGH = 50
"""Traces of a recipe that a day needs, so that the others tell what is usual."""
FAR = 6.0
_APART = -0.6  # score_samples: -1 stands alone, -0.5 is undecided
_SEED = 0


class Feature(NamedTuple):
    """What is measured: its name in a sentence, and the smallest spread that is taken as one."""

    name: str
    floor: float
    logarithmic: bool = False
    unit: str = ""


FEATURES = (
    Feature("steps", 1.0),
    Feature("times the same call was repeated", 0.5),
    Feature("share of failed tool calls", 0.15),
    Feature("tool errors in a row", 0.5),
    Feature("characters", 0.15, True),
    Feature("seconds of latency", 0.25, True),
    Feature("cost", 0.25, True),
)


class Panel:
    """The features of a day's traces, by recipe."""

    def __init__(self) -> None:
        self._ids: dict[str | None, list[str]] = {}
        self._values: dict[str | None, array[float]] = {}

    def add(self, trace: Trace) -> None:
        """Measure a trace."""
        self._ids.setdefault(trace.recipe, []).append(trace.id)
        self._values.setdefault(trace.recipe, array("d")).extend(measure(trace))

    def judge(self) -> tuple[dict[str, Finding], dict[str, str]]:
        """Findings by trace id, and by recipe how the day was judged or why not."""
        findings: dict[str, Finding] = {}
        told: dict[str, str] = {}
        for recipe, ids in sorted(self._ids.items(), key=lambda item: item[0] or ""):
            name = recipe or "no recipe"
            if len(ids) < ENOUGH:
                told[name] = f"not judged: {len(ids)} traces, {ENOUGH} are needed"
                continue
            found = _judge(ids, self._values[recipe])
            findings.update(found)
            told[name] = f"{len(found)} of {len(ids)} traces stand apart"
        return findings, told


def measure(trace: Trace) -> tuple[float, ...]:
    """The features of a trace in the order of ``FEATURES``; NaN for what was not measured."""
    calls: dict[str, int] = {}
    characters = 0
    failed: list[bool] = []
    for message in trace.messages():
        characters += len(message.content or "")
        for call in message.tool_calls:
            key = call.name + json.dumps(call.arguments, sort_keys=True)
            calls[key] = calls.get(key, 0) + 1
        if message.role == "tool":
            failed.append(is_error(message.content or ""))
    return (
        float(len(trace.steps)),
        float(max(calls.values(), default=1) - 1),
        sum(failed) / len(failed) if failed else 0.0,
        float(_longest_run(failed)),
        math.log1p(characters),
        _log_sum([step.latency_seconds for step in trace.steps]),
        _log_sum([step.cost for step in trace.steps]),
    )


def is_error(content: str) -> bool:
    """Whether a tool's answer tells of a failure."""
    return content.lstrip().lower().startswith(('{"error"', '{"detail"', "error", "traceback"))


def _log_sum(values: list[float | None]) -> float:
    measured = [value for value in values if value is not None]
    return math.log1p(sum(measured)) if measured else math.nan


def _longest_run(failed: list[bool]) -> int:
    longest = run = 0
    for is_failed in failed:
        run = run + 1 if is_failed else 0
        longest = max(longest, run)
    return longest


def _judge(ids: list[str], values: array[float]) -> dict[str, Finding]:
    import numpy as np
    from sklearn.ensemble import IsolationForest
    from sklearn.preprocessing import RobustScaler

    table: Any = np.frombuffer(values, dtype=np.float64).reshape(len(ids), len(FEATURES))
    measured = ~np.isnan(table).all(axis=0)
    table = table[:, measured]
    features = [feature for feature, is_there in zip(FEATURES, measured, strict=True) if is_there]
    scaler: Any = RobustScaler(unit_variance=True).fit(table)
    floors = np.array([feature.floor for feature in features])
    # The scaler takes 1 for a spread of nothing; a floor of the feature's own says what a spread is worth.
    above: Any = (table - scaler.center_) / np.maximum(np.where(scaler.scale_ == 1.0, 0.0, scaler.scale_), floors)
    above = np.nan_to_num(above, nan=0.0)
    forest: Any = IsolationForest(n_estimators=100, random_state=_SEED, n_jobs=1).fit(above)
    apart = forest.score_samples(above) <= _APART
    found: dict[str, Finding] = {}
    for i in np.flatnonzero(apart & (above.max(axis=1) >= FAR)).tolist():
        found[ids[i]] = Finding("flagged", RULE, _explain(features, table[i], scaler.center_, above[i]))
    return found


def _explain(features: list[Feature], row: Any, middle: Any, above: Any) -> str:
    """The features that lie far above the middle, farthest first."""
    far = sorted((-float(above[k]), k) for k in range(len(features)) if above[k] >= FAR)
    told = [
        f"{_number(features[k], row[k])} {features[k].name}, the day's median is {_number(features[k], middle[k])} "
        f"({-spreads:.0f} spreads above)"
        for spreads, k in far
    ]
    return "; ".join(told)


def _number(feature: Feature, value: float) -> str:
    return f"{math.expm1(value) if feature.logarithmic else value:.4g}"
