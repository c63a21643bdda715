"""``promote_passed_builds``: the one way in which a build comes to be released.

A build is promoted when its newest report says PASS, the ``gate`` check passed for its partition on
that very report, and it has no release yet. The release asset reads the report once more.
"""

import dagster as dg

from agent_factory.contracts.evaluation import EvalReport
from agent_factory.contracts.release import Release
from factory_assets import keys
from resources.store import StoreResource
from sensors.state import explain_check


@dg.sensor(
    name="promote_passed_builds",
    asset_selection=dg.AssetSelection.assets(keys.RELEASE, keys.DEPLOYMENT),
    minimum_interval_seconds=2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Releases and deploys a build whose evaluation says PASS, and no other.",
)
def promote_passed_builds(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    records = store.open()
    released = {release.build for release in records.find(Release, project=store.project)}
    passed = [
        report
        for report in records.find(EvalReport, project=store.project)
        if report.verdict == "PASS"
        and report.build not in released
        and explain_check(context.instance, keys.GATE, report.build) is None
    ]
    return dg.SensorResult(run_requests=[_request(report) for report in passed])


def _request(report: EvalReport) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"promote-{report.id}-{report.created_at.timestamp()}",
        partition_key=report.build,
        asset_selection=[keys.RELEASE, keys.DEPLOYMENT],
        tags={"dagster/priority": "10"},
    )
