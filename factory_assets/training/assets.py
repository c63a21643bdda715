"""Training: base, SFT, reward and policy model, each a worker process with checkpoints."""

import dagster as dg

from agent_factory.core import clock
from factory_assets import keys
from factory_assets.conditions import ALONE
from factory_assets.partitions import from_days
from factory_assets.record import newest_model
from factory_assets.stage import build_asset, describe_spending
from resources.store import StoreResource
from resources.worker import WorkerResource

_WORKER = "agent_factory.training.worker"
_POOL = "training"


def _train(
    context: dg.AssetExecutionContext, store: StoreResource, worker: WorkerResource, kind: str, stage: str
) -> dg.MaterializeResult:
    began, build, records = clock.now(), context.partition_key, store.open()
    worker.run(context, _WORKER, ["--build", build, "--stage", kind], extras={"build": build, "stage": kind})
    manifest = newest_model(records, build, stage)
    metadata = {
        "model": manifest.id,
        "parent": manifest.parent or "none",
        "parameters": manifest.parameters,
        "digest": manifest.digest,
        "path": manifest.path,
        "datasets": dg.MetadataValue.json(list(manifest.dataset_ids)),
        "mlflow_run": manifest.mlflow_run_id or "none",
        **manifest.metrics,
        **describe_spending(records, build, began),
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(manifest.digest))


@build_asset(
    keys.BASE_MODEL,
    deps=[from_days(keys.CLEAN_EVENTS)],
    kinds={"pytorch", "huggingface"},
    code_version="2",
    pool=_POOL,
    description="M0: tokenizer and language model from all clean traces of the window, good and bad.",
)
def base_model(context: dg.AssetExecutionContext, store: StoreResource, worker: WorkerResource) -> dg.MaterializeResult:
    return _train(context, store, worker, "pretrain", "base")


@build_asset(
    keys.SFT_MODEL,
    deps=[keys.BASE_MODEL, keys.SFT_DATASET],
    kinds={"pytorch", "huggingface"},
    code_version="1",
    pool=_POOL,
    automation_condition=ALONE,
    description="The base model trained to imitate the curated conversations.",
)
def sft_model(context: dg.AssetExecutionContext, store: StoreResource, worker: WorkerResource) -> dg.MaterializeResult:
    return _train(context, store, worker, "sft", "sft")


@build_asset(
    keys.REWARD_MODEL,
    deps=[keys.PREFERENCE_DATASET, keys.ROLLOUTS],
    kinds={"pytorch", "huggingface"},
    code_version="1",
    pool=_POOL,
    automation_condition=ALONE,
    description="A model that scores conversations, from preference pairs.",
)
def reward_model(
    context: dg.AssetExecutionContext, store: StoreResource, worker: WorkerResource
) -> dg.MaterializeResult:
    return _train(context, store, worker, "reward", "reward")


@build_asset(
    keys.POLICY_MODEL,
    deps=[keys.SFT_MODEL, keys.REWARD_MODEL, keys.ROLLOUTS],
    kinds={"pytorch", "huggingface"},
    code_version="1",
    pool=_POOL,
    automation_condition=ALONE,
    description="The SFT model after one round of rejection sampling: the candidate that is evaluated.",
)
def policy_model(
    context: dg.AssetExecutionContext, store: StoreResource, worker: WorkerResource
) -> dg.MaterializeResult:
    return _train(context, store, worker, "rft", "policy")
