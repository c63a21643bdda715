"""Scenario sets: drawn by the recipe's generator, proved, digested, kept as one file.

Invariant: every scenario of a set was solved by its reference solution and not by doing nothing, and
the same recipe, split, count and seed give the same digest.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.contracts.scenario import LEVELS, Scenario, ScenarioSet, Split
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_rows
from agent_factory.core.error import FactoryError, InputError, RecipeError, StorageError
from agent_factory.core.recipe import Recipe
from agent_factory.core.store import Store
from agent_factory.environment.border import end_within
from agent_factory.environment.episode import Player
from agent_factory.environment.reference import NullEngine, ReferenceEngine
from agent_factory.environment.user import make_telling
from agent_factory.environment.world import World, open_world
from agent_factory.environment.written import Written

SET_SECONDS = 3600.0
"""How long the proof of a whole set may take."""


def make_scenario_set(
    store: Store,
    artifacts: Artifacts,
    recipe: Recipe,
    *,
    set_id: str,
    build: str | None,
    split: Split,
    count: int,
    seed: int,
    project: str = DEFAULT_PROJECT,
) -> ScenarioSet:
    """Draw, prove and keep a set; the one that is there already, if it is the same.

    Raises InputError where the recipe's generator gives what cannot be solved, RecipeError where its code
    raises, and ConflictError where another set stands under ``set_id``. Not to be called from inside an event loop.
    """
    scenarios = draw_scenarios(recipe, split, count, seed)
    record = describe_set(scenarios, recipe.name, set_id=set_id, build=build, split=split, seed=seed, project=project)
    return keep_set(store, artifacts, record, scenarios, lambda: prove_solvable(recipe, scenarios))


def describe_set(
    scenarios: Sequence[Scenario],
    recipe: str,
    *,
    set_id: str,
    split: Split,
    seed: int,
    build: str | None = None,
    project: str = DEFAULT_PROJECT,
) -> ScenarioSet:
    """The record of a set of these scenarios; nothing is written."""
    return ScenarioSet(
        id=set_id,
        project=project,
        created_at=clock.now(),
        recipe=recipe,
        build=build,
        split=split,
        seed=seed,
        count=len(scenarios),
        per_level=dict(Counter(scenario.level for scenario in scenarios)),
        path=f"scenarios/{set_id}.jsonl",
        digest=_digest(scenarios),
    )


def keep_set(
    store: Store,
    artifacts: Artifacts,
    record: ScenarioSet,
    scenarios: Sequence[Scenario],
    prove: Callable[[], None],
) -> ScenarioSet:
    """Prove and keep a set; the one that is there already, if it is the same.

    Raises what ``prove`` raises, and ConflictError where another set stands under the id.
    """
    known = store.peek(ScenarioSet, record.id)
    same = known is not None and (known.project, known.digest) == (record.project, record.digest)
    if known is not None and same and artifacts.exists(record.path):
        return known
    if known is not None:
        store.put(record)  # refuses another content under this id, and another project's
    prove()
    artifacts.write_text(record.path, "".join(scenario.model_dump_json() + "\n" for scenario in scenarios))
    store.put(record)
    return record


def draw_scenarios(recipe: Recipe, split: Split, count: int, seed: int) -> list[Scenario]:
    """``count`` scenarios of the recipe in equal shares of the five levels, the levels in turn."""
    generate = recipe.load_part("scenarios")
    shares = {level: count // len(LEVELS) + (i < count % len(LEVELS)) for i, level in enumerate(LEVELS)}
    with recipe.blame("scenarios"):
        drawn: dict[str, list[Any]] = {level: list(generate(split, level, n, seed)) for level, n in shares.items()}
    for level, found in drawn.items():
        wrong = [s for s in found if not _fits(s, recipe, split, level)]
        if wrong or len(found) != shares[level]:
            raise InputError(
                f"the generator of recipe {recipe.name!r} gave {len(found)} scenarios for {split}/{level}, expected "
                f"{shares[level]}; of another level, split, recipe or kind of thing are {len(wrong)}"
                f"{', the first: ' + _name(wrong[0]) if wrong else ''}. Mend generate()."
            )
    rounds = range(max(shares.values()))
    return [drawn[level][i] for i in rounds for level in LEVELS if i < shares[level]]


def _fits(drawn: Any, recipe: Recipe, split: Split, level: str) -> bool:
    wanted = (level, split, recipe.name)
    return isinstance(drawn, Scenario) and (drawn.level, drawn.split, drawn.recipe) == wanted


def _name(drawn: Any) -> str:
    return repr(drawn.id) if isinstance(drawn, Scenario) else f"a {type(drawn).__name__}"


def read_scenarios(artifacts: Artifacts, record: ScenarioSet) -> list[Scenario]:
    """The scenarios of a set; StorageError where the file is not what its digest says."""
    lines = artifacts.read_text(record.path).splitlines()
    try:
        scenarios = [Scenario.model_validate_json(line) for line in lines]
    except ValueError as error:
        raise StorageError(
            f"scenario set {record.id!r}: {record.path!r} holds a line that is no scenario: {error}"
        ) from error
    found = _digest(scenarios)
    if found != record.digest:
        raise StorageError(
            f"scenario set {record.id!r}: {record.path!r} has the digest {found}, expected {record.digest}. "
            "The file was changed: delete it and make the set again."
        )
    return scenarios


def prove_solvable(recipe: Recipe, scenarios: Sequence[Scenario]) -> None:
    """Play each scenario with its reference solution and with an agent that does nothing.

    Raises InputError unless the first passes and the second fails, for every one; RecipeError where the
    simulator broke, DeadlineError where that takes longer than ``SET_SECONDS``.
    """
    flaws = asyncio.run(find_flaws(recipe, scenarios))
    if flaws:
        raise InputError(
            f"{len(flaws)} of {len(scenarios)} scenarios are not proved; the first: {next(iter(flaws.values())).why}. "
            "Mend the recipe's generator or its rules."
        )


class Flaw(NamedTuple):
    """Why a scenario is not admitted: which of the two proofs does not hold, and what came of it."""

    proof: Literal["solution", "null agent"]
    why: str


async def find_flaws(recipe: Recipe, scenarios: Sequence[Scenario]) -> dict[str, Flaw]:
    """The scenarios that are not proved, by id; RecipeError and DeadlineError as ``prove_solvable``."""
    flaws: dict[str, Flaw] = {}
    done = 0
    async with (
        end_within(SET_SECONDS, lambda: f"{done} of {len(scenarios)} scenarios were looked at; make smaller sets"),
        open_world(recipe) as world,
    ):
        for done, scenario in enumerate(scenarios):  # noqa: B007 what is told at the deadline
            flaw = await find_flaw(world, recipe, scenario)
            if flaw is not None:
                flaws[scenario.id] = flaw
    return flaws


async def find_flaw(world: World, recipe: Recipe, scenario: Scenario) -> Flaw | None:
    """What disproves a scenario in a world; None where its solution passes and doing nothing fails."""
    for engine, expected in ((ReferenceEngine(scenario), True), (NullEngine(), False)):
        player = Player(world, recipe, engine, "reference", "proof", make_user=make_telling)
        why = await _disprove(player, scenario, expected)
        if why is not None:
            return Flaw("solution" if expected else "null agent", why)
    return None


async def _disprove(player: Player, scenario: Scenario, expected: bool) -> str | None:
    try:
        trace = await player.play(scenario)
    except FactoryError as error:
        return f"{scenario.id!r} cannot be played: {error}"
    outcome = trace.outcome
    if trace.fault == "user":  # it is the scenario's own script
        return f"{scenario.id!r} cannot be played: {trace.failure}"
    if outcome is None:
        raise RecipeError(f"scenario {scenario.id!r} cannot be proved, its world broke: {trace.failure}")
    if outcome.success == expected:
        return None
    if expected:
        told = "; ".join((*outcome.reasons, *outcome.policy_violations))
        return f"{scenario.id!r} is not solved by its reference solution: {told}"
    return f"{scenario.id!r} is solved by an agent that does nothing"


def keep_written(
    store: Store,
    artifacts: Artifacts,
    recipe: Recipe,
    written: Sequence[Written],
    *,
    set_id: str,
    split: Split,
    project: str = DEFAULT_PROJECT,
) -> ScenarioSet:
    """Prove scenarios that were written by hand and keep them as a set; InputError names those that are not proved.

    Not to be called from inside an event loop.
    """
    scenarios = [one.scenario.model_copy(update={"project": project}) for one in written]
    record = describe_set(scenarios, recipe.name, set_id=set_id, split=split, seed=0, project=project)

    def prove() -> None:
        flaws = asyncio.run(find_flaws(recipe, scenarios))
        told = [f"{one.place}: {flaws[one.scenario.id].why}" for one in written if one.scenario.id in flaws]
        if told:
            raise InputError(f"{len(told)} of {len(written)} scenarios are not proved. {'; '.join(told[:10])}")

    return keep_set(store, artifacts, record, scenarios, prove)


def _digest(scenarios: Sequence[Scenario]) -> str:
    return digest_rows(scenario.content() for scenario in scenarios)
