"""What must be true of data: each check a sentence, blocking, by day or by build."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.dataset import DatasetManifest
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.store import Store
from factory_assets import keys
from factory_assets.record import eval_set_of, newest_dataset
from factory_assets.stage import build_check, day_check
from resources.artifact import ArtifactResource
from resources.store import StoreResource


def _keep(
    records: Store, manifest: DatasetManifest, check: str, outcome: Any, held_out: Sequence[ScenarioSet] = ()
) -> Any:
    """The outcome, kept in the dataset's manifest."""
    from agent_factory.data.inspection import keep, to_verdict

    keep(records, manifest, to_verdict(check, outcome, held_out))
    return outcome


def to_result(outcome: Any, artifacts: ArtifactResource | None = None) -> dg.AssetCheckResult:
    """A CheckOutcome as Dagster has it; its Data Docs, where it has some, as a link."""
    told = dict(outcome.metadata)
    if artifacts is not None and "data_docs" in told:
        told["data_docs"] = artifacts.link(told["data_docs"])
    return dg.AssetCheckResult(passed=outcome.passed, description=outcome.description, metadata=told)


@day_check(keys.EVENTS, description="Every event has the columns and values that Great Expectations expects.")
def schema(
    context: dg.AssetCheckExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.AssetCheckResult:
    from agent_factory.data.check import check_schema

    return to_result(check_schema(artifacts.open(), store.project, context.partition_key), artifacts)


@day_check(keys.CLEAN_EVENTS, description="No personal data is left in the day's clean events.")
def no_pii(
    context: dg.AssetCheckExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.AssetCheckResult:
    from agent_factory.data.check import check_no_pii

    return to_result(check_no_pii(artifacts.open(), store.project, context.partition_key))


def _schema_of(key: dg.AssetKey, kind: str) -> dg.AssetChecksDefinition:
    @build_check(key, name="schema", description="Every row has the shape that Great Expectations expects of its kind.")
    def schema(
        context: dg.AssetCheckExecutionContext, store: StoreResource, artifacts: ArtifactResource
    ) -> dg.AssetCheckResult:
        from agent_factory.data.check import check_dataset_schema

        records = store.open()
        manifest = newest_dataset(records, context.partition_key, kind)
        outcome = check_dataset_schema(artifacts.open(), manifest)
        return to_result(_keep(records, manifest, "schema", outcome), artifacts)

    return schema


sft_schema = _schema_of(keys.SFT_DATASET, "sft")
preference_schema = _schema_of(keys.PREFERENCE_DATASET, "preference")
eval_schema = _schema_of(keys.EVAL_DATASET, "eval")


@build_check(keys.SFT_DATASET, description="The dataset has as many rows as the build asks for.")
def enough_rows(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    from agent_factory.data.check import check_enough_rows

    records = store.open()
    spec = records.get(BuildSpec, context.partition_key)
    manifest = newest_dataset(records, spec.id, "sft")
    return to_result(_keep(records, manifest, "enough_rows", check_enough_rows(manifest, spec.min_rows)))


def _no_eval_leak(key: dg.AssetKey, kind: str) -> dg.AssetChecksDefinition:
    @build_check(
        key,
        name="no_eval_leak",
        additional_deps=[keys.SCENARIOS],
        description="No held-out scenario's conversation is among the rows.",
    )
    def no_eval_leak(
        context: dg.AssetCheckExecutionContext, store: StoreResource, artifacts: ArtifactResource
    ) -> dg.AssetCheckResult:
        from agent_factory.data.check import check_no_eval_leak

        records = store.open()
        manifest = newest_dataset(records, context.partition_key, kind)
        held_out = [eval_set_of(records, context.partition_key)]
        outcome = check_no_eval_leak(artifacts.open(), manifest, held_out)
        return to_result(_keep(records, manifest, "no_eval_leak", outcome, held_out))

    return no_eval_leak


sft_has_no_eval_leak = _no_eval_leak(keys.SFT_DATASET, "sft")
preference_has_no_eval_leak = _no_eval_leak(keys.PREFERENCE_DATASET, "preference")
