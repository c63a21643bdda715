import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.contracts import BuildSpec, EvalReport, Order, RewardConfig, StageRun
from agent_factory.core.order import move_order, place_order
from agent_factory.core.settings import CHECKOUT

JOB = {"recipe": "support_desk", "first_day": "2026-10-29", "last_day": "2026-10-31"}
THEN = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_build_is_ordered_with_its_overrides(client: TestClient, context: Context) -> None:
    placed = client.post("/train/jobs", json={**JOB, "overrides": {"rollouts": {"episodes": 40}}})
    assert placed.status_code == 202
    spec = context.store.get(BuildSpec, placed.json()["build"])
    assert spec.settings["rollouts"]["episodes"] == 40  # type: ignore[index]
    assert spec.window.days() == ["2026-10-29", "2026-10-30", "2026-10-31"]
    order = context.store.get(Order, placed.json()["id"])
    assert (order.kind, order.state) == ("build", "waiting")
    status = client.get(placed.headers["Location"]).json()
    assert (status["state"], status["stages"]) == ("waiting", [])


def test_an_order_of_a_project_that_this_platform_does_not_serve_says_what_it_waits_for(
    client: TestClient, context: Context
) -> None:
    other = {"X-Project": "other"}
    placed = client.post("/train/jobs", json=JOB, headers=other).json()
    assert placed["state"] == "waiting"
    assert "waits for the platform of project 'other', this one works for 'default'" in placed["reason"]
    job = placed["build"]
    assert client.get(placed["status_url"], headers=other).json()["reason"] == placed["reason"]
    for path, body in (("/env/run", {"build": job}), ("/datasets/create", {"kind": "sft", "build": job})):
        single = client.post(path, json=body, headers=other).json()
        assert single["reason"] == context.store.get(Order, single["id"]).reason == placed["reason"]
    move_order(context.store, context.store.get(Order, placed["id"]), "accepted")
    assert client.get(placed["status_url"], headers=other).json()["reason"] is None
    assert client.post("/train/jobs", json=JOB).json()["reason"] is None


def test_the_same_key_orders_one_build(client: TestClient, context: Context) -> None:
    key = {"Idempotency-Key": "k"}
    first = client.post("/train/jobs", json=JOB, headers=key)
    assert client.post("/train/jobs", json=JOB, headers=key).json() == first.json()
    assert len(context.store.find(BuildSpec)) == 1
    assert client.post("/train/jobs", json={**JOB, "last_day": "2026-10-30"}, headers=key).status_code == 409


def test_wrong_orders_are_refused(client: TestClient, context: Context) -> None:
    assert client.post("/train/jobs", json={**JOB, "recipe": "nobody"}).status_code == 404
    assert client.post("/train/jobs", json={**JOB, "last_day": "2026-10-01"}).status_code == 422
    for day in ({"first_day": "2023-12-31"}, {"last_day": "9999-12-31"}):
        outside = client.post("/train/jobs", json={**JOB, **day})
        assert outside.status_code == 422
        assert "expected days from 2024-01-01 to" in outside.json()["error"]["message"]
    wrong = client.post("/train/jobs", json={**JOB, "overrides": {"rollouts": {"episode": 4}}})
    assert wrong.status_code == 422
    assert "rollouts.episode" in wrong.json()["error"]["message"]
    assert client.get("/train/b9/status").status_code == 404
    assert context.store.find(Order) == []


def test_what_a_stage_would_fail_on_is_refused_at_the_order(
    open_client: Callable[..., TestClient], tmp_path: Path
) -> None:
    recipes = tmp_path / "recipes"
    shutil.copytree(CHECKOUT / "recipes", recipes)
    client = open_client(recipes=recipes)
    folder = recipes / "support_desk"
    build, tools = (folder / "build.toml").read_text(), (folder / "openapi.yaml").read_text()

    def refuse(overrides: dict[str, Any], told: str) -> None:
        reply = client.post("/train/jobs", json={**JOB, "overrides": overrides})
        assert reply.status_code == 422, reply.text
        assert told in reply.json()["error"]["message"]

    refuse({"nano": {"heads": 3}}, "override is not as expected: nano: Value error, hidden = 128")
    refuse({"build": {"base_model": "/nowhere"}}, "base_model = '/nowhere'")
    refuse({"training": {"rft": {"keep": 0}}}, "override is not as expected: training.rft.keep")
    (folder / "build.toml").write_text(build.replace('[[training.stage]]\nkind = "reward"', "[training.x]\n[nano2]"))
    refuse({}, "training.x")
    (folder / "build.toml").write_text(build.replace('kind = "reward"', 'kind = "sft"'))
    refuse({}, "lacks the training stages ['reward']")
    (folder / "build.toml").write_text(build)
    (folder / "openapi.yaml").write_text(tools.replace("openapi: 3.1", "openapi: 2.1"))
    refuse({}, "openapi.yaml")
    (folder / "openapi.yaml").write_text(tools)
    assert client.post("/train/jobs", json=JOB).status_code == 202


def test_status_tells_of_stages_and_failures(client: TestClient, context: Context, build: BuildSpec) -> None:
    stage = StageRun(
        id="b1.training.sft_model",
        created_at=THEN,
        factory="training",
        stage="sft_model",
        build="b1",
        state="failed",
        started_at=THEN,
        updated_at=THEN,
        error="WorkerError: out of memory",
    )
    context.store.put(stage)
    status = client.get("/train/b1/status").json()
    assert status["state"] == "failed"
    assert status["reason"] == "WorkerError: out of memory"


def test_status_of_a_build_that_the_gate_failed_tells_of_both(
    client: TestClient, context: Context, report: Callable[[Any], EvalReport]
) -> None:
    report("FAIL")
    status = client.get("/train/b1/status").json()
    assert (status["state"], status["order_state"], status["reason"]) == ("done", None, None)
    order = place_order(context.store, "build", {}, project="default", build="b1")
    move_order(context.store, order, "failed", "the gate said FAIL: too few")
    status = client.get("/train/b1/status").json()
    assert (status["state"], status["verdict"]) == ("done", "FAIL")
    assert (status["order_state"], status["reason"]) == ("failed", "the gate said FAIL: too few")


def test_rewards_are_set_until_reinforcement_begins(client: TestClient, context: Context, build: BuildSpec) -> None:
    reply = client.post("/train/b1/reward-config", json={"reward_model": 0.5})
    assert reply.status_code == 200
    assert context.store.get(RewardConfig, "b1").reward_model == 0.5
    for body in ({"step": 1.0}, {"success": 2.0}, {"policy_violation": -2.0}):
        assert client.post("/train/b1/reward-config", json=body).status_code == 422, body
    endless = client.post(
        "/train/b1/reward-config", content=b'{"reward_model": 1e999}', headers={"Content-Type": "application/json"}
    )
    assert endless.status_code == 422
    for stage in ("reward_model", "policy_model"):
        assert client.post("/train/b1/reward-config", json={"reward_model": 0.5}).status_code == 200
        facts = {"factory": "training", "stage": stage, "build": "b1", "state": "running"}
        times = {"created_at": THEN, "started_at": THEN, "updated_at": THEN}
        context.store.put(StageRun.model_validate({"id": f"b1.training.{stage}", **facts, **times}))
    late = client.post("/train/b1/reward-config", json={"reward_model": 2.0})
    assert late.status_code == 409
    assert context.store.get(RewardConfig, "b1").reward_model == 0.5
