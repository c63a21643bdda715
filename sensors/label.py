"""``return_labels``: what people and judges say of a day's traces, however late, is in the day's labels.

A day's labels are made again once nobody has said anything for a while, or when the oldest word has
waited long enough; that day and no other. All labelled days are, where a calibration changed which judges
may decide. Invariant: words are handled in the order in which they came, whatever time they tell: an
annotation of last week that is imported today is as new as one that was made here.
"""

import dagster as dg
from pydantic import ConfigDict

from agent_factory.contracts.record import Part
from agent_factory.core import clock
from agent_factory.data.labelling.calibration import find_usable
from agent_factory.data.labelling.feedback import Said, find_said
from agent_factory.data.labelling.item import find_days
from factory_assets import keys
from factory_assets.partitions import has_day
from resources.store import StoreResource
from sensors.state import explain_check, newest

QUIET_SECONDS = 20
LONGEST_SECONDS = 180
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


class Cursor(Part):
    """``arrival``: all words up to it are handled, or their days are ``behind`` and wait for a run of theirs to end.

    ``judges`` are those that may decide, as the labels know them; ``changes`` counts how often they were others.
    """

    model_config = ConfigDict(extra="ignore")  # what a cursor of before says of times is let go

    arrival: int = -1
    judges: tuple[str, ...] | None = None
    changes: int = 0
    behind: tuple[str, ...] = ()


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
    fresh = find_said(store.open(), store.project, cursor.arrival)
    due = fresh if fresh and _is_due(fresh) else []
    if due:
        cursor = cursor.model_copy(update={"arrival": due[-1].arrival})
    days = find_days(store.open(), store.project, {word.trace_id for word in due})
    wanted = {*days.values(), *cursor.behind}
    waiting = {day for day in wanted if _is_under_way(context.instance, day)}
    ready = sorted(day for day in wanted - waiting if has_day(day) and _is_clean(context.instance, day))
    return dg.SensorResult(
        run_requests=[_request(day, cursor) for day in ready],
        skip_reason=None if ready else _why_not(fresh, due, waiting),
        cursor=cursor.model_copy(update={"behind": tuple(sorted(waiting))}).model_dump_json(),
    )


def _look_at_judges(instance: dg.DagsterInstance, store: StoreResource, cursor: Cursor) -> Cursor:
    """The cursor, with every labelled day behind where a calibration changed which judges may decide."""
    judges = tuple(sorted(find_usable(store.open(), store.project)))
    if judges == cursor.judges:
        return cursor
    # Labels that no cursor tells of were made under the judges of now, or will be told by their words.
    made = () if cursor.judges is None else instance.get_materialized_partitions(keys.LABELS)
    behind = tuple(sorted({*cursor.behind, *made}))
    changed = {"judges": judges, "changes": cursor.changes + 1, "behind": behind}
    return cursor.model_copy(update=changed)


def _why_not(fresh: list[Said], due: list[Said], waiting: set[str]) -> str:
    if waiting:
        return f"labels of {sorted(waiting)} wait for a run of their day"
    if fresh and not due:
        return f"{len(fresh)} labels wait for a pause"
    return "the labels given need no run now" if due else "nobody has labelled anything new"


def _is_due(fresh: list[Said]) -> bool:
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


def _request(day: str, cursor: Cursor) -> dg.RunRequest:
    # A day is asked for once with the words and judges that the cursor has come to.
    key = f"labels-{day}-{cursor.arrival}-{cursor.changes}"
    return dg.RunRequest(run_key=key, partition_key=day, asset_selection=[keys.LABELS])
