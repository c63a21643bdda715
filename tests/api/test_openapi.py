import re
import subprocess
import sys
from typing import Any

import pytest
from fastapi.testclient import TestClient

ENDPOINTS = [
    "POST /compute/allocate",
    "POST /compute/release",
    "GET /compute/pools",
    "GET /compute/usage",
    "POST /data/events",
    "POST /v1/traces",
    "POST /data/label",
    "GET /data/decisions",
    "POST /data/decisions/{trace_id}",
    "POST /data/preferences",
    "GET /data/labels/queue",
    "POST /data/labels/next",
    "POST /data/labels/skip",
    "POST /data/labels/undo",
    "GET /data/labels/policy",
    "PUT /data/labels/policy",
    "GET /data/labels/agreement",
    "GET /data/labels/calibrations",
    "GET /data/labels/label-studio/tasks",
    "POST /data/labels/label-studio/annotations",
    "POST /datasets/create",
    "GET /datasets",
    "POST /data/forget",
    "GET /data/forgettings",
    "GET /lineage/{kind}/{name}",
    "GET /datasets/{dataset_id}",
    "POST /env/scenarios",
    "POST /env/run",
    "GET /env/run/{run_id}/trace",
    "POST /env/scenarios/written",
    "POST /env/from-trace",
    "GET /env/levels/{build_id}",
    "POST /env/replay",
    "GET /env/trace/{trace_id}",
    "POST /env/rescore",
    "POST /train/jobs",
    "POST /train/{job}/reward-config",
    "GET /train/{job}/status",
    "POST /models/promote",
    "POST /eval/run",
    "GET /eval/results/{report_id}",
    "POST /eval/taskset",
    "POST /agents",
    "POST /agents/{agent_id}/sessions",
    "POST /agents/{agent_id}/sessions/{session_id}/step",
    "POST /agents/{agent_id}/deploy",
    "GET /orders/{order_id}",
    "GET /health",
    "GET /health/ready",
]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_is_listed_with_its_models(client: TestClient, endpoint: str) -> None:
    method, path = endpoint.split()
    found: dict[str, Any] = client.get("/openapi.json").json()["paths"][path][method.lower()]
    assert found["summary"]
    assert found["tags"]
    good = next(code for code in found["responses"] if code.startswith("2"))
    assert found["responses"][good]["content"]["application/json"]["schema"]
    if method == "POST":
        assert found["requestBody"]["content"]
    for code, answer in found["responses"].items():
        if int(code) >= 400:
            assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody"), (endpoint, code)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_that_describe_the_api_need_no_other_machine(client: TestClient, page: str) -> None:
    html = client.get(page).text
    assert "/openapi.json" in html
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', html)
    assert any(name.endswith(".js") for name in loaded)
    for name in loaded:
        assert name.startswith("/"), name
        assert client.get(name).status_code == 200, name


def test_only_what_needs_a_key_may_refuse_one(client: TestClient) -> None:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for found in methods.values():
            assert ("401" in found["responses"]) is not path.startswith("/health"), path


@pytest.mark.parametrize("module", ["agent_factory.api.app", "agent_factory.cli.command"])
def test_loading_leaves_heavy_libraries_out(module: str) -> None:
    heavy = "{'torch', 'trl', 'transformers', 'playwright', 'mlflow', 'dagster', 'great_expectations'}"
    code = f"import sys, {module}; found = {heavy} & set(sys.modules); sys.exit(str(found) if found else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
