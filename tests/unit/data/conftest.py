"""A home of its own for each test, and traces that are cheap to make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_factory.contracts import (
    Message,
    Outcome,
    Scenario,
    ScenarioSet,
    Solution,
    Step,
    SuccessRules,
    ToolCall,
    Trace,
)
from agent_factory.core.artifact import Artifacts
from agent_factory.core.settings import CHECKOUT, get_settings
from agent_factory.core.store import Store, open_store
from agent_factory.data.clean import clean_day
from agent_factory.data.event import write_events_day
from agent_factory.data.ingest import take_events
from agent_factory.data.label import label_day

DAY = "2026-11-20"
WHEN = datetime(2026, 11, 20, 9, tzinfo=UTC)
OPENING = "Could you kindly tell me whether my parcel with number 8815 has already left the warehouse? Yara Sanchez"
NAMES = "Mia\nLi\nOlu\nBrandt\nYara\nSanchez\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    recipe = tmp_path / "recipes" / "desk"
    recipe.mkdir(parents=True)
    (recipe / "build.toml").write_text("[build]\n")
    (recipe / "names.txt").write_text(NAMES)
    (recipe / "policy.md").write_text("Be kind. Write to desk@shop.example.")
    (recipe / "openapi.yaml").write_text((CHECKOUT / "recipes" / "support_desk" / "openapi.yaml").read_text())
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENT_FACTORY_RECIPES", str(tmp_path / "recipes"))
    for name in ("AGENT_FACTORY_DATABASE_URL", "AGENT_FACTORY_ARTIFACTS_URL", "AGENT_FACTORY_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = open_store()
    yield store
    store.engine.dispose()


@pytest.fixture
def artifacts(home: Path) -> Artifacts:
    return Artifacts(str(home / "artifacts"))


@pytest.fixture
def trace() -> Callable[..., Trace]:
    """A trace of one question, one call, its result and one answer."""

    def make(name: str, said: str = "Where is order 4417?", answer: str = "On its way.", **fields: Any) -> Trace:
        call = ToolCall(id="c1", name="get_order", arguments={"order_id": "4417"})
        success = fields.pop("success", True)
        result = Message(role="tool", tool_call_id="c1", name="get_order", content=fields.pop("result", '{"s":"sent"}'))
        steps = (
            Step(
                index=0,
                observation=(Message(role="user", content=said),),
                action=Message(role="assistant", tool_calls=(call,)),
            ),
            Step(index=1, observation=(result,), action=Message(role="assistant", content=answer)),
        )
        outcome = None if success is None else Outcome(success=success, reward=float(success), graded_by="rules")
        base = {"id": name, "created_at": WHEN, "started_at": WHEN, "source": "production", "recipe": "desk"}
        return Trace.model_validate({**base, "steps": steps, "outcome": outcome, **fields})

    return make


@pytest.fixture
def take_day(store: Store, artifacts: Artifacts) -> Callable[..., None]:
    """Traces go in, and the day's files are made."""

    def take(*traces: Trace, day: str = DAY, project: str = "default") -> None:
        take_events(store, [trace.to_json() for trace in traces], project)
        write_events_day(store, artifacts, project, day)
        clean_day(store, artifacts, project, day)
        label_day(store, artifacts, project, day)

    return take


@pytest.fixture
def hold_out(store: Store, artifacts: Artifacts) -> Callable[..., ScenarioSet]:
    """A set of held-out scenarios of the recipe that open alike."""

    def make(set_id: str = "e", names: tuple[str, ...] = ("eval-1",), split: Any = "eval") -> ScenarioSet:
        scenario = Scenario(
            id="any",
            created_at=WHEN,
            recipe="desk",
            level="L1",
            kind="track",
            template="t",
            split=split,
            seed=0,
            opening=(Message(role="user", content=OPENING),),
            tools=("get_order",),
            state={"customers": {"1": {"name": "Yara Sanchez", "email": "yara@example.org"}}},
            rules=SuccessRules(),
            solution=Solution(calls=(), answer="Yes."),
        )
        lines = [scenario.model_copy(update={"id": name}).model_dump_json() for name in names]
        held_out = ScenarioSet(
            id=set_id,
            created_at=WHEN,
            recipe="desk",
            split=split,
            seed=0,
            count=len(names),
            per_level={"L1": len(names)},
            path=artifacts.write_text(f"scenarios/{set_id}.jsonl", "\n".join(lines)),
            digest=set_id,
        )
        store.put(held_out)
        return held_out

    return make
