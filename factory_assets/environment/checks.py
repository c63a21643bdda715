"""What must be true of scenarios before a model learns from them or is judged by them."""

import dagster as dg

from factory_assets import keys
from factory_assets.record import eval_set_of, train_set_of
from factory_assets.stage import build_check
from resources.artifact import ArtifactResource
from resources.store import StoreResource


@build_check(
    keys.SCENARIOS,
    description="All scenarios asked for are there; each was solved by its reference solution.",
)
def solvable(
    context: dg.AssetCheckExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.AssetCheckResult:
    from agent_factory.environment.scenario import read_scenarios

    records, files = store.open(), artifacts.open()
    sets = [train_set_of(records, context.partition_key), eval_set_of(records, context.partition_key)]
    lacking = [found.id for found in sets if len(read_scenarios(files, found)) != found.count]
    return dg.AssetCheckResult(
        passed=not lacking,
        description=f"sets with fewer scenarios than they say: {lacking}" if lacking else None,
        metadata={found.id: found.count for found in sets},
    )
