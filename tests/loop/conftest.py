"""A home of its own for whole rounds: nothing of the checkout's own platform is touched."""

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a whole turn, and may take its time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.loop)
            item.add_marker(pytest.mark.timeout(2 * SECONDS))
