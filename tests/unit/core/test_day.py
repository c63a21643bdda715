"""A day's files are a project's own; what lies outside the days that data is taken of is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent_factory.core import clock
from agent_factory.core.day import FIRST_DAY, day_path, day_scope, read_day, require_days, require_instant
from agent_factory.core.error import InputError


def test_a_file_is_of_one_project_and_one_day() -> None:
    assert day_path("shop", "2026-11-20", "events") == "projects/shop/days/2026-11-20/events.parquet"
    assert day_path("shop", "20261120", "events") == day_path("shop", "2026-11-20", "events")
    assert day_scope("a", "2026-11-20") != day_scope("b", "2026-11-20")


@pytest.mark.parametrize("project", ["", "..", "a/b", ".hidden"])
def test_what_is_no_name_is_no_folder(project: str) -> None:
    with pytest.raises(InputError, match="not the name of a project"):
        day_path(project, "2026-11-20", "events")


def test_what_is_no_day_is_told() -> None:
    with pytest.raises(InputError, match="'yesterday' is not a day"):
        read_day("yesterday")


def test_windows_end_today_and_begin_with_the_first_day() -> None:
    today, one = clock.now().date(), timedelta(days=1)
    require_days(FIRST_DAY, today)
    for first, last in ((FIRST_DAY - one, today), (today, today + one)):
        with pytest.raises(InputError, match=f"expected days from {FIRST_DAY} to {today}"):
            require_days(first, last)


@pytest.mark.parametrize(("late", "taken"), [(0, True), (4, True), (-60 * 24, True), (6, False), (60 * 24, False)])
def test_a_clock_that_is_a_little_ahead_is_taken_over_midnight(
    monkeypatch: pytest.MonkeyPatch, late: int, taken: bool
) -> None:
    now = datetime(2026, 11, 20, 23, 59, 30, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    moment = now + timedelta(minutes=late)
    if taken:
        require_instant(moment)
    else:
        with pytest.raises(InputError, match="expected 2024-01-01 to 2026-11-20"):
            require_instant(moment)
