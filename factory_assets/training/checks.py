"""What must be true of models before anything is made with them."""

import dagster as dg

from agent_factory.core.error import ModelError
from factory_assets import keys
from factory_assets.record import newest_model
from factory_assets.stage import build_check
from resources.artifact import ArtifactResource
from resources.store import StoreResource

_STAGES = {"base": keys.BASE_MODEL, "sft": keys.SFT_MODEL, "reward": keys.REWARD_MODEL, "policy": keys.POLICY_MODEL}
MIN_PAIRWISE_ACCURACY = 0.6


def _loads(stage: str, key: dg.AssetKey) -> dg.AssetChecksDefinition:
    @build_check(key, name="loads", description="The checkpoint's files are whole: their digest is the manifest's.")
    def loads(
        context: dg.AssetCheckExecutionContext, store: StoreResource, artifacts: ArtifactResource
    ) -> dg.AssetCheckResult:
        from agent_factory.gateway.checkpoint import verify_checkpoint

        manifest = newest_model(store.open(), context.partition_key, stage)
        try:
            verify_checkpoint(artifacts.open().local(manifest.path), manifest.digest)
        except ModelError as error:
            return dg.AssetCheckResult(passed=False, description=str(error))
        return dg.AssetCheckResult(passed=True, metadata={"model": manifest.id, "digest": manifest.digest})

    return loads


base_loads, sft_loads, reward_loads, policy_loads = (_loads(stage, key) for stage, key in _STAGES.items())


@build_check(
    keys.REWARD_MODEL,
    description="On held-out pairs the reward model prefers the better conversation more often than the worse.",
)
def pairwise_accuracy(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    manifest = newest_model(store.open(), context.partition_key, "reward")
    measured = manifest.metrics.get("pairwise_accuracy")
    if measured is None:
        return dg.AssetCheckResult(
            passed=False, description=f"reward model {manifest.id!r} has no measured pairwise_accuracy"
        )
    return dg.AssetCheckResult(
        passed=measured >= MIN_PAIRWISE_ACCURACY,
        description=f"{measured:.3f} of held-out pairs ranked right; {MIN_PAIRWISE_ACCURACY} asked for",
        metadata={"pairwise_accuracy": measured, "asked": MIN_PAIRWISE_ACCURACY},
    )
