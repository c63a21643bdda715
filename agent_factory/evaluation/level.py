"""Levels beside measured success: whether what is declared harder is harder for the models that were measured.

Model: each model's episodes give a share of successes by level with Wilson's 95 % interval. A declared level is
*easier* than the one before it among those measured where its whole interval lies above that one's. Episodes of
one scenario are taken as independent, which makes the intervals of repeated ones a little narrow. Invariant:
what was not counted (no outcome) says nothing, and a level without counted episodes has no share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from agent_factory.contracts.evaluation import EasierLevel, LevelCheck, LevelShare, Measure
from agent_factory.contracts.scenario import LEVELS
from agent_factory.contracts.trace import Source, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError
from agent_factory.core.played import list_played
from agent_factory.core.store import Store
from agent_factory.evaluation.measure import measure_share

Tally = dict[tuple[Source, str, str], list[int]]
"""Successes and counted episodes by source, model and level."""


def check_build_levels(store: Store, artifacts: Artifacts, build: str, project: str) -> LevelCheck:
    """The levels of what a build, or an ordered run, has played; NotFoundError where it has played nothing yet."""
    tally: Tally = {}
    for file in list_played(store, artifacts, project, build):
        count_levels(tally, artifacts.read_traces(file.path))
    if not tally:
        raise NotFoundError(f"{build!r} has no graded episodes yet, of which levels could be measured; run it first")
    return check_levels(build, tally)


def count_levels(tally: Tally, traces: Iterable[Trace]) -> None:
    """Add traces that have an outcome and a level to a tally."""
    for trace in traces:
        level = trace.metadata.get("level")
        if trace.outcome is not None and isinstance(level, str):
            counts = tally.setdefault((trace.source, trace.model or "unknown", level), [0, 0])
            counts[0] += trace.outcome.success
            counts[1] += 1


def check_levels(build: str, tally: Tally) -> LevelCheck:
    """The shares by source, model and level, and the levels that are measurably easier than the one before."""
    shares: list[LevelShare] = []
    easier: list[EasierLevel] = []
    models: list[tuple[Source, str]] = [*dict.fromkeys((source, model) for source, model, _ in sorted(tally))]
    for source, model in models:
        found = {
            level: measure_share(*tally[source, model, level]) for level in LEVELS if (source, model, level) in tally
        }
        shares += [LevelShare(source=source, model=model, level=level, success=one) for level, one in found.items()]
        easier += [
            EasierLevel(source=source, model=model, level=level, before=before) for before, level in find_easier(found)
        ]
    return LevelCheck(build=build, levels=tuple(shares), easier=tuple(easier))


def find_easier(found: Mapping[str, Measure]) -> list[tuple[str, str]]:
    """Pairs of neighbouring levels, in their order, of which the second is measurably easier."""
    return [(before, level) for before, level in pairwise(found) if found[level].low > found[before].high]


def describe_levels(check: LevelCheck) -> Sequence[dict[str, object]]:
    """The check as rows of a table: one a model and level, with its interval and what is wrong."""
    wrong = {(one.source, one.model, one.level): one.before for one in check.easier}
    return [
        {
            "episodes": one.source,
            "model": one.model,
            "level": one.level,
            "success": f"{one.success.value * 100:.1f} %",
            "interval": f"{one.success.low * 100:.1f} to {one.success.high * 100:.1f} %",
            "n": one.success.n,
            "easier than": wrong.get((one.source, one.model, one.level), ""),
        }
        for one in check.levels
    ]
