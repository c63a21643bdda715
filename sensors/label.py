"""``return_labels``: what people and judges say of a day's traces, however late, is in the day's labels.

A day's labels are made again once nobody has said anything for a while, or when the oldest word has
waited long enough; that day and no other. All labelled days are, where a calibration changed which judges
may decide. The cursor remembers what was handled among the newest words,
since two that are written at once may be seen in either order.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from agent_factory.contracts.record import Part
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.data.labelling.calibration import find_usable
from agent_factory.data.labelling.feedback import find_since
from agent_factory.data.labelling.item import find_days
from factory_assets import keys
from factory_assets.partitions import has_day
from resources.store import StoreResource
from sensors.state import explain_check, newest

QUIET_SECONDS = 20
LONGEST_SECONDS = 180
_LOOK_BACK = timedelta(minutes=2)
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


class Cursor(Part):
    """``since``: all words before it are handled; ``handled``: those after it that are, too.

    ``judges`` are those that may decide, as the labels know them; ``behind`` the days that know others.
    """

    since: datetime | None = None
    handled: tuple[str, ...] = ()
    judges: tuple[str, ...] | None = None
    behind: tuple[str, ...] = ()


class Word(Part):
    """A label that was given, changed or withdrawn: when, of which day's trace, and what it is known by."""

    at: datetime
    day: str | None
    name: str


@dg.sensor(
    name="return_labels",
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    target=dg.AssetSelection.assets(keys.LABELS),
    description="Makes data/labels of a day again when its traces were labelled after it was made.",
)
def return_labels(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
    cursor = _look_at_judges(context.instance, store, cursor)
    words = read_words(store, cursor.since)
    fresh = [word for word in words if word.name not in cursor.handled]
    due = fresh if fresh and _is_due(fresh) else []
    wanted = {*(word.day for word in due if word.day), *cursor.behind}
    waiting = {day for day in wanted if _is_under_way(context.instance, day)}
    ready = sorted(day for day in wanted - waiting if has_day(day) and _is_clean(context.instance, day))
    if due:
        cursor = _advance(cursor, words, [word for word in due if word.day in waiting])
    return dg.SensorResult(
        run_requests=[_request(day, due, cursor.judges) for day in ready],
        skip_reason=None if ready else _why_not(fresh, due, waiting),
        cursor=cursor.model_copy(update={"behind": tuple(sorted(waiting & {*cursor.behind}))}).model_dump_json(),
    )


def _look_at_judges(instance: dg.DagsterInstance, store: StoreResource, cursor: Cursor) -> Cursor:
    """The cursor, with every labelled day behind where a calibration changed which judges may decide."""
    judges = tuple(sorted(find_usable(store.open(), store.project)))
    if judges == cursor.judges:
        return cursor
    # Labels that no cursor tells of were made under the judges of now, or will be told by their words.
    behind = () if cursor.judges is None else tuple(sorted(instance.get_materialized_partitions(keys.LABELS)))
    return cursor.model_copy(update={"judges": judges, "behind": behind})


def _why_not(fresh: list[Word], due: list[Word], waiting: set[str]) -> str:
    if waiting:
        return f"labels of {sorted(waiting)} wait for a run of their day"
    if fresh and not due:
        return f"{len(fresh)} labels wait for a pause"
    return "the labels given need no run now" if due else "nobody has labelled anything new"


def read_words(store: StoreResource, since: datetime | None) -> list[Word]:
    """The words of the project from a little before ``since`` on, in order of time."""
    records = store.open()
    found = find_since(records, store.project, since and since - _LOOK_BACK)
    days = find_days(records, store.project, {trace_id for _, trace_id, _ in found})
    return [
        Word(at=at.replace(tzinfo=at.tzinfo or UTC), day=days.get(trace_id), name=f"{digest[:16]}")
        for at, trace_id, digest in found
    ]


def _is_due(fresh: list[Word]) -> bool:
    now = clock.now()
    times = [word.at for word in fresh]
    quiet = (now - max(times)).total_seconds() >= QUIET_SECONDS
    return quiet or (now - min(times)).total_seconds() >= LONGEST_SECONDS


def _is_under_way(instance: dg.DagsterInstance, day: str) -> bool:
    """Whether a run of that day goes on: one that read the labels before would write over ours."""
    filters = dg.RunsFilter(tags={"dagster/partition": day}, statuses=_UNDER_WAY)
    return instance.get_runs_count(filters) > 0


def _is_clean(instance: dg.DagsterInstance, day: str) -> bool:
    """Whether clean events stand and passed; where they do not, labels will be made with them."""
    if newest(instance, keys.CLEAN_EVENTS, day) is None:
        return False
    return all(explain_check(instance, check, day) is None for check in keys.DAY_CHECKS)


def _request(day: str, due: list[Word], judges: tuple[str, ...] | None) -> dg.RunRequest:
    told = digest_json([sorted(word.name for word in due if word.day == day), judges])[:16]
    return dg.RunRequest(run_key=f"labels-{day}-{told}", partition_key=day, asset_selection=[keys.LABELS])


def _advance(cursor: Cursor, words: list[Word], late: list[Word]) -> Cursor:
    """Handled is all but what is ``late``; nothing is forgotten that a later look would see again."""
    since = min((word.at for word in late), default=max(word.at for word in words))
    names = {word.name for word in words if word.at >= since - _LOOK_BACK} - {word.name for word in late}
    return cursor.model_copy(update={"since": since, "handled": tuple(sorted(names))})
