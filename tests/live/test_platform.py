"""Two real platforms that are started at once: each answers from its own processes, and keeps its own data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_factory.cli.port import listens_alone

pytestmark = pytest.mark.live
_SECONDS = 500


def call(home: Path, *arguments: str) -> subprocess.Popen[str]:
    dropped = ("DAGSTER_HOME", "MLFLOW_TRACKING_URI", "AGENT_FACTORY_API_KEY", "AGENT_FACTORY_API_KEYS")
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    return subprocess.Popen(
        [sys.executable, "-m", "agent_factory.cli.main", "platform", *arguments],
        env={**env, "AGENT_FACTORY_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Any:
    told, faults = process.communicate(timeout=_SECONDS)
    assert process.returncode == 0, faults
    return {one["name"]: one for one in json.loads(told)} if told.startswith("[") else None


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    found = (tmp_path / "one", tmp_path / "two")
    yield found
    for process in [call(home, "down") for home in found]:
        finish(process)


def test_two_platforms_at_once_are_two(homes: tuple[Path, Path]) -> None:
    services = [finish(process) for process in [call(home, "up", "--json") for home in homes]]
    ports = [{one["port"] for one in found.values() if one["port"]} for found in services]
    assert [len(found) for found in ports] == [4, 4]
    assert not ports[0] & ports[1]
    assert all(listens_alone(one["port"], one["pid"]) for found in services for one in found.values() if one["port"])
    event = {"id": "only-of-one", "source": "production", "started_at": "2026-11-01T10:00:00Z", "steps": []}
    request = urllib.request.Request(f"{services[0]['api']['url']}/data/events", json.dumps(event).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["accepted"] == 1
