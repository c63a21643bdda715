"""Traces played again: how many come out byte for byte, and how many a second.

The recipe's imperfect predecessor plays scenarios of every level, those with faults included, behind the same loop as
any agent, and reference solutions play some more on its web pages, a thousand in all; then each trace is replayed from
what it records. A trace that was spoiled on purpose must be
found, else a comparison that compares nothing would pass.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from agent_factory.core.error import InputError
from benchmarks.figure import Figure, skip

TRACES, BROWSER_TRACES, SEED = 970, 30, 11
SET, RUN = "replay-train", "replay"


class Played(NamedTuple):
    """Traces to replay: where they are found, how many were of scenarios with faults, the kind of world they are of."""

    name: str
    archive: Any
    traces: list[Any]
    faulted: int
    kind: str | None = None


def measure() -> list[Figure]:
    measured: list[tuple[list[Figure], int, int]] = []
    missing: list[Figure] = []
    for make in SOURCES:
        try:
            measured.append(_measure_one(make))
        except InputError as error:
            missing.append(skip(f"replay/{make.__name__.removeprefix('_')}", error))
    identical, total = (sum(pair[i] for _, *pair in measured) for i in (0, 1))
    figures = [figure for told, *_ in measured for figure in told]
    reach = f"{TRACES + BROWSER_TRACES} of {TRACES + BROWSER_TRACES}"
    met = identical == total == TRACES + BROWSER_TRACES
    return [*figures, *missing, Figure("replay/identical, all kinds", identical, f"of {total}", reach=reach, met=met)]


def _play_desk(folder: Path) -> Played:
    """The traces of ``support_desk``, in a store of their own; the archive that they are found in."""
    return _play(folder, "support_desk", TRACES, _play_by_api)


def _play_shop(folder: Path) -> Played:
    """Reference solutions of the same recipe on its web pages, by accessibility trees."""
    return _play(folder, "support_desk in a browser", BROWSER_TRACES, _play_by_browser)._replace(kind="browser")


def _play(folder: Path, name: str, count: int, play: Callable[[Any, list[Any]], list[Any]]) -> Played:
    from agent_factory.core.artifact import Artifacts
    from agent_factory.core.recipe import load_recipe
    from agent_factory.core.store import open_store
    from agent_factory.environment.replay.origin import Archive
    from agent_factory.environment.scenario import make_scenario_set, read_scenarios

    store, artifacts = open_store(f"sqlite:///{folder / 'factory.db'}"), Artifacts(str(folder / "artifacts"))
    recipe = load_recipe("support_desk")
    made = make_scenario_set(store, artifacts, recipe, set_id=SET, build=None, split="train", count=count, seed=SEED)
    scenarios = read_scenarios(artifacts, made)
    faulted = sum(bool(scenario.faults) for scenario in scenarios)
    return Played(name, Archive(store, artifacts), play(recipe, scenarios), faulted)


def _play_by_api(recipe: Any, scenarios: list[Any]) -> list[Any]:
    from agent_factory.environment.rollout import run_episodes

    engine = recipe.load_part("predecessor")(SEED)
    return asyncio.run(run_episodes(scenarios, recipe, engine, "predecessor", run=RUN, shielded=False))


def _play_by_browser(recipe: Any, scenarios: list[Any]) -> list[Any]:
    from agent_factory.environment.episode import Player
    from agent_factory.environment.world import count_places, open_world
    from tests.shop import BrowserReference

    async def play_all() -> list[Any]:
        async def play(world: Any, scenario: Any, places: asyncio.Semaphore) -> Any:
            async with places:
                return await Player(world, recipe, BrowserReference(scenario), "reference", RUN).play(scenario)

        async with open_world(recipe, kind="browser") as world:
            places = asyncio.Semaphore(count_places(world, len(scenarios)))
            return await asyncio.gather(*(play(world, scenario, places) for scenario in scenarios))

    return asyncio.run(play_all())


SOURCES: tuple[Callable[[Path], Played], ...] = (_play_desk, _play_shop)
"""What makes traces to replay. A kind adds its own."""


def _measure_one(make: Callable[[Path], Played]) -> tuple[list[Figure], int, int]:
    """The figures of a source; how many of its traces came out identical, and how many there were."""
    from agent_factory.core.played import Found
    from agent_factory.core.played import Played as File
    from agent_factory.environment.replay.replay import replay_traces

    with tempfile.TemporaryDirectory() as folder:
        name, archive, traces, faulted, kind = make(Path(folder))
        file = File("", SET)
        started = time.perf_counter()
        found = asyncio.run(replay_traces(archive, [Found(trace, file) for trace in traces], kind))
        seconds = time.perf_counter() - started
        spoiled = [trace.model_copy(update={"steps": (_spoil(trace.steps[0]), *trace.steps[1:])}) for trace in traces]
        noticed = asyncio.run(replay_traces(archive, [Found(trace, file) for trace in spoiled], kind))
        archive.store.engine.dispose()
    for one in found:
        if one.verdict != "identical":
            print(f"replay: {one.trace} in {name}: {one.verdict}, {one.reason or one.differences[:1]}")
    identical = sum(one.verdict == "identical" for one in found)
    told = sum(one.verdict == "different" for one in noticed)
    total = len(traces)
    title = f"replay/{name}"
    figures = [
        Figure(
            f"{title}/identical, {faulted} faulted", identical, f"of {total}", reach=f"{total}", met=identical == total
        ),
        Figure(f"{title}/spoiled ones found", told, f"of {total}", reach=f"{total}", met=told == total),
        Figure(f"{title}/speed", round(total / seconds, 1), "replays/s"),
    ]
    return figures, identical, total


def _spoil(step: Any) -> Any:
    """The step with one character more in what was heard."""
    first, *rest = step.observation
    return step.model_copy(update={"observation": (first.model_copy(update={"content": f"{first.content} "}), *rest)})
