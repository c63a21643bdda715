"""kill -9 of the API while events come in: nothing that was acknowledged is lost, nothing is there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill import run_kills

KILLS = 10


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_was_acknowledged_is_there_once(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path / 'factory.db'}" if database == "sqlite" else request.getfixturevalue("url")
    toll = run_kills(tmp_path / "home", url, KILLS, seed=7)
    assert (toll.lost, toll.doubled) == (0, 0)
    assert toll.acknowledged > 0
    assert toll.hit > 0, "no kill met a request"
    assert toll.resent > 0
