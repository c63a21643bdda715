"""Promotion across two factories: runtime's release and deployment, and the registry's alias."""

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.release import Deployment, Release
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store


def release_passed(store: Store, spec: BuildSpec) -> Release:
    """The build's release; ConflictError unless its report says PASS."""
    from agent_factory.runtime.promotion import release_build

    return release_build(store, load_recipe(spec.recipe), spec.id)


def deploy_and_crown(store: Store, release: Release) -> Deployment:
    """The release's deployment to its recipe's agent; its model becomes the champion in MLflow."""
    from agent_factory.training.registry import move_champion

    from agent_factory.runtime.promotion import deploy_release

    move_champion(store.get(ModelManifest, release.model))
    return deploy_release(store, release.id, release.recipe)
