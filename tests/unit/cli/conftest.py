"""The command line over a temporary home."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_factory.cli.main import run
from agent_factory.core.settings import Settings, get_settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FACTORY_DEBUG", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    get_settings.cache_clear()
    yield tmp_path / "home"
    get_settings.cache_clear()


@pytest.fixture
def settings(home: Path) -> Settings:
    return get_settings()


@pytest.fixture
def factory(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a command with --json and gives what it printed; ``code`` is the exit code expected."""

    def call(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        found = run([*arguments, "--json"])
        output = capsys.readouterr()
        assert found == code, output.err
        return json.loads(output.out) if code == 0 else output.err

    return call
