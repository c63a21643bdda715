"""Promotion across two factories: runtime's release and deployment, and the registry's alias.

Invariant: MLflow calls a model champion only once it serves. Each step changes nothing where it was
done before, so that a promotion that ended half-way is mended by making it again.
"""

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.release import Deployment, Release
from agent_factory.core.artifact import Artifacts
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store


def release_passed(store: Store, artifacts: Artifacts, spec: BuildSpec) -> Release:
    """The build's release; ConflictError unless its report says PASS."""
    from agent_factory.runtime.promotion import release_build

    return release_build(store, load_recipe(spec.recipe), spec.id, artifacts)


def deploy_and_crown(store: Store, release: Release, agent: str | None) -> Deployment:
    """The release's deployment to ``agent`` (its recipe's own if None); its model is MLflow's champion."""
    from agent_factory.runtime.promotion import deploy_release
    from agent_factory.training.registry import move_champion

    deployment = deploy_release(store, release.id, agent)
    move_champion(store.get(ModelManifest, release.model))
    return deployment
