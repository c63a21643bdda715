"""The sensors that look at the assets' conditions, and the schedule that closes a day."""

from datetime import timedelta

import dagster as dg

from factory_assets import keys

DAY_ASSETS = dg.AssetSelection.assets(*keys.DAY_DATA)
STAGES = dg.AssetSelection.assets(
    keys.SFT_MODEL, keys.ROLLOUTS, keys.REWARD_MODEL, keys.POLICY_MODEL, keys.REPORT, keys.AGENT_COST
)


def _follow(name: str, target: dg.AssetSelection, description: str) -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        name=name,
        target=target,
        minimum_interval_seconds=2,
        default_status=dg.DefaultSensorStatus.RUNNING,
        # One run a partition: checks by day and by build are only recorded in runs of one partition.
        emit_backfills=False,
        description=description,
    )


refresh_day_data = _follow("refresh_day_data", DAY_ASSETS, "Makes a day's data again when its traces were reported.")
continue_builds = _follow("continue_builds", STAGES, "Starts the next stage of a build when its inputs passed.")


@dg.schedule(
    name="close_day",
    cron_schedule="15 0 * * *",
    execution_timezone="UTC",
    target=dg.AssetSelection.assets(*keys.DAY_DATA, keys.USAGE),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 00:15 UTC the data and the usage of the day that ended.",
)
def close_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    yesterday = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
    return dg.RunRequest(run_key=f"close-{yesterday}", partition_key=yesterday)
