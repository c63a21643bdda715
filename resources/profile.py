"""The resources of this deployment, made from the settings of its environment.

There is one profile so far, ``local``: SQLite, a folder of artifacts, worker subprocesses.
"""

import os

import dagster as dg

from agent_factory.core.settings import Settings, get_settings
from resources.artifact import ArtifactResource
from resources.store import StoreResource
from resources.worker import WorkerResource

_SIX_HOURS = 6 * 3600.0


def read_profile(settings: Settings | None = None) -> dict[str, dg.ConfigurableResource]:
    """The resources ``store``, ``artifacts`` and ``worker``."""
    settings = settings or get_settings()
    store = StoreResource(url=settings.database_url, project=settings.project)
    seconds = float(os.environ.get("AGENT_FACTORY_WORKER_SECONDS", _SIX_HOURS))
    return {
        "store": store,
        "artifacts": ArtifactResource(url=settings.artifacts_url),
        "worker": WorkerResource(deadline_seconds=seconds, store_url=store.url, project=store.project),
    }
