"""Rollouts in a storm: 20,000 episodes whose scenarios, simulator and engine go wrong at random, with short deadlines.

No episode may hang, each that has no outcome must say why, and nothing may be left of them: no task, no thread, no
memory. A second figure is the speed in calm weather, with the same scripted agent.
"""

import asyncio
import re
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.figure import Figure

EPISODES, CALM, CONCURRENCY, SEED, PER_MILLE = 20_000, 2_000, 512, 7, 20
SAMPLES = 10
BATCH_SECONDS = 1200.0


class Found(NamedTuple):
    """What became of the episodes; ``causes`` counts the failures, by kind, ``left`` tasks and threads."""

    episodes: int
    graded: int
    hung: int
    unexplained: int
    causes: Counter[str]
    left: int
    grown: float
    seconds: float


def measure() -> list[Figure]:
    calm, found = weather(CALM, 0), weather(EPISODES, PER_MILLE)
    for cause, count in found.causes.most_common():
        print(f"{count:7,} {cause}")
    hung, mute = (
        "rollouts under random faults: episodes that hung",
        "rollouts under random faults: failures without cause",
    )
    return [
        Figure(
            "rollouts under random faults", found.episodes, "episodes", reach="20,000", met=found.episodes == EPISODES
        ),
        Figure(hung, found.hung, "of 20,000", reach="0", met=not found.hung),
        Figure(mute, found.unexplained, f"of {sum(found.causes.values())}", reach="0", met=not found.unexplained),
        Figure("tasks and threads left of them", found.left, "", reach="0", met=not found.left),
        Figure("memory grown from the first fifth of them on", round(found.grown, 1), "MiB"),
        Figure("rollouts under random faults, speed", round(found.episodes / found.seconds), "episodes/s"),
        Figure("rollouts, scripted agent, nothing wrong", round(calm.episodes / calm.seconds), "episodes/s"),
    ]


def weather(count: int, per_mille: int) -> Found:
    """Play ``count`` episodes, so many of a thousand calls going wrong."""
    return asyncio.run(_play(count, per_mille))


async def _play(count: int, per_mille: int) -> Found:
    from agent_factory.agent.loop import Limits
    from agent_factory.environment.rollout import run_episodes
    from agent_factory.environment.scenario import draw_scenarios
    from benchmarks import storm

    weather = storm.Storm(SEED, per_mille)
    recipe = storm.open_recipe(weather)
    scenarios = draw_scenarios(recipe, "train", max(5, count // SAMPLES), SEED)
    if per_mille:
        reads = ["get_order", "get_shipment", "search_catalogue", "find_customer", "get_customer"]
        scenarios = [storm.add_faults(scenario, Random(i), reads) for i, scenario in enumerate(scenarios)]
    seen = _Census(len(scenarios) * SAMPLES)
    threads, began = threading.active_count(), time.perf_counter()
    await run_episodes(
        scenarios,
        recipe,
        storm.Engine(weather, scenarios),
        "scripted",
        samples=SAMPLES,
        concurrency=CONCURRENCY,
        limits=Limits(tool_seconds=0.2, step_seconds=0.5, episode_seconds=10.0),
        deadline=BATCH_SECONDS,
        shielded=False,
        on_trace=seen.add,
        keep=False,
    )
    left = len(asyncio.all_tasks()) - 1 + max(0, threading.active_count() - threads)
    return seen.tell(left, time.perf_counter() - began)


class _Census:
    """Counts the traces as they come, keeping none."""

    def __init__(self, total: int) -> None:
        self.total, self.ids = total, set[str]()
        self.causes: Counter[str] = Counter()
        self.graded = self.hung = self.unexplained = 0
        self.early = self.now = 0.0

    def add(self, trace: Any) -> None:
        self.ids.add(trace.id)
        self.graded += trace.outcome is not None
        if trace.failure is not None:
            self.causes[_kind_of(trace.fault, trace.failure)] += 1
        self.hung += "the batch of" in (trace.failure or "")
        self.unexplained += (trace.outcome is None) != (
            trace.failure is not None and trace.fault not in (None, "agent")
        )
        if len(self.ids) == self.total // 5:
            self.early = _read_memory()

    def tell(self, left: int, seconds: float) -> Found:
        grown = _read_memory() - self.early
        hung = self.hung + self.total - len(self.ids)
        return Found(len(self.ids), self.graded, hung, self.unexplained, self.causes, left, grown, seconds)


def _kind_of(fault: str | None, failure: str) -> str:
    """A cause without its names and numbers."""
    told = re.sub(r"scenario '[^']*': |'[^']*'|\"[^\"]*\"|/\S+|[\d.]+", "", failure.splitlines()[0])
    return f"{fault}: {' '.join(told.split())[:90]}"


def _read_memory() -> float:
    """Resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20
