"""Which traces become scenarios: those that fail again as they did, can be solved, and not by doing nothing.

Invariant: a set from production holds such scenarios alone, each once, each with its trace as ``origin``; it
grows, and what it held stays, whoever else adds to it at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from agent_factory.contracts.production import Admission, AdmissionReport, Amendment
from agent_factory.contracts.scenario import Scenario, ScenarioSet
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_json
from agent_factory.core.error import BusyError, ConflictError, FactoryError, InputError, RecipeError
from agent_factory.core.recipe import Recipe
from agent_factory.core.store import Store
from agent_factory.environment.border import end_within
from agent_factory.environment.episode import Player
from agent_factory.environment.production.rebuild import identify, read_results, rebuild
from agent_factory.environment.production.surrogate import make_anonymous
from agent_factory.environment.replay.playback import PlaybackEngine, bounds_of
from agent_factory.environment.scenario import SET_SECONDS, describe_set, find_flaw, read_scenarios
from agent_factory.environment.world import World, open_world

_ATTEMPTS = 10


def admit(
    store: Store,
    artifacts: Artifacts,
    recipe: Recipe,
    traces: Sequence[Trace],
    *,
    set_id: str,
    project: str,
    amendment: Amendment | None = None,
) -> AdmissionReport:
    """Make scenarios of traces of the recipe and add them to a set; what became of each trace.

    ConflictError where ``set_id`` is a set of another sort, RecipeError where no world of the recipe can be opened,
    DeadlineError where not all are told within ``SET_SECONDS``. Not to be called from inside an event loop.
    """
    known = _read_known(artifacts, recipe, set_id, project, store.peek(ScenarioSet, set_id))
    found = asyncio.run(_admit_all(recipe, traces, amendment, known))
    if not known:
        return AdmissionReport(set=None, admitted=0, traces=found)
    record, before = _keep(store, artifacts, recipe, known, set_id, project)
    told = tuple(_settle(one, before) for one in found)
    return AdmissionReport(set=record, admitted=sum(one.verdict == "admitted" for one in told), traces=told)


def _settle(one: Admission, before: Collection[str]) -> Admission:
    """What became of a trace after all: another run may have added its scenario meanwhile."""
    late = one.verdict == "admitted" and one.scenario in before
    return one.model_copy(update={"verdict": "duplicate"}) if late else one


async def _admit_all(
    recipe: Recipe, traces: Sequence[Trace], amendment: Amendment | None, known: dict[str, Scenario]
) -> tuple[Admission, ...]:
    told: list[Admission] = []
    async with (
        end_within(SET_SECONDS, lambda: f"{len(told)} of {len(traces)} traces were looked at, and none is kept"),
        open_world(recipe) as world,
    ):
        for trace in traces:
            told.append(await _admit(world, recipe, trace, amendment, known))
    return tuple(told)


async def _admit(
    world: World, recipe: Recipe, trace: Trace, amendment: Amendment | None, known: dict[str, Scenario]
) -> Admission:
    try:
        return await _try(world, recipe, trace, amendment, known)
    except RecipeError as error:
        return Admission(trace=trace.id, verdict="refused", failed="recipe", reason=str(error))


async def _try(
    world: World, recipe: Recipe, trace: Trace, amendment: Amendment | None, known: dict[str, Scenario]
) -> Admission:
    try:
        _require_failed(trace, recipe)
        anonymous = make_anonymous(trace, recipe)
        scenario, assumed = rebuild(anonymous, recipe, amendment)
        why = await _find_unlike(world, recipe, anonymous, scenario)
    except RecipeError:
        raise
    except FactoryError as error:
        return Admission(trace=trace.id, verdict="refused", failed="trace", reason=str(error))
    if why is not None:
        return Admission(trace=trace.id, verdict="refused", failed="reproduces", reason=why, assumed=assumed)
    flaw = await find_flaw(world, recipe, scenario)
    if flaw is not None:
        return Admission(trace=trace.id, verdict="refused", failed=flaw.proof, reason=flaw.why, assumed=assumed)
    same = known.setdefault(identify(scenario), scenario)
    verdict = "admitted" if same is scenario else "duplicate"
    return Admission(trace=trace.id, verdict=verdict, scenario=same.id, assumed=assumed)


def _require_failed(trace: Trace, recipe: Recipe) -> None:
    if not trace.steps:
        raise InputError("it has no step")
    if trace.recipe != recipe.name:
        raise InputError(f"it is of recipe {trace.recipe!r}, expected {recipe.name!r}")
    if trace.outcome is not None and trace.outcome.success:
        raise InputError("it was solved, so there is no failure to reproduce")
    if trace.fault not in (None, "agent"):
        raise InputError(f"it was ended by a fault of the {trace.fault}, not of the agent: {trace.failure}")


async def _find_unlike(world: World, recipe: Recipe, trace: Trace, scenario: Scenario) -> str | None:
    """What the trace's own actions meet that it did not, played in the scenario; None where they fail again as then."""
    limits, sampling = bounds_of(trace)
    player = Player(world, recipe, PlaybackEngine(trace), "recorded", "proof", sampling=sampling, limits=limits)
    again = await player.play(scenario)
    if again.outcome is None:
        return f"its actions cannot be played: {again.failure}"
    pairs = list(zip(read_results(trace), read_results(again), strict=False))
    for number, ((tool, old), (_, new)) in enumerate(pairs, 1):
        if old != new:
            return f"call {number}, {tool}, gave {str(old)[:200]}, and in the scenario gives {str(new)[:200]}"
    counts = [len(list(read_results(one))) for one in (trace, again)]
    if counts[0] != counts[1] or len(trace.steps) != len(again.steps):
        return (
            f"{len(trace.steps)} steps with {counts[0]} calls are {len(again.steps)} with {counts[1]} in the scenario"
        )
    return "its actions solve the scenario" if again.outcome.success else None


