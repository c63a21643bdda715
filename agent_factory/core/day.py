"""The days of a project: which of them data is taken of, and where a day's files and stages are kept.

Invariants: a day that is taken is a partition of the DAY axis, from FIRST_DAY to today in UTC, so that
nothing is kept of which no data would be made; a day's files and stages belong to one project. A trace
whose sender's clock is ahead by no more than AHEAD keeps the time that it tells: around midnight its day
begins minutes later, and is told of then.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from agent_factory.contracts.record import NAME_PATTERN
from agent_factory.core import clock
from agent_factory.core.error import InputError

FIRST_DAY = date(2024, 1, 1)
"""Where the DAY axis begins."""

AHEAD = timedelta(minutes=5)
"""How far the clock of a sender may be ahead of ours."""

DayFileName = Literal["events", "clean_events", "decisions", "signatures", "clusters", "labels"]


def require_instant(moment: datetime) -> None:
    """InputError unless the day of that instant, in UTC, is taken, or begins within AHEAD."""
    now = clock.now()
    today = now.date()
    # Instants are compared, not days: at the ends of the calendar an instant has no day in UTC.
    if not _midnight(FIRST_DAY) <= moment < max(_midnight(today + timedelta(days=1)), now + AHEAD):
        raise InputError(
            f"{moment.isoformat()} is on a day that no data is taken of: expected {FIRST_DAY} to {today} (UTC). "
            "Mend the date, or the clock that it came from"
        )


def require_days(first: date, last: date) -> None:
    """InputError unless the days from ``first`` to ``last`` are all taken."""
    today = clock.now().date()
    if first < FIRST_DAY or last > today:
        raise InputError(
            f"of the days from {first} to {last} some are days that no data is taken of: "
            f"expected days from {FIRST_DAY} to {today} (UTC)"
        )


def read_day(text: str) -> date:
    """The day that a text names; InputError unless it is YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a day: expected YYYY-MM-DD") from error


def day_path(project: str, day: str, name: DayFileName) -> str:
    """Where a file of a project's day is; InputError unless ``project`` is a name and ``day`` YYYY-MM-DD."""
    if not NAME_PATTERN.fullmatch(project):
        raise InputError(f"{project!r} is not the name of a project: letters, digits, '_', '.' and '-' are allowed")
    return f"projects/{project}/days/{read_day(day).isoformat()}/{name}.parquet"


def day_scope(project: str, day: str) -> str:
    """What the stages of a project's day are recorded under."""
    return f"{day}.{project}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
