"""Episodes to order: rollouts and evaluations name a build or a model, and a set of scenarios.

Invariant: what an order names is of the caller's project, and fits together, before the order is taken.
"""

from __future__ import annotations

from typing import Literal

from agent_factory.api.context import Context
from agent_factory.api.order import place_for_build
from agent_factory.contracts.build import BuildSpec, EpisodeRequest, Order
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.error import InputError
from agent_factory.core.lineup import require_player, require_set


def order_episodes(
    context: Context,
    kind: Literal["rollout", "evaluation"],
    build: str | None,
    model: str | None,
    scenarios: str | None,
    key: str | None,
) -> Order:
    """The order; NotFoundError for what the project does not have, InputError for what does not fit together."""
    player = None if model is None else context.get(ModelManifest, model)
    name = build or (None if player is None else player.build)
    if name is None:
        raise InputError("nobody is to play: give a build, or a model")
    spec = context.get(BuildSpec, name)
    if player is not None:
        require_player(spec, player)
    if scenarios is not None:
        require_set(kind, spec, context.get(ScenarioSet, scenarios))
    request = EpisodeRequest(build=spec.id, model=model, scenarios=scenarios).model_dump(mode="json")
    return place_for_build(context, kind, request, spec.id, key)
