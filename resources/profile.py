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


def read_profile(settings: Settings | None = None) -> dict[str, dg.ConfigurableResource[object]]:
    """The resources ``store``, ``artifacts`` and ``worker``."""
    settings = settings or get_settings()
    database = _by_name("AGENT_FACTORY_DATABASE_URL", settings.database_url)
    seconds = float(os.environ.get("AGENT_FACTORY_WORKER_SECONDS", _SIX_HOURS))
    return {
        "store": StoreResource(url=database, project=settings.project),
        "artifacts": ArtifactResource(url=_by_name("AGENT_FACTORY_ARTIFACTS_URL", settings.artifacts_url)),
        "worker": WorkerResource(deadline_seconds=seconds, store_url=database, project=settings.project),
    }


def _by_name(variable: str, value: str) -> str:
    """An address by its variable where that gives it: Dagster's pages then show the name and no password."""
    return dg.EnvVar(variable) if os.environ.get(variable) == value else value
