"""The two sets of scenarios of a build: other seeds, and templates, people and goods held out of training."""

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.artifact import Artifacts
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store


def make_sets(store: Store, artifacts: Artifacts, spec: BuildSpec) -> tuple[ScenarioSet, ScenarioSet]:
    """The training set and the held-out set, as many as the build asks for."""
    from agent_factory.environment.scenario import make_scenario_set

    recipe = load_recipe(spec.recipe)
    train = make_scenario_set(
        store,
        artifacts,
        recipe,
        set_id=f"{spec.id}-train",
        build=spec.id,
        split="train",
        count=spec.train_scenarios,
        seed=spec.seed,
        project=spec.project,
    )
    held_out = make_scenario_set(
        store,
        artifacts,
        recipe,
        set_id=f"{spec.id}-eval",
        build=spec.id,
        split="eval",
        count=spec.evaluation.scenarios,
        seed=spec.evaluation.seed,
        project=spec.project,
    )
    return train, held_out
