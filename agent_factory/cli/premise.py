"""What must hold of the settings before anything is started: told at once, not by a service that dies of it.

Invariant: nothing is begun or written here; each function raises what names the variable to set.
"""

from __future__ import annotations

from agent_factory.core.error import AccessError
from agent_factory.core.settings import Settings


def require_usable(settings: Settings) -> None:
    """InputError where the services could not work with the store, the artifacts or the file of keys."""
    from agent_factory.api.keyring import open_keyring
    from agent_factory.core.artifact import open_artifacts
    from agent_factory.core.store import open_engine

    open_keyring(settings)
    open_artifacts(settings.artifacts_url)
    open_engine(settings.database_url).dispose()


def require_key_of_caller(settings: Settings) -> None:
    """AccessError where the API of these settings asks for a key, and this process has none to send."""
    from agent_factory.api.keyring import open_keyring

    if settings.api_key is None and open_keyring(settings).keyed:
        raise AccessError(
            "AGENT_FACTORY_API_KEYS makes the API ask every caller for a key, and this command is one: set "
            "AGENT_FACTORY_API_KEY to a key of your own that is not in that file (`openssl rand -hex 32` makes one). "
            "It is the operator's and opens every project"
        )
