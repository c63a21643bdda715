"""Environment: the scenarios of a build, the episodes that its SFT model plays in them, and those that were ordered."""

import dagster as dg

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.lineup import order_folder, rollout_path
from factory_assets import keys
from factory_assets.conditions import ALONE
from factory_assets.record import newest_model, order_of
from factory_assets.stage import OrderConfig, build_asset, describe_spending, working
from resources.artifact import ArtifactResource
from resources.store import StoreResource
from resources.worker import WorkerResource

WORKER = "agent_factory.environment.worker"


@build_asset(
    keys.SCENARIOS,
    kinds={"json"},
    code_version="1",
    description="The build's training and held-out scenarios, each proved solvable by its reference solution.",
)
def scenarios(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.MaterializeResult:
    from factory_assets.environment.scenarios import make_sets

    records = store.open()
    spec = records.get(BuildSpec, context.partition_key)
    with working(context, records, store.project):
        train, held_out = make_sets(records, artifacts.open(), spec)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": train.count + held_out.count, **_describe(train), **_describe(held_out)},
        data_version=dg.DataVersion(digest_json([train.digest, held_out.digest])),
    )


def _describe(found: ScenarioSet) -> dict[str, object]:
    return {
        f"{found.split}_scenarios": found.count,
        f"{found.split}_per_level": dg.MetadataValue.json(found.per_level),
        f"{found.split}_digest": found.digest,
        f"{found.split}_path": found.path,
    }


@build_asset(
    keys.ROLLOUTS,
    deps=[keys.SCENARIOS, keys.SFT_MODEL],
    kinds={"parquet"},
    code_version="1",
    pool="environment",
    automation_condition=ALONE,
    description="Episodes of the SFT model in the training scenarios, sampled and graded: what reinforcement reads.",
)
def rollouts(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource, worker: WorkerResource
) -> dg.MaterializeResult:
    from factory_assets.environment.rollouts import describe_rollouts

    began, build, records = clock.now(), context.partition_key, store.open()
    worker.run(context, WORKER, ["rollouts", "--build", build], extras={"build": build})
    found = describe_rollouts(artifacts.open(), [rollout_path(newest_model(records, build, "sft"))])
    return dg.MaterializeResult(
        metadata={**found.metadata, **describe_spending(records, build, began)},
        data_version=dg.DataVersion(found.digest),
    )


@build_asset(
    keys.ORDERED_ROLLOUTS,
    deps=[keys.SFT_MODEL],
    kinds={"parquet"},
    code_version="1",
    pool="environment",
    description="Episodes that an order asked for, of a model and scenarios of its choice. No model learns from them.",
)
def ordered_rollouts(
    context: dg.AssetExecutionContext,
    config: OrderConfig,
    store: StoreResource,
    artifacts: ArtifactResource,
    worker: WorkerResource,
) -> dg.MaterializeResult:
    from factory_assets.environment.rollouts import describe_rollouts, list_rollouts

    began, records = clock.now(), store.open()
    order = order_of(records, config, context.partition_key)
    worker.run(context, WORKER, ["order", "--order", order.id], extras={"order": order.id})
    made = artifacts.open()
    found = describe_rollouts(made, list_rollouts(made, order_folder(order.id)))
    return dg.MaterializeResult(
        metadata={"order": order.id, **found.metadata, **describe_spending(records, context.partition_key, began)},
        data_version=dg.DataVersion(found.digest),
    )
