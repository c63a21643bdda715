"""Evaluation: the build's models and the one that serves, on held-out scenarios; the verdict."""

import dagster as dg

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from factory_assets import keys
from factory_assets.conditions import ALONE
from factory_assets.evaluation.table import draw_table
from factory_assets.stage import build_asset, describe_spending, working
from resources.artifact import ArtifactResource
from resources.store import StoreResource
from resources.worker import WorkerResource

_WORKER = "agent_factory.environment.worker"


@build_asset(
    keys.REPORT,
    deps=[keys.POLICY_MODEL, keys.SCENARIOS, keys.EVAL_DATASET],
    kinds={"html"},
    code_version="1",
    pool="environment",
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
    return dg.MaterializeResult(
        metadata={**describe_report(found), **describe_spending(records, build, began)},
        data_version=dg.DataVersion(digest_json(found.model_dump(mode="json", exclude={"id", "created_at"}))),
    )


def describe_report(found: EvalReport) -> dict[str, object]:
    """The verdict with its reasons, the table over the models, and where the page is."""
    score = found.score_of(found.candidate)
    return {
        "verdict": found.verdict,
        "reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in found.reasons)),
        "models": dg.MetadataValue.md(draw_table(found)),
        "success": score.success.value,
        "success_low": score.success.low,
        "success_high": score.success.high,
        "dagster/row_count": score.episodes,
        "report": found.id,
        "page": found.html_path,
        "results": found.results_path,
    }
