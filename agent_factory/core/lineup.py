"""A line-up: which models play which scenarios, of a build or for an order.

Invariants: what an order plays and reports is kept under the order's id, apart from what its build
learns from and is decided by; held-out scenarios are for evaluations and no others are.
"""

from __future__ import annotations

from typing import NamedTuple

from agent_factory.contracts.build import BuildSpec, EpisodeRequest, Order
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.champion import find_champion
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.store import Store

STAGES = ("base", "sft", "policy")
"""The stages whose models can play, in the order of training."""

SPLITS = {"rollout": "train", "evaluation": "eval"}
"""The split of the scenarios that each kind of order plays."""


class Lineup(NamedTuple):
    """The models that an order asks for, the last of which it is about; and the one that serves, beside them."""

    build: BuildSpec
    scenarios: ScenarioSet
    models: tuple[ModelManifest, ...]
    champion: ModelManifest | None

    @property
    def players(self) -> tuple[ModelManifest, ...]:
        """All that play."""
        known = {model.id for model in self.models}
        return self.models if self.champion is None or self.champion.id in known else (*self.models, self.champion)


def read_lineup(store: Store, order: Order) -> Lineup:
    """The line-up of a rollout or evaluation order, as its models are now.

    Raises NotFoundError where a model or set is not there, InputError where it is not the build's to play.
    """
    asked = EpisodeRequest.model_validate(order.request)
    build = store.get(BuildSpec, asked.build)
    scenarios = store.get(ScenarioSet, asked.scenarios or f"{build.id}-{SPLITS[order.kind]}")
    require_set(order.kind, build, scenarios)
    if asked.model is not None:
        model = store.get(ModelManifest, asked.model)
        require_player(build, model)
        return Lineup(build, scenarios, (model,), None)
    if order.kind == "rollout":
        return Lineup(build, scenarios, (find_model(store, build, "sft"),), None)
    champion = find_champion(store, build.recipe, build.project)
    return Lineup(build, scenarios, tuple(find_models(store, build)), champion)


def require_set(kind: str, build: BuildSpec, found: ScenarioSet) -> None:
    """InputError unless the set is of the build's recipe and of the split that this kind of order plays."""
    if found.recipe != build.recipe:
        raise InputError(
            f"the set {found.id!r} is of recipe {found.recipe!r}, build {build.id!r} of {build.recipe!r}: "
            "a model plays the scenarios of its own recipe"
        )
    if found.split != SPLITS[kind]:
        made = {"rollout": "POST /env/scenarios", "evaluation": "POST /eval/taskset"}[kind]
        raise InputError(
            f"the set {found.id!r} holds {found.split!r} scenarios, "
            f"expected {SPLITS[kind]!r} ones for {kind}s: {made} makes them"
        )


def require_player(build: BuildSpec, model: ModelManifest) -> None:
    """InputError unless the model is the build's and of a stage that can play."""
    if model.build != build.id:
        raise InputError(f"model {model.id!r} is of build {model.build!r}, not of {build.id!r}: name one of them only")
    if model.stage not in STAGES:
        raise InputError(f"model {model.id!r} is a {model.stage} model: only {', '.join(STAGES)} models can play")


def find_models(store: Store, build: BuildSpec) -> list[ModelManifest]:
    """The newest model of each stage that can play, in the order of training; the last is the build's candidate."""
    newest = {model.stage: model for model in store.find(ModelManifest, project=build.project, build=build.id)}
    found = [newest[stage] for stage in STAGES if stage in newest]
    if not found:
        raise NotFoundError(f"build {build.id!r} has no model of stage {', '.join(STAGES)}: train one first")
    return found


def find_model(store: Store, build: BuildSpec, stage: str) -> ModelManifest:
    """The newest model of that stage of the build, or NotFoundError."""
    for model in find_models(store, build):
        if model.stage == stage:
            return model
    raise NotFoundError(f"build {build.id!r} has no model of stage {stage!r}: materialize training/{stage}_model first")


def rollout_path(model: ModelManifest) -> str:
    """Where a model's rollouts for its build are: what a superseded model played is in another file."""
    return f"builds/{model.build}/rollouts/{model.id}.parquet"


def order_folder(order: str) -> str:
    """Where the artifacts of an order are: for each model ``<model>.parquet`` with its traces, and the report."""
    return f"orders/{order}"
