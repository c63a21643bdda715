"""Which model serves a recipe now: the one that a candidate is compared with."""

from __future__ import annotations

from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.release import Deployment, Release
from agent_factory.core.store import Store


def find_champion(store: Store, recipe: str, project: str) -> ModelManifest | None:
    """The model of the newest deployment that serves the recipe in the project, or None if none does."""
    serving = store.find(Deployment, project=project, state="serving")
    for deployment in sorted(serving, key=lambda found: found.updated_at, reverse=True):
        if store.get(Release, deployment.release).recipe == recipe:
            return store.get(ModelManifest, deployment.model)
    return None
