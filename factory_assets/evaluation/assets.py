"""Evaluation: the build's models and the one that serves, on held-out scenarios; the verdict. And what was ordered."""

import dagster as dg

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from factory_assets import keys
from factory_assets.conditions import ALONE
from factory_assets.evaluation.table import draw_table
from factory_assets.record import order_of
from factory_assets.stage import OrderConfig, build_asset, describe_spending, working
from resources.artifact import ArtifactResource
from resources.store import StoreResource
from resources.worker import WorkerResource

_WORKER = "agent_factory.environment.worker"


@build_asset(
    keys.REPORT,
    deps=[keys.POLICY_MODEL, keys.SCENARIOS, keys.EVAL_DATASET],
    kinds={"html"},
    code_version="1",
    pool="inference",
    automation_condition=ALONE,
    description="Success, tool calls and policy violations on held-out scenarios, and the verdict PASS or FAIL.",
)
def report(
    context: dg.AssetExecutionContext, store: StoreResource, artifacts: ArtifactResource, worker: WorkerResource
) -> dg.MaterializeResult:
    from agent_factory.evaluation.report import evaluate

    began, build, records = clock.now(), context.partition_key, store.open()
    spec = records.get(BuildSpec, build)
    worker.run(context, _WORKER, ["evaluation", "--build", build], extras={"build": build})
    with working(context, records, store.project):
        found = evaluate(records, artifacts.open(), spec)
    return _to_result(found, describe_spending(records, build, began))


@build_asset(
    keys.TASKSET_REPORT,
    deps=[keys.POLICY_MODEL],
    kinds={"html"},
    code_version="1",
    pool="inference",
    description="What an order found on a task set of its choice. It decides nothing: evaluation/report does.",
)
def taskset_report(
    context: dg.AssetExecutionContext,
    config: OrderConfig,
    store: StoreResource,
    artifacts: ArtifactResource,
    worker: WorkerResource,
) -> dg.MaterializeResult:
    from agent_factory.evaluation.taskset import evaluate_taskset

    began, records = clock.now(), store.open()
    order = order_of(records, config, context.partition_key)
    worker.run(context, _WORKER, ["order", "--order", order.id], extras={"order": order.id})
    with working(context, records, store.project, order.id):
        found = evaluate_taskset(records, artifacts.open(), order)
    return _to_result(found, describe_spending(records, context.partition_key, began))


def _to_result(found: EvalReport, spent: dict[str, object]) -> dg.MaterializeResult:
    digest = digest_json(found.model_dump(mode="json", exclude={"id", "created_at"}))
    return dg.MaterializeResult(metadata={**describe_report(found), **spent}, data_version=dg.DataVersion(digest))


def describe_report(found: EvalReport) -> dict[str, object]:
    """The verdict with its reasons, the table over the models, and where the page is."""
    score = found.score_of(found.candidate)
    return {
        "verdict": found.verdict or "none: it decides nothing",
        "reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in found.reasons)),
        "models": dg.MetadataValue.md(draw_table(found)),
        "success": score.success.value,
        "success_low": score.success.low,
        "success_high": score.success.high,
        "dagster/row_count": score.episodes,
        "report": found.id,
        "taskset": found.taskset,
        "taskset_digest": found.taskset_digest,
        "page": found.html_path,
        "results": found.results_path,
    }
