"""Of a session the last trace stands; what is of no session stands for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from agent_factory.contracts import Message, Step, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError
from agent_factory.core.session import find_superseded

WHEN = datetime(2026, 11, 20, 23, tzinfo=UTC)


def _trace(name: str, hours: int, session: str | None = "s1", steps: int = 1) -> Trace:
    taken = tuple(
        Step(index=index, observation=(), action=Message(role="assistant", content="Yes.")) for index in range(steps)
    )
    at = WHEN + timedelta(hours=hours)
    return Trace(id=name, created_at=WHEN, started_at=at, source="production", steps=taken, session_id=session)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(str(tmp_path))


def test_the_last_does_not_hang_on_the_order_of_files_and_rows(artifacts: Artifacts) -> None:
    late, early, short, other = _trace("a", 2, steps=2), _trace("b", 0), _trace("c", 2), _trace("d", 0, "s2")
    for traces in permutations((late, early, short, other, _trace("e", 0, None), _trace("f", 0, None))):
        artifacts.write_traces("x.parquet", traces[:3])
        artifacts.write_traces("y.parquet", traces[3:])
        assert find_superseded(artifacts, ["x.parquet", "y.parquet"]) == {"b", "c"}


def test_a_missing_file_is_told(artifacts: Artifacts) -> None:
    with pytest.raises(NotFoundError, match=r"x\.parquet"):
        find_superseded(artifacts, ["x.parquet"])
