"""All that Dagster loads: assets, checks, sensors, the schedule and the resources of this deployment.

Heavy libraries stay out of this process: asset bodies import them where they work, or start workers.
"""

import dagster as dg

from factory_assets.compute import assets as compute
from factory_assets.data import assets as data
from factory_assets.data import checks as data_checks
from factory_assets.environment import assets as environment
from factory_assets.environment import checks as environment_checks
from factory_assets.evaluation import assets as evaluation
from factory_assets.evaluation import checks as evaluation_checks
from factory_assets.runtime import assets as runtime
from factory_assets.training import assets as training
from factory_assets.training import checks as training_checks
from resources.profile import read_profile
from sensors.automation import close_day, continue_builds, refresh_day_data
from sensors.failure import tell_on_failure
from sensors.label import return_labels
from sensors.order import accept_build_orders
from sensors.promotion import promote_passed_builds
from sensors.refresh import refresh_days
from sensors.trace import return_traces

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([compute, data, environment, training, evaluation, runtime], include_specs=True),
    asset_checks=dg.load_asset_checks_from_modules(
        [data_checks, environment_checks, training_checks, evaluation_checks]
    ),
    sensors=[
        accept_build_orders,
        promote_passed_builds,
        return_traces,
        return_labels,
        tell_on_failure,
        refresh_day_data,
        refresh_days,
        continue_builds,
    ],
    schedules=[close_day],
    resources=read_profile(),
    # A run is one stage: a process for each step would only be started, not used.
    executor=dg.in_process_executor,
)
