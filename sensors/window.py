"""Whether the days of a build's window are ready: every trace taken up, cleaned, labelled, and passed."""

from collections.abc import Mapping, Sequence

from dagster import DagsterInstance

from factory_assets import keys
from factory_assets.partitions import has_day
from sensors.state import count_rows, explain_check, stands_on


def explain_day(instance: DagsterInstance, day: str, traces: int) -> str | None:
    """Why ``day`` is not ready for a build that expects ``traces`` of it; None if it is."""
    if not has_day(day):
        return f"{day} is no day partition"
    rows = count_rows(instance, keys.EVENTS, day)
    if rows is None:
        return f"data/events of {day} is not made yet"
    if rows < traces:
        return f"data/events of {day} has {rows} of {traces} traces so far"
    for before, key in zip(keys.DAY_DATA, keys.DAY_DATA[1:], strict=False):
        if not stands_on(instance, key, before, day):
            return f"{key.to_user_string()} of {day} is not made yet"
    for check in keys.DAY_CHECKS:
        reason = explain_check(instance, check, day)
        if reason is not None:
            return reason
    return None


def explain_window(instance: DagsterInstance, days: Sequence[str], traces: Mapping[str, int]) -> str | None:
    """The first reason why the window is not ready; None if all its days are."""
    reasons = (explain_day(instance, day, traces.get(day, 0)) for day in days)
    return next((reason for reason in reasons if reason is not None), None)
