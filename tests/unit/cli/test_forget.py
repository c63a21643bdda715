"""`factory data forget` tells a person who is gone from one whom nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from agent_factory.cli.desk import open_desk
from agent_factory.cli.main import run
from agent_factory.contracts import Message, Step, Trace
from agent_factory.core.tracelog import TraceLog


def test_who_is_not_known_is_told_by_exit_code_and_json(
    factory: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime(2026, 10, 30, tzinfo=UTC)
    heard = (Message(role="user", content="我叫张雨桐"),)
    step = Step(index=0, observation=heard, action=Message(role="assistant", content="好"))
    TraceLog(open_desk().store).add(
        [Trace(id="t1", created_at=now, started_at=now, source="production", steps=(step,))]
    )
    assert factory("data", "forget", "--subject", "张雨桐", "--dry-run")["traces"] == ["t1"]
    assert run(["data", "forget", "--subject", "诸葛文轩", "--json"]) == 4
    told = capsys.readouterr()
    assert json.loads(told.out)["outcome"] == "nothing"
    assert "nothing was found, and nothing was wiped" in told.err
    assert factory("data", "forget", "--subject", "张雨桐", "--confirm", "1")["outcome"] == "found"
    assert factory("data", "forget", "--subject", "张雨桐")["outcome"] == "already"
