"""The DAY axis is what the border takes: no event is kept whose day is no partition."""

from datetime import UTC, datetime, time, timedelta

import pytest

from agent_factory.core import clock
from agent_factory.core.day import FIRST_DAY, require_days, require_instant
from agent_factory.core.error import InputError
from factory_assets.partitions import DAY, has_day


def test_what_is_taken_is_a_partition() -> None:
    today, one = clock.now().date(), timedelta(days=1)
    for day in (FIRST_DAY, today):
        assert has_day(day.isoformat())
        require_days(day, day)
        require_instant(datetime.combine(day, time.max, UTC))
    for day in (FIRST_DAY - one, today + one):
        assert not has_day(day.isoformat())
        with pytest.raises(InputError):
            require_days(day, day)
        with pytest.raises(InputError):
            require_instant(datetime.combine(day, time(12), UTC))
    assert DAY.get_first_partition_key() == FIRST_DAY.isoformat()
