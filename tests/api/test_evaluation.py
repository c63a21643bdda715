from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.contracts import BuildSpec, EvalReport, ModelManifest, Order, ScenarioSet, TasksetReport


def test_an_evaluation_is_ordered(client: TestClient, context: Context, build: BuildSpec) -> None:
    placed = client.post("/eval/run", json={"build": build.id})
    assert placed.status_code == 202
    assert context.store.get(Order, placed.json()["id"]).kind == "evaluation"
    assert client.post("/eval/run", json={"build": "b9"}).status_code == 404


def test_a_report_is_found_by_its_id_and_its_build(client: TestClient, report: Any) -> None:
    assert client.get("/eval/results/b1").status_code == 404
    report("PASS")
    assert client.get("/eval/results/b1").json()["id"] == "b1-report"
    assert client.get("/eval/results/b1-report").json()["verdict"] == "PASS"
    assert client.get("/eval/results/b1", headers={"X-Project": "other"}).status_code == 404


def test_a_taskset_is_held_out(client: TestClient) -> None:
    made = client.post("/eval/taskset", json={"recipe": "support_desk", "count": 5, "seed": 1})
    assert made.status_code == 201, made.text
    assert made.json()["split"] == "eval"
    assert client.post("/eval/taskset", json={"recipe": "support_desk", "count": 1}).status_code == 422


@pytest.fixture
def taskset(client: TestClient, build: BuildSpec) -> str:
    return client.post("/eval/taskset", json={"recipe": "support_desk", "count": 5}).json()["id"]


def add_model(context: Context, name: str, stage: Any, build: str = "b1", project: str = "default") -> None:
    facts: dict[str, Any] = {"recipe": "support_desk", "path": name, "digest": name, "parameters": 1}
    when = context.store.get(BuildSpec, "b1").created_at
    context.store.put(ModelManifest(id=name, created_at=when, stage=stage, build=build, project=project, **facts))


def test_an_evaluation_is_ordered_on_a_taskset(client: TestClient, context: Context, taskset: str) -> None:
    add_model(context, "M1", "sft")
    for body, model in (({"build": "b1"}, None), ({"model": "M1"}, "M1"), ({"build": "b1", "model": "M1"}, "M1")):
        placed = client.post("/eval/run", json={**body, "taskset": taskset})
        assert placed.status_code == 202, placed.text
        order = context.store.get(Order, placed.json()["id"])
        assert (order.kind, order.build) == ("evaluation", "b1")
        assert order.request == {"build": "b1", "model": model, "scenarios": taskset}


def test_the_result_of_a_taskset_is_its_own(client: TestClient, context: Context, report: Any, taskset: str) -> None:
    gate = report("PASS")
    order = client.post("/eval/run", json={"build": "b1", "taskset": taskset}).json()["id"]
    assert client.get(f"/eval/results/{order}").status_code == 404
    found = context.store.get(ScenarioSet, taskset)
    changes = {"id": order, "taskset": taskset, "taskset_digest": found.digest, "verdict": None}
    context.store.put(TasksetReport.model_validate({**gate.model_dump(), **changes}))
    told = client.get(f"/eval/results/{order}").json()
    assert (told["taskset"], told["taskset_digest"], told["verdict"]) == (taskset, found.digest, None)
    assert EvalReport.model_validate(told).score_of("M2")
    assert client.get("/eval/results/b1").json()["id"] == "b1-report"
    assert client.get(f"/eval/results/{order}", headers={"X-Project": "other"}).status_code == 404


def test_what_is_not_there_or_of_another_project_is_not_found(
    client: TestClient, context: Context, taskset: str
) -> None:
    foreign = context.store.get(ScenarioSet, taskset).model_copy(update={"id": "theirs", "project": "other"})
    context.store.put(foreign)
    add_model(context, "M8", "sft", project="other")
    for body in ({"build": "b9", "taskset": taskset}, {"build": "b1", "taskset": "nothing"}):
        assert client.post("/eval/run", json=body).status_code == 404
    assert client.post("/eval/run", json={"build": "b1", "taskset": "theirs"}).status_code == 404
    assert client.post("/eval/run", json={"model": "M8", "taskset": taskset}).status_code == 404


def test_what_does_not_fit_together_is_refused(client: TestClient, context: Context, taskset: str) -> None:
    add_model(context, "M1", "sft")
    add_model(context, "M2", "reward")
    add_model(context, "M7", "sft", build="b0")
    train = client.post("/env/scenarios", json={"recipe": "support_desk", "count": 5}).json()["id"]
    other = context.store.get(ScenarioSet, taskset).model_copy(update={"id": "desk", "recipe": "desk"})
    context.store.put(other)
    bodies: list[tuple[dict[str, str], str]] = [
        ({}, "nobody"),
        ({"model": "M1"}, "taskset"),
        ({"build": "b1", "taskset": train}, "POST /eval/taskset"),
        ({"build": "b1", "taskset": "desk"}, "recipe 'desk'"),
        ({"build": "b1", "model": "M2", "taskset": taskset}, "reward"),
        ({"build": "b1", "model": "M7", "taskset": taskset}, "of build 'b0'"),
    ]
    for body, told in bodies:
        refused = client.post("/eval/run", json=body)
        assert (refused.status_code, told in refused.text) == (422, True), (body, refused.text)
