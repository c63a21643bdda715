"""Replay and re-scoring over HTTP and on the command line: found by id, told with what differs, kept by project."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.cli.command import run_command
from agent_factory.contracts import Order, Trace
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core import clock
from agent_factory.core.recipe import load_recipe
from agent_factory.core.tracelog import TraceLog
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.scenario import make_scenario_set, read_scenarios

SET = "desk-train"


@pytest.fixture
def traces(context: Context) -> list[Trace]:
    """Five traces of the predecessor, as the run ``order-1``."""
    recipe = load_recipe("support_desk")
    made = {"set_id": SET, "build": None, "split": "train", "count": 5, "seed": 3}
    record = make_scenario_set(context.store, context.artifacts, recipe, **made)
    scenarios = read_scenarios(context.artifacts, record)
    options: dict[str, Any] = {"run": "order-1-M1", "shielded": False}
    engine = recipe.load_part("predecessor")(1)
    found = asyncio.run(run_episodes(scenarios, recipe, engine, "M1", **options))
    context.artifacts.write_traces("orders/order-1/M1.parquet", found)
    request = {"build": "b1", "scenarios": SET}
    context.store.put(Order(id="order-1", created_at=clock.now(), kind="rollout", request=request))
    return found


def spoil(trace: Trace) -> Trace:
    return trace.model_copy(update={"steps": (trace.steps[0].model_copy(update={"reward": 1.0}), *trace.steps[1:])})


def test_a_trace_is_replayed(client: TestClient, traces: list[Trace]) -> None:
    reply = client.post("/env/replay", json={"trace": traces[0].id})
    assert reply.status_code == 200, reply.text
    assert reply.json() == {
        "trace": traces[0].id,
        "verdict": "identical",
        "steps": len(traces[0].steps),
        "reason": None,
        "differences": [],
    }


def test_a_trace_of_another_project_is_nowhere(client: TestClient, traces: list[Trace]) -> None:
    for body in ({"trace": traces[0].id}, {"trace": "t"}):
        reply = client.post("/env/replay", json=body, headers={"X-Project": "other"})
        assert (reply.status_code, reply.json()["error"]["type"]) == (404, "NotFoundError")
    rescored = client.post("/env/rescore", json={"run": "order-1", "scenarios": SET}, headers={"X-Project": "other"})
    assert rescored.status_code == 404


def test_an_imported_trace_and_an_unknown_kind_are_told(
    client: TestClient, context: Context, traces: list[Trace], event: Any
) -> None:
    TraceLog(context.store).add([Trace(**{**event(), "created_at": clock.now(), "recipe": "support_desk"})])
    found = client.post("/env/replay", json={"trace": "t1"}).json()
    assert found["verdict"] == "refused"
    assert "does not say what world it was played in" in found["reason"]
    unknown = client.post("/env/replay", json={"trace": traces[0].id, "kind": "dream"})
    assert unknown.status_code == 422
    assert "'dream'" in unknown.json()["error"]["message"]


def test_a_run_is_rescored(client: TestClient, context: Context, traces: list[Trace]) -> None:
    reply = client.post("/env/rescore", json={"run": "order-1", "scenarios": SET})
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert (found["traces"], found["rescored"], found["changed"]) == (5, 5, [])
    assert found["old_success"] == found["new_success"]
    assert [one.outcome for one in context.artifacts.read_traces(found["path"])] == [one.outcome for one in traces]
    assert context.get(ScenarioSet, SET).id == SET


def test_the_exit_code_tells_what_came_out(
    context: Context, traces: list[Trace], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["env", "replay", traces[0].id]) == 0
    assert run_command(["env", "replay", "--all", "order-1"]) == 0
    assert "5 identical, 0 different, 0 refused" in capsys.readouterr().err
    gone = traces[1].model_copy(update={"scenario_id": "gone"})
    context.artifacts.write_traces("orders/order-1/M1.parquet", [traces[0], gone])
    assert run_command(["env", "replay", "--all", "order-1"]) == 2
    context.artifacts.write_traces("orders/order-1/M1.parquet", [spoil(traces[0]), gone])
    assert run_command(["env", "replay", "--all", "order-1"]) == 1
    told = capsys.readouterr().err
    assert "1 different, 1 refused" in told
    assert "step 0, reward:\n--- recorded\n+++ replayed" in told
    assert run_command(["env", "replay", "nobody"]) == 2
    assert run_command(["env", "replay"]) == 2
    assert run_command(["env", "rescore", "order-1", "--scenarios", SET]) == 0
    assert "of 2 traces re-scored" in capsys.readouterr().err
