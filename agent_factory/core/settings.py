"""Where things are: read from the environment once, with defaults inside the checkout.

``AGENT_FACTORY_HOME`` holds the store, the artifacts, MLflow's files and Dagster's instance; everything
else can be set by a variable of its own. The instance of the default home is the checkout's
``dagster_home``. No secret is ever logged: ``api_key`` is a SecretStr.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr

from agent_factory.contracts.record import DEFAULT_PROJECT, Name, Part

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_HOME = CHECKOUT / ".factory"
INSTANCE_CONFIG = CHECKOUT / "dagster_home" / "dagster.yaml"


class Settings(Part):
    """The settings of this process; worker processes inherit them through the environment."""

    home: Path
    dagster_home: Path
    recipes: Path
    database_url: str
    artifacts_url: str
    mlflow_url: str
    api_url: str
    api_key: SecretStr | None
    api_keys: Path | None = None
    project: Name


def read_settings(environ: dict[str, str] | None = None) -> Settings:
    """Settings from ``environ`` (the process's own by default)."""
    env = dict(os.environ) if environ is None else environ
    home = Path(env.get("AGENT_FACTORY_HOME", DEFAULT_HOME)).resolve()
    instance = home / "dagster_home" if home != DEFAULT_HOME else INSTANCE_CONFIG.parent
    key = env.get("AGENT_FACTORY_API_KEY")
    return Settings(
        home=home,
        dagster_home=Path(env.get("DAGSTER_HOME", instance)).resolve(),
        recipes=Path(env.get("AGENT_FACTORY_RECIPES", CHECKOUT / "recipes")).resolve(),
        database_url=env.get("AGENT_FACTORY_DATABASE_URL", f"sqlite:///{home / 'factory.db'}"),
        artifacts_url=env.get("AGENT_FACTORY_ARTIFACTS_URL", str(home / "artifacts")),
        mlflow_url=env.get("MLFLOW_TRACKING_URI", f"sqlite:///{home / 'mlflow.db'}"),
        api_url=env.get("AGENT_FACTORY_API_URL", "http://127.0.0.1:8400"),
        api_key=SecretStr(key) if key else None,
        api_keys=Path(env["AGENT_FACTORY_API_KEYS"]).resolve() if env.get("AGENT_FACTORY_API_KEYS") else None,
        project=env.get("AGENT_FACTORY_PROJECT", DEFAULT_PROJECT),
    )


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()
