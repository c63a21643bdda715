"""Compute: what was spent, by day and by build."""

import dagster as dg

from agent_factory.compute.usage import UsageSummary, summarize
from agent_factory.core.digest import digest_json
from factory_assets import keys
from factory_assets.conditions import ALONE_ALSO_FAILED
from factory_assets.stage import build_asset, day_asset
from resources.store import StoreResource


@day_asset(
    keys.USAGE,
    kinds={"sql"},
    code_version="1",
    description="What all work of a day spent: time, memory, tokens and cost by factory and by build.",
)
def usage(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    records, day = store.open(), context.partition_key
    by_factory = summarize(records, store.project, "factory", day=day)
    by_build = summarize(records, store.project, "build", day=day)
    return _describe(by_factory, {"by_build": dg.MetadataValue.md(draw_table(by_build))})


@build_asset(
    keys.AGENT_COST,
    deps=[keys.REPORT],
    kinds={"sql"},
    code_version="1",
    automation_condition=ALONE_ALSO_FAILED,
    description="What the build spent until its verdict, PASS or FAIL: by factory and by activity.",
)
def agent_cost(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    records, build = store.open(), context.partition_key
    by_factory = summarize(records, store.project, "factory", build=build)
    by_activity = summarize(records, store.project, "activity", build=build)
    return _describe(by_factory, {"by_activity": dg.MetadataValue.md(draw_table(by_activity))})


def _describe(by_factory: tuple[UsageSummary, ...], more: dict[str, object]) -> dg.MaterializeResult:
    priced = [row.cost for row in by_factory if row.cost is not None]
    metadata: dict[str, object] = {
        "pieces_of_work": sum(row.pieces for row in by_factory),
        "wall_seconds": sum(row.wall_seconds for row in by_factory),
        "cpu_seconds": sum(row.cpu_seconds for row in by_factory),
        "tokens": sum(row.prompt_tokens + row.completion_tokens for row in by_factory),
        "by_factory": dg.MetadataValue.md(draw_table(by_factory)),
        **more,
    }
    if priced:
        metadata["cost"] = sum(priced)
    digest = digest_json([row.model_dump(mode="json") for row in by_factory])
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(digest))


def draw_table(rows: tuple[UsageSummary, ...]) -> str:
    """Sums as a Markdown table; a sum that was not priced has no cost."""
    if not rows:
        return "nothing was spent"
    lines = [f"| {rows[0].by} | pieces | wall s | CPU s | peak MiB | tokens | cost |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        peak = "–" if row.peak_memory_bytes is None else f"{row.peak_memory_bytes / 2**20:.0f}"
        cost = "–" if row.cost is None else f"{row.cost:.6f} {row.currency}"
        tokens = row.prompt_tokens + row.completion_tokens
        cells = [row.key or "–", row.pieces, f"{row.wall_seconds:.1f}", f"{row.cpu_seconds:.1f}", peak, tokens, cost]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
