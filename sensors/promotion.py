"""``promote_passed_builds``: the one way in which a build comes to be released by itself.

A build is promoted when its newest report says PASS, the ``gate`` check passed for its partition on
that very report, and its release and deployment are not both materialized. The release asset reads the
report once more. Invariants: one attempt at a time, ``ATTEMPTS`` at most, each a run of its own; a
repeated attempt never takes the place of what was evaluated and promoted later.
"""

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus

from agent_factory.contracts.evaluation import EvalReport
from agent_factory.core import clock
from factory_assets import keys
from resources.store import StoreResource
from sensors.state import ATTEMPT_TAG, WILL_RETRY_TAG, explain_check

ATTEMPTS = 5
SECONDS_BETWEEN = 15.0
_REPORT_TAG = "agent-factory/promoted-report"


@dg.sensor(
    name="promote_passed_builds",
    asset_selection=dg.AssetSelection.assets(keys.RELEASE, keys.DEPLOYMENT),
    minimum_interval_seconds=2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Releases and deploys a build whose evaluation says PASS, and no other; asks again where that failed.",
)
def promote_passed_builds(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    instance = context.instance
    promoted = _find_promoted(instance)
    reports = [report for report in store.open().find(EvalReport, project=store.project) if report.verdict == "PASS"]
    served = [report for report in reports if report.build in promoted]
    asked: list[dg.RunRequest] = []
    for report in reports:
        if report.build in promoted or explain_check(instance, keys.GATE, report.build) is not None:
            continue
        attempt = _next_attempt(instance, report)
        if attempt is not None and (attempt == 1 or not _is_outrun(report, served)):
            asked.append(_request(report, attempt))
    return dg.SensorResult(run_requests=asked)


def is_last_attempt(run: dg.DagsterRun) -> bool:
    """Whether no other attempt follows this run if it fails; so it is for every run that is no promotion."""
    return int(run.tags.get(ATTEMPT_TAG, ATTEMPTS)) >= ATTEMPTS


def _find_promoted(instance: DagsterInstance) -> set[str]:
    """The builds of which both release and deployment stand."""
    return instance.get_materialized_partitions(keys.RELEASE) & instance.get_materialized_partitions(keys.DEPLOYMENT)


def _next_attempt(instance: DagsterInstance, report: EvalReport) -> int | None:
    """The number of the attempt that is due now, from 1; None while one is at work, or where no more is made."""
    records = instance.get_run_records(dg.RunsFilter(tags={_REPORT_TAG: _name(report)}))
    if not records:
        return 1
    made = max(int(record.dagster_run.tags[ATTEMPT_TAG]) for record in records)
    newest = records[0].dagster_run
    # A run that a person cancelled is not begun again against that will.
    if newest.status != DagsterRunStatus.FAILURE or newest.tags.get(WILL_RETRY_TAG) == "true" or made >= ATTEMPTS:
        return None
    ended = records[0].end_time
    rested = ended is not None and clock.now().timestamp() - ended >= SECONDS_BETWEEN
    return made + 1 if rested else None


def _is_outrun(report: EvalReport, served: list[EvalReport]) -> bool:
    """Whether a build of the recipe that was evaluated after this one has been promoted."""
    return any(other.recipe == report.recipe and other.created_at > report.created_at for other in served)


def _name(report: EvalReport) -> str:
    return f"{report.id}-{report.created_at.timestamp()}"


def _request(report: EvalReport, attempt: int) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"promote-{_name(report)}-{attempt}",
        partition_key=report.build,
        asset_selection=[keys.RELEASE, keys.DEPLOYMENT],
        tags={"dagster/priority": "10", _REPORT_TAG: _name(report), ATTEMPT_TAG: str(attempt)},
    )
