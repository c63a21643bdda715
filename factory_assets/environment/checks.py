"""What must be true of scenarios before a model learns from them or is judged by them."""

import dagster as dg

from factory_assets import keys
from factory_assets.record import eval_set_of, train_set_of
from factory_assets.stage import build_check, build_warning
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


@build_warning(
    keys.ROLLOUTS,
    description="No level is measurably easier than the one before it, for the models that have played them.",
)
def levels_in_order(
    context: dg.AssetCheckExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.AssetCheckResult:
    from agent_factory.evaluation.level import check_build_levels, describe_levels

    found = check_build_levels(store.open(), artifacts.open(), context.partition_key, store.project)
    told = [f"{one.model}: {one.level} is easier than {one.before}" for one in found.easier]
    return dg.AssetCheckResult(
        passed=not told,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(told) or None,
        metadata={"levels": dg.MetadataValue.json(list(describe_levels(found)))},
    )
