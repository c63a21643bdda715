"""``return_traces``: what deployed agents live through comes back as the day's data.

Traces are reported when there are enough of them and no more came since the last look, or when the
oldest has waited long enough; both bounds are in the recipes (``[return_traces]``), the most impatient
recipe counts. The cursor holds the last trace number that was reported, and the days that have traces but
have not begun yet (a sender's clock may be ahead at midnight): such a day is reported once it is a partition.
"""

from datetime import datetime

import dagster as dg

from agent_factory.contracts.record import Part
from agent_factory.core import clock
from agent_factory.core.buildfile import ReturnSection
from agent_factory.core.day import FIRST_DAY
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.core.settings import get_settings
from agent_factory.core.tracelog import Arrival, TraceLog
from factory_assets import keys
from factory_assets.partitions import has_day
from resources.store import StoreResource


class Cursor(Part):
    """``reported``: the last number told; ``seen``: the newest at the last look; ``since``: the oldest untold.

    ``early`` are days with traces up to ``reported`` that are no partitions yet.
    """

    reported: int = 0
    seen: int = 0
    since: datetime | None = None
    early: tuple[str, ...] = ()


@dg.sensor(
    name="return_traces",
    minimum_interval_seconds=2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports runtime/traces of a day again when enough new traces of it came in, by count or age.",
)
def return_traces(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
    log = TraceLog(store.open())
    if begun := [day for day in cursor.early if has_day(day)]:
        return _report_begun(log.arrivals(store.project), begun, cursor)
    arrivals = log.arrivals(store.project, after=cursor.reported)
    if not arrivals:
        return dg.SensorResult(skip_reason=f"no trace above number {cursor.reported}", cursor=context.cursor)
    newest = max(arrival.last_number for arrival in arrivals)
    since = cursor.since or clock.now()
    if not _is_due(arrivals, paused=newest == cursor.seen, since=since):
        waiting = cursor.model_copy(update={"seen": newest, "since": since})
        return dg.SensorResult(skip_reason=f"traces up to {newest} wait", cursor=waiting.model_dump_json())
    totals = {arrival.day: arrival.traces for arrival in log.arrivals(store.project)}
    strange = [arrival.day for arrival in arrivals if not has_day(arrival.day)]
    early = {day for day in strange if day >= FIRST_DAY.isoformat()}
    if lost := sorted(set(strange) - early):
        context.log.warning(f"traces of {lost} are outside the day partitions and make no data")
    return dg.SensorResult(
        asset_events=[_report(arrival, totals[arrival.day]) for arrival in arrivals if has_day(arrival.day)],
        cursor=Cursor(reported=newest, seen=newest, early=tuple(sorted({*cursor.early, *early}))).model_dump_json(),
    )


def _report_begun(totals: list[Arrival], begun: list[str], cursor: Cursor) -> dg.SensorResult:
    """Report days that were told of before they began; what came in since waits for the next look."""
    left = cursor.model_copy(update={"early": tuple(sorted(set(cursor.early) - set(begun)))})
    reports = [_report(arrival, arrival.traces) for arrival in totals if arrival.day in begun]
    return dg.SensorResult(asset_events=reports, cursor=left.model_dump_json())


def _is_due(arrivals: list[Arrival], *, paused: bool, since: datetime) -> bool:
    bounds = read_bounds()
    enough = sum(arrival.traces for arrival in arrivals) >= bounds.count
    return (enough and paused) or (clock.now() - since).total_seconds() >= bounds.age_seconds


def read_bounds() -> ReturnSection:
    """The smallest count and age of all recipes; InputError where a recipe has none."""
    recipes = [Recipe(path.parent) for path in sorted(get_settings().recipes.glob("*/build.toml"))]
    if not recipes:
        raise InputError(f"there is no recipe under {get_settings().recipes}: a recipe says when traces are returned")
    sections: list[ReturnSection] = []
    for recipe in recipes:
        if "return_traces" not in recipe.settings:
            raise InputError(f"{recipe.folder / 'build.toml'} has no [return_traces]: add count and age_seconds")
        sections.append(ReturnSection.model_validate(recipe.settings["return_traces"]))
    return ReturnSection(count=min(s.count for s in sections), age_seconds=min(s.age_seconds for s in sections))


def _report(arrival: Arrival, total: int) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=keys.TRACES,
        partition=arrival.day,
        description=f"{arrival.traces} new traces of {arrival.day}",
        metadata={"new": arrival.traces, "dagster/row_count": total, "last_number": arrival.last_number},
        tags={"dagster/data_version": f"{total}-{arrival.last_number}", keys.REPORTED_BY: "return_traces"},
    )
