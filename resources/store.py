"""The store of records as a Dagster resource.

Invariant: one connection pool a process and database, however many runs and sensors ask for it.
"""

from functools import lru_cache

import dagster as dg

from agent_factory.core.store import Store, open_store


class StoreResource(dg.ConfigurableResource):
    """Where the records are; ``project`` is the tenant whose data this deployment works on."""

    url: str
    project: str

    def open(self) -> Store:
        """The store, its schema brought up to date."""
        return _open(self.url)


@lru_cache(maxsize=8)
def _open(url: str) -> Store:
    return open_store(url)
