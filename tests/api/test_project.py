"""What belongs to one project is nowhere for another, whichever router is asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.contracts import (
    Agent,
    BuildSpec,
    DatasetManifest,
    Feedback,
    Lease,
    Message,
    Order,
    ResourceSpec,
    RewardConfig,
    ScenarioSet,
    Session,
    Step,
    Trace,
)
from agent_factory.core.error import ConflictError
from agent_factory.core.order import make_build_spec, order_build
from agent_factory.core.recipe import load_recipe
from agent_factory.core.tracelog import TraceLog
from agent_factory.environment.scenario import make_scenario_set

THEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
OTHER = {"X-Project": "other"}
LABEL = {"trace_id": "t1", "score": 1.0, "labeler": "eve"}
SAY = {"message": "hello"}

# By router: every request that names a record. The records are those of ``fill``.
REQUESTS: dict[str, list[tuple[str, str, dict[str, Any] | None]]] = {
    "compute": [
        ("POST", "/compute/release", {"lease_id": "lease-1"}),
        ("POST", "/compute/allocate", {"pool": "training", "holder": "w", "build": "b1"}),
    ],
    "data": [
        ("POST", "/data/label", LABEL),
        ("POST", "/data/decisions/t1", {"verdict": "keep", "reason": "mine", "reviewer": "eve"}),
        ("POST", "/data/preferences", {"first": "t1", "second": "t2", "choice": "tie", "labeler": "eve"}),
        ("POST", "/data/labels/skip", {"trace_ids": ["t1"], "reviewer": "eve"}),
    ],
    "dataset": [
        ("GET", "/datasets/D1", None),
        ("POST", "/datasets/create", {"kind": "sft", "build": "b1"}),
        ("POST", "/datasets/create", {"kind": "eval", "taskset": "b1-eval"}),
    ],
    "lineage": [("GET", "/lineage/dataset/D1", None), ("GET", "/lineage/trace/t1", None)],
    "environment": [
        ("POST", "/env/scenarios", {"recipe": "support_desk", "count": 5, "build": "b1"}),
        ("POST", "/env/run", {"build": "b1"}),
        ("GET", "/env/run/order-1/trace", None),
        ("GET", "/env/levels/b1", None),
        ("GET", "/env/trace/t1", None),
        ("GET", "/env/trace/t1/timeline", None),
        ("POST", "/env/replay", {"trace": "t1"}),
        ("POST", "/env/rescore", {"run": "b1", "scenarios": "b1-eval"}),
        ("POST", "/env/from-trace", {"traces": ["t1"]}),
    ],
    "training": [
        ("GET", "/train/b1/status", None),
        ("POST", "/train/b1/reward-config", {"step": -1.0}),
    ],
    "evaluation": [
        ("POST", "/eval/run", {"build": "b1"}),
        ("GET", "/eval/results/b1-report", None),
        ("GET", "/eval/results/b1", None),
        ("POST", "/eval/taskset", {"recipe": "support_desk", "count": 5, "build": "b1"}),
    ],
    "runtime": [
        ("POST", "/models/promote", {"build": "b1"}),
        ("GET", "/agents/desk", None),
        ("POST", "/agents/desk/deploy", {"build": "b1"}),
        ("POST", "/agents/desk/sessions", {}),
        ("POST", "/agents/desk/sessions/session-1/step", SAY),
        ("POST", "/agents/desk/sessions/session-1/end", {}),
    ],
    "order": [("GET", "/orders/order-1", None)],
}


@pytest.fixture
def fill(context: Context, build: BuildSpec, report: Callable[[Any], Any]) -> Callable[[], None]:
    """Writes a record of each kind into the project "default"."""

    def write() -> None:
        step = Step(index=0, observation=(), action=Message(role="assistant", content="hi"))
        TraceLog(context.store).add(
            [Trace(id=name, created_at=THEN, started_at=THEN, source="import", steps=(step,)) for name in ("t1", "t2")]
        )
        lease = {"holder": "w1", "resource": ResourceSpec(pool="training"), "expires_at": THEN + timedelta(days=9999)}
        dataset = {"kind": "sft", "rows": 0, "digest": "", "path": "p", "columns": (), "trace_count": 0, "query": {}}
        for record in (
            Lease.model_validate({"id": "lease-1", "created_at": THEN, **lease}),
            DatasetManifest.model_validate({"id": "D1", "created_at": THEN, **dataset, "code_version": "1"}),
            Order(id="order-1", created_at=THEN, kind="rollout", request={}, build=build.id),
            Agent(id="desk", created_at=THEN, recipe="support_desk"),
            Session(id="session-1", created_at=THEN, agent="desk", deployment="d", state="open"),
        ):
            context.store.put(record)
        report("PASS")

    return write


def ask(client: TestClient, router: str, project: str) -> list[tuple[int, Any]]:
    replies = (
        client.request(method, path, json=body, headers={"X-Project": project})
        for method, path, body in REQUESTS[router]
    )
    # What a page's own script is known by is drawn anew for each answer.
    return [(reply.status_code, re.sub(r'nonce="[^"]*"', "", reply.text)) for reply in replies]


@pytest.mark.parametrize("router", REQUESTS)
def test_another_projects_record_is_nowhere(
    open_client: Callable[..., TestClient],
    client: TestClient,
    context: Context,
    fill: Callable[[], None],
    router: str,
    tmp_path: Path,
) -> None:
    fill()
    told = ask(client, router, "other")
    assert [status for status, _ in told] == [404] * len(told)
    empty = open_client(database_url=f"sqlite:///{tmp_path / 'empty.db'}")
    assert told == ask(empty, router, "other"), "it must not be told that it exists elsewhere"
    for mine, others in zip(ask(client, router, "default"), told, strict=True):
        assert mine != others
    for kind in (Feedback, RewardConfig, Order, Session):
        assert context.store.find(kind, project="other") == []


def test_every_path_that_names_a_record_is_asked(client: TestClient) -> None:
    asked = {path for requests in REQUESTS.values() for _, path, _ in requests}
    paths = [path for path in client.get("/openapi.json").json()["paths"] if "{" in path]
    known = {
        "{dataset_id}": "D1",
        "{build_id}": "b1",
        "{run_id}": "order-1",
        "{job}": "b1",
        "{agent_id}": "desk",
        "{order_id}": "order-1",
    }
    for path in paths:
        for name, value in {
            **known,
            "{kind}": "dataset",
            "{name}": "D1",
            "{session_id}": "session-1",
            "{report_id}": "b1",
            "{trace_id}": "t1",
        }.items():
            path = path.replace(name, value)
        assert path in asked


def test_a_label_is_of_its_own_projects_trace(client: TestClient, context: Context, event: Any) -> None:
    client.post("/data/events", json=event("t1"))
    client.post("/data/events", json=event("t1", text="What of mine?"), headers=OTHER)
    for headers in (OTHER, {}):
        assert client.post("/data/label", json=LABEL, headers=headers).status_code == 201
    assert [label.project for label in context.store.find(Feedback)] == ["other", "default"]
    assert client.post("/data/label", json=LABEL, headers={"X-Project": "third"}).status_code == 404


def test_a_session_of_another_agent_is_not_this_ones(client: TestClient, context: Context) -> None:
    for agent in ("desk", "night"):
        context.store.put(Agent(id=agent, created_at=THEN, recipe="support_desk"))
    context.store.put(Session(id="session-1", created_at=THEN, agent="desk", deployment="d", state="open"))
    assert client.post("/agents/night/sessions/session-1/end").status_code == 404


def test_two_projects_may_have_an_agent_of_the_same_name(client: TestClient, context: Context) -> None:
    agent = {"id": "desk", "recipe": "support_desk"}
    made = [client.post("/agents", json={**agent, "max_steps": 5}, headers=OTHER), client.post("/agents", json=agent)]
    assert [reply.status_code for reply in made] == [201, 201]
    assert [(reply.json()["id"], reply.json()["project"]) for reply in made] == [("desk", "other"), ("desk", "default")]
    for headers, steps in ((OTHER, 5), ({}, 12)):
        assert client.get("/agents/desk", headers=headers).json()["agent"]["max_steps"] == steps
        assert client.post("/agents", json={**agent, "max_steps": 7}, headers=headers).status_code == 409
    assert client.get("/agents/desk", headers={"X-Project": "third"}).status_code == 404
    assert context.store.find(Agent, project="other") == [context.store.get(Agent, "desk", "other")]


def test_who_holds_a_pool_is_told_within_the_project(client: TestClient) -> None:
    ask = {"pool": "training", "holder": "ada's run", "ttl_seconds": 30}
    assert client.post("/compute/allocate", json=ask).status_code == 201
    assert "held by ada's run" in client.post("/compute/allocate", json=ask).json()["error"]["message"]
    told = client.post("/compute/allocate", json=ask, headers=OTHER).json()["error"]["message"]
    assert "held by another project" in told
    assert "ada" not in told


def test_what_was_written_carries_the_callers_project(client: TestClient, context: Context, event: Any) -> None:
    client.post("/data/events", json=event("t1"), headers=OTHER)
    client.post("/data/label", json=LABEL, headers=OTHER)
    client.post("/agents", json={"id": "a1", "recipe": "support_desk"}, headers=OTHER)
    client.post("/compute/allocate", json={"pool": "training", "holder": "w"}, headers=OTHER)
    body = {"recipe": "support_desk", "first_day": "2026-10-30", "last_day": "2026-10-30"}
    job = client.post("/train/jobs", json=body, headers=OTHER).json()["build"]
    client.post(f"/train/{job}/reward-config", json={"step": -1.0}, headers=OTHER)
    client.post("/env/run", json={"build": job}, headers=OTHER)
    for kind in (Feedback, Agent, Lease, BuildSpec, RewardConfig, Order):
        assert {record.project for record in context.store.find(kind)} == {"other"}, kind
    assert [arrival.traces for arrival in TraceLog(context.store).arrivals("other")] == [1]


def test_an_id_that_another_project_chose_is_taken_whatever_it_names(context: Context, build: BuildSpec) -> None:
    theirs = make_build_spec("support_desk", "other", build.window, build_id=build.id)
    with pytest.raises(ConflictError, match="the id 'b1' is taken") as refused:
        order_build(context.store, theirs)
    assert "digest" not in str(refused.value)
    assert context.store.get(BuildSpec, "b1") == build
    assert context.store.find(Order, project="other") == []
    recipe = load_recipe("support_desk")
    sets = [
        {"set_id": "tasks", "build": None, "split": "eval", "count": 5, "seed": 1, "project": name} for name in "ab"
    ]
    made = make_scenario_set(context.store, context.artifacts, recipe, **sets[0])
    with pytest.raises(ConflictError, match="the id 'tasks' is taken"):
        make_scenario_set(context.store, context.artifacts, recipe, **sets[1])
    assert context.store.get(ScenarioSet, "tasks") == made
