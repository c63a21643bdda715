"""One home for all the rounds here: nothing of the checkout's own platform is touched.

A build that an earlier test finished is found by the next one, as a second `make run` finds it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent_factory.core.settings import CHECKOUT, Settings, read_settings

SECONDS = 900.0
SMALL = {
    "first_traffic.episodes": 700,
    "build.train_scenarios": 350,
    "build.min_rows": 50,
    "training.pretrain.steps": 40,
    "training.sft.steps": 50,
    "training.reward.steps": 60,
    "training.rft.steps": 20,
    "rollouts.episodes": 160,
    "rollouts.samples": 1,
    "evaluation.scenarios": 50,
}
LENIENT = {
    "gate.min_success": 0,
    "gate.min_tool_call_success": 0,
    "gate.max_policy_violation": 1,
    "gate.min_level_success.L1": 0,
    "gate.min_level_success.L2": 0,
    "gate.min_level_success.L3": 0,
    "gate.min_level_success.L4": 0,
    "gate.min_level_success.L5": 0,
}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("loop")
    dagster_home = home / "dagster_home"
    dagster_home.mkdir()
    shutil.copy(CHECKOUT / "dagster_home" / "dagster.yaml", dagster_home)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AGENT_FACTORY_", "MLFLOW_"))}
    paths = {"AGENT_FACTORY_HOME": str(home / "home"), "DAGSTER_HOME": str(dagster_home), "PYTHONPATH": str(CHECKOUT)}
    return {**kept, **paths}


@pytest.fixture(scope="session")
def home(environ: dict[str, str]) -> Settings:
    return read_settings(environ)


@pytest.fixture(scope="session")
def factory(environ: dict[str, str]) -> Iterator[Run]:
    def run(*arguments: str, deadline: float = SECONDS) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent_factory.cli.main", *arguments]
        return subprocess.run(
            command, env=environ, cwd=CHECKOUT, capture_output=True, text=True, timeout=deadline, check=False
        )

    yield run
    run("platform", "down", deadline=120)


def overrides(*tables: dict[str, float]) -> list[str]:
    return [part for table in tables for key, value in table.items() for part in ("--set", f"{key}={value}")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a whole turn, and may take its time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.loop)
            item.add_marker(pytest.mark.timeout(2 * SECONDS))