def _read_known(
    artifacts: Artifacts, recipe: Recipe, set_id: str, project: str, record: ScenarioSet | None
) -> dict[str, Scenario]:
    """The scenarios that the set holds already, by what they are."""
    if record is None:
        return {}
    if record.project != project:
        raise ConflictError(f"the id {set_id!r} is taken; choose another name for the set")
    scenarios = read_scenarios(artifacts, record)
    if record.recipe != recipe.name or any(scenario.origin is None for scenario in scenarios):
        raise ConflictError(
            f"scenario set {set_id!r} is not one from production of recipe {recipe.name!r}; choose another name"
        )
    return {identify(scenario): scenario for scenario in scenarios}


def _keep(
    store: Store, artifacts: Artifacts, recipe: Recipe, found: Mapping[str, Scenario], set_id: str, project: str
) -> tuple[ScenarioSet, set[str]]:
    """Add to the set as it stands now; its record, and the ids of the scenarios that it held before."""
    for _ in range(_ATTEMPTS):
        known = store.peek(ScenarioSet, set_id)
        held = _read_known(artifacts, recipe, set_id, project, known)
        scenarios = [*held.values(), *(scenario for name, scenario in found.items() if name not in held)]
        before = {scenario.id for scenario in held.values()}
        record = describe_set(scenarios, recipe.name, set_id=set_id, split="train", seed=0, project=project)
        if known is not None and known.digest == record.digest:
            return known, before
        # Each state of the set has a file of its own: a reader of the record before finds what it was promised.
        record = record.model_copy(update={"path": f"scenarios/{set_id}-{record.digest[-12:]}.jsonl"})
        artifacts.write_text(record.path, "".join(scenario.model_dump_json() + "\n" for scenario in scenarios))
        if _swap(store, known, record):
            return record, before
    raise BusyError(f"scenario set {set_id!r} was changed by others {_ATTEMPTS} times over; try again")


def _swap(store: Store, known: ScenarioSet | None, record: ScenarioSet) -> bool:
    """Put a set in the place of the one that was read; False where another writer was first."""
    series = f"scenarios.{digest_json(record.id)[:24]}"
    store.next_number(series)
    with store.begin() as connection:
        store.next_number_in(connection, series)  # who writes the set as well waits here
        now = store.peek(ScenarioSet, record.id)
        if (now and now.digest) != (known and known.digest):
            return False
        return store.put_in(connection, record, replace=True)
