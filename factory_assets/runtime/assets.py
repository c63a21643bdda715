"""Runtime: traces come back, releases and deployments go out.

Invariant: release and deployment have no automation; the promotion sensor starts them, and the
release reads the report again, so that no other way of starting it releases a build without PASS.
"""

import dagster as dg

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.release import Release
from agent_factory.core.error import ConflictError
from factory_assets import keys
from factory_assets.partitions import DAY
from factory_assets.record import newest_report
from factory_assets.stage import AGENT_TAG, OWNERS, build_asset, working
from resources.artifact import ArtifactResource
from resources.store import StoreResource

traces = dg.AssetSpec(
    keys.TRACES,
    group_name="runtime",
    partitions_def=DAY,
    owners=OWNERS,
    kinds={"api"},
    tags={"agent-factory/axis": "day"},
    code_version="1",
    description="Traces as they come in, by POST /data/events and from the agents that serve.",
)


@build_asset(
    keys.RELEASE,
    deps=[keys.REPORT],
    kinds={"json"},
    code_version="1",
    description="Model, prompt, tools and memory schema locked together. Only for a build whose report says PASS.",
)
def release(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource
) -> dg.MaterializeResult:
    from factory_assets.runtime.promotion import release_passed

    records = store.open()
    spec = records.get(BuildSpec, context.partition_key)
    report = newest_report(records, spec.id)
    if report.verdict != "PASS":
        raise ConflictError(f"build {spec.id!r} is not released: its report {report.id!r} says {report.verdict}")
    with working(context, records, store.project):
        made = release_passed(records, artifacts.open(), spec)
    metadata = {"release": made.id, "model": made.model, "model_digest": made.model_digest, "report": made.report}
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(made.model_digest))


@build_asset(
    keys.DEPLOYMENT,
    deps=[keys.RELEASE],
    kinds={"api"},
    code_version="1",
    description="The release takes the agent's traffic; the deployment before it is replaced.",
)
def deployment(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    from factory_assets.runtime.promotion import deploy_and_crown

    records = store.open()
    made = next(iter(records.find(Release, build=context.partition_key, newest_first=True, limit=1)), None)
    if made is None:
        raise ConflictError(f"build {context.partition_key!r} has no release: materialize runtime/release first")
    with working(context, records, store.project):
        found = deploy_and_crown(records, made, context.run.tags.get(AGENT_TAG))
    metadata = {
        "agent": found.agent,
        "deployment": found.id,
        "model": found.model,
        "traffic": found.traffic,
        "predecessor": found.predecessor or "none",
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(made.model_digest))
