"""Traces played again: how many come out byte for byte, and how many a second.

The recipe's imperfect predecessor plays a thousand scenarios of every level, those with faults included, behind the
same loop as any agent; then each trace is replayed from what it records. A trace that was spoiled on purpose must be
found, else a comparison that compares nothing would pass.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

TRACES, SEED = 1_000, 11
SET, RUN = "replay-train", "replay"


def measure() -> list[Figure]:
    return [figure for make in SOURCES for figure in _measure_one(make)]


def _play_desk(folder: Path) -> tuple[str, Any, list[Any], int]:
    """The traces of ``support_desk``, in a store of their own; the archive that they are found in."""
    from agent_factory.core.artifact import Artifacts
    from agent_factory.core.recipe import load_recipe
    from agent_factory.core.store import open_store
    from agent_factory.environment.replay.origin import Archive
    from agent_factory.environment.rollout import run_episodes
    from agent_factory.environment.scenario import make_scenario_set, read_scenarios

    store, artifacts = open_store(f"sqlite:///{folder / 'factory.db'}"), Artifacts(str(folder / "artifacts"))
    recipe = load_recipe("support_desk")
    made = make_scenario_set(store, artifacts, recipe, set_id=SET, build=None, split="train", count=TRACES, seed=SEED)
    scenarios = read_scenarios(artifacts, made)
    engine = recipe.load_part("predecessor")(SEED)
    traces = asyncio.run(run_episodes(scenarios, recipe, engine, "predecessor", run=RUN, shielded=False))
    faulted = sum(bool(scenario.faults) for scenario in scenarios)
    return "support_desk", Archive(store, artifacts), traces, faulted


SOURCES: tuple[Callable[[Path], tuple], ...] = (_play_desk,)
"""What makes traces to replay: name, archive, traces, and how many of them had faults injected. A kind adds its own."""


def _measure_one(make: Callable[[Path], tuple]) -> list[Figure]:
    from agent_factory.core.played import Found, Played
    from agent_factory.environment.replay.replay import replay_traces

    with tempfile.TemporaryDirectory() as folder:
        name, archive, traces, faulted = make(Path(folder))
        file = Played("", SET)
        started = time.perf_counter()
        found = asyncio.run(replay_traces(archive, [Found(trace, file) for trace in traces]))
        seconds = time.perf_counter() - started
        spoiled = [trace.model_copy(update={"steps": (_spoil(trace.steps[0]), *trace.steps[1:])}) for trace in traces]
        noticed = asyncio.run(replay_traces(archive, [Found(trace, file) for trace in spoiled]))
        archive.store.engine.dispose()
    identical = sum(one.verdict == "identical" for one in found)
    told = sum(one.verdict == "different" for one in noticed)
    total = len(traces)
    title = f"replay/{name}"
    return [
        Figure(
            f"{title}/identical, {faulted} faulted", identical, f"of {total}", reach=f"{total}", met=identical == total
        ),
        Figure(f"{title}/spoiled ones found", told, f"of {total}", reach=f"{total}", met=told == total),
        Figure(f"{title}/speed", round(total / seconds, 1), "replays/s"),
    ]


def _spoil(step: Any) -> Any:
    """The step with one character more in what was heard."""
    first, *rest = step.observation
    return step.model_copy(update={"observation": (first.model_copy(update={"content": f"{first.content} "}), *rest)})
