from typing import Any

from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.contracts import BuildSpec, Order


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
