"""The gate as a check: it mirrors the verdict of the report, build by build."""

import dagster as dg

from factory_assets import keys
from factory_assets.record import newest_report
from factory_assets.stage import build_check
from resources.store import StoreResource


@build_check(keys.REPORT, description="The evaluation's verdict on this build is PASS.")
def gate(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    report = newest_report(store.open(), context.partition_key)
    return dg.AssetCheckResult(
        passed=report.verdict == "PASS",
        description=f"{report.verdict}: {' '.join(report.reasons)}",
        metadata={"report": report.id, "candidate": report.candidate, "page": report.html_path},
    )
