"""The API over a temporary home, with one evaluated build of the shipped recipe where a test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent_factory.api.app import create_app
from agent_factory.api.context import Context
from agent_factory.contracts import BuildSpec, DataWindow, EvalReport, Measure, ModelScore
from agent_factory.core.order import make_build_spec
from agent_factory.core.settings import Settings, get_settings, read_settings

THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHARE = Measure(value=0.9, low=0.8, high=0.95, n=300)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AGENT_FACTORY_API_KEY", raising=False)
    get_settings.cache_clear()
    yield read_settings()
    get_settings.cache_clear()


@pytest.fixture
def open_client(settings: Settings) -> Iterator[Callable[..., TestClient]]:
    """Opens clients; ``host`` is where the caller is, ``changes`` are settings."""
    opened: list[TestClient] = []

    def open_one(host: str = "127.0.0.1", url: str = "http://127.0.0.1:8400", **changes: Any) -> TestClient:
        app = create_app(settings.model_copy(update=changes))
        client = TestClient(app, base_url=url, client=(host, 50000), raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield open_one
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(open_client: Callable[..., TestClient]) -> TestClient:
    return open_client()


@pytest.fixture
def context(client: TestClient) -> Context:
    return client.app.state.context  # type: ignore[attr-defined]


@pytest.fixture
def build(context: Context) -> BuildSpec:
    """A build ``b1`` that was ordered."""
    window = DataWindow(first_day=date(2026, 10, 29), last_day=date(2026, 10, 31))
    spec = make_build_spec("support_desk", "default", window, build_id="b1")
    context.store.put(spec)
    return spec


@pytest.fixture
def report(context: Context, build: BuildSpec) -> Callable[[Any], EvalReport]:
    """Writes the build's report with that verdict."""

    def write(verdict: Any) -> EvalReport:
        score = ModelScore(
            model="M2",
            stage="policy",
            success=SHARE,
            by_level={},
            by_kind={},
            tool_call_success=SHARE,
            policy_violation=SHARE,
            tokens_per_solved=90.0,
            cost_per_solved=None,
            episodes=300,
            seconds=None,
        )
        found = EvalReport(
            id="b1-report",
            created_at=THEN,
            build=build.id,
            recipe=build.recipe,
            candidate="M2",
            taskset="b1-eval",
            taskset_digest="t",
            scores=(score,),
            comparisons=(),
            failures=(),
            verdict=verdict,
            reasons=("success is 12.0 %, 55.0 % is asked for",),
            results_path="r",
            html_path="h",
        )
        context.store.put(found, replace=True)
        return found

    return write


def make_event(name: str = "t1", day: str = "2026-10-30", text: str = "Where is order 4417?") -> dict[str, Any]:
    """A trace as an application sends it."""
    step = {
        "index": 0,
        "observation": [{"role": "user", "content": text}],
        "action": {"role": "assistant", "content": "It arrives on Friday."},
    }
    return {"id": name, "source": "production", "started_at": f"{day}T10:00:00Z", "steps": [step]}


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    return make_event
