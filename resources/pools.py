"""``python -m resources.pools``: writes the limits of ``recipes/pools.toml`` into Dagster's pools.

Dagster keeps its limits in the instance's database; this file is their record. Invariant: after the
command the instance has these pools and no others.
"""

import sys

import dagster as dg

from agent_factory.compute.pool import read_pools
from agent_factory.core.error import FactoryError


def write_pools(instance: dg.DagsterInstance) -> dict[str, int]:
    """Set the limits, drop pools that the file does not have; returns limit by pool."""
    limits = {pool.name: pool.limit for pool in read_pools()}
    storage = instance.event_log_storage
    for name, limit in limits.items():
        storage.set_concurrency_slots(name, limit)
    for name in sorted(set(storage.get_concurrency_keys()) - set(limits)):
        storage.delete_concurrency_limit(name)
    return limits


def main() -> int:
    """Write the pools of the instance at DAGSTER_HOME."""
    try:
        with dg.DagsterInstance.get() as instance:
            for name, limit in write_pools(instance).items():
                sys.stdout.write(f"pool {name}: {limit}\n")
    except FactoryError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
