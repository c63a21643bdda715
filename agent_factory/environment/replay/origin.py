"""What a trace was played from: its scenario, its recipe and its kind of world, as they are today.

Invariant: a trace whose scenario, tools or simulator are not those of its day has no origin any more: ConflictError
says what differs, and it is never played against something else.
"""

from __future__ import annotations

from typing import NamedTuple

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.scenario import Scenario, ScenarioSet
from agent_factory.contracts.trace import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError
from agent_factory.core.played import Played, find_sets
from agent_factory.core.recipe import Recipe, load_recipe
from agent_factory.core.store import Store
from agent_factory.environment.http.setting import read_section
from agent_factory.environment.replay.session import make_session_scenario
from agent_factory.environment.scenario import read_scenarios


class Origin(NamedTuple):
    """What to play a trace's actions in; ``sample`` is which episode of the scenario it was."""

    scenario: Scenario
    recipe: Recipe
    section: EnvironmentSection
    sample: int


class Archive:
    """The recipes and scenario sets of a project, each read once."""

    def __init__(self, store: Store, artifacts: Artifacts) -> None:
        self.store, self.artifacts = store, artifacts
        self._recipes: dict[str, Recipe] = {}
        self._sets: dict[str, dict[str, Scenario]] = {}

    def find_origin(self, trace: Trace, file: Played | None) -> Origin:
        """What the trace was played from; ConflictError, with what differs, where that is there no more."""
        if trace.recipe is None:
            raise ConflictError(f"trace {trace.id!r} names no recipe: what its tools were is not known")
        recipe = self.recipe(trace.recipe)
        build = None if trace.build is None else self.store.peek(BuildSpec, trace.build)
        section = EnvironmentSection.read(recipe.settings if build is None else build.settings)
        if trace.session_id is not None:
            scenario = make_session_scenario(self.store, recipe, build, trace)
            return Origin(scenario, recipe, section, 0)
        _require_same_world(trace, recipe)
        return Origin(self.find_scenario(trace, file), recipe, section, int(str(trace.metadata.get("sample", 0))))

    def recipe(self, name: str) -> Recipe:
        """A recipe, read once."""
        if name not in self._recipes:
            self._recipes[name] = load_recipe(name)
        return self._recipes[name]

    def find_scenario(self, trace: Trace, file: Played | None) -> Scenario:
        """The scenario of a trace, just as it was when it was played; ConflictError where it is another or gone."""
        digest = trace.metadata.get("scenario_digest")
        if trace.scenario_id is None or digest is None:
            raise ConflictError(
                f"trace {trace.id!r} ({trace.source}) does not say which scenario it played, so there is nothing to "
                "play it in: only rollouts, evaluations and sessions are replayed"
            )
        sets = find_sets(self.store, trace, file)
        found = [one for record in sets if (one := self.read_set(record).get(trace.scenario_id)) is not None]
        for scenario in found:
            if digest_json(scenario.content()) == digest:
                return scenario
        looked = ", ".join(repr(record.id) for record in sets[:5]) or "none"
        if found:
            raise ConflictError(
                f"trace {trace.id!r} is of an older recipe: scenario {trace.scenario_id!r} had the digest {digest}, "
                f"in {looked} it has {digest_json(found[0].content())}"
            )
        raise ConflictError(
            f"trace {trace.id!r}: scenario {trace.scenario_id!r} is not there any more; looked in the scenario sets: "
            f"{looked}"
        )

    def read_set(self, record: ScenarioSet) -> dict[str, Scenario]:
        """The scenarios of a set by id, read once."""
        if record.id not in self._sets:
            self._sets[record.id] = {one.id: one for one in read_scenarios(self.artifacts, record)}
        return self._sets[record.id]


def close_off(trace: Trace, origin: Origin, kind: str | None) -> EnvironmentSection:
    """The section of a replay in ``kind``, the section's own without it: nothing outside is written to, or recorded.

    ConflictError where a live service answers the tools.
    """
    section = origin.section
    if (kind or section.kind) != "http":
        return section
    settings = section.settings_of("http")
    if read_section(settings, origin.recipe.name).backend == "live":
        raise ConflictError(
            f"trace {trace.id!r} cannot be replayed: a live service answers the tools of {origin.recipe.name!r} "
            "([environment.settings.http] backend = 'live'), and it is not called again"
        )
    kept = {name: value for name, value in settings.items() if name != "record"}
    return section.model_copy(update={"settings": {**section.settings, "http": kept}})


def _require_same_world(trace: Trace, recipe: Recipe) -> None:
    recorded = trace.metadata.get("world")
    if not isinstance(recorded, dict):
        raise ConflictError(
            f"trace {trace.id!r} does not say what world it was played in: it came from elsewhere or from an "
            "older version, and whether the recipe has changed since is not known"
        )
    edited = sorted(name for name in {*recorded, *recipe.world} if recorded.get(name) != recipe.world.get(name))
    if edited:
        raise ConflictError(
            f"trace {trace.id!r} is of an older recipe: of {recipe.name!r}, {', '.join(edited)} changed since it was "
            "played. Replay it with the recipe of its day"
        )
