import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent_factory.api import dataset as dataset_room
from agent_factory.api.context import Context
from agent_factory.contracts import BuildSpec, DatasetManifest, Order
from agent_factory.core.order import place_order
from agent_factory.data.clean import clean_day
from agent_factory.data.event import write_events_day
from agent_factory.data.label import label_day

DAYS = {"first_day": "2026-10-30", "last_day": "2026-10-30"}


def wait_for(client: TestClient, url: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        order = client.get(url).json()
        if order["state"] in ("done", "failed"):
            return order
        time.sleep(0.05)
    raise AssertionError("the order did not end")


def prepare(client: TestClient, context: Context, event: Callable[..., dict[str, Any]]) -> None:
    good = {**event("t1"), "outcome": {"success": True, "reward": 1.0, "graded_by": "test"}}
    client.post("/data/events", json=[good, event("t2", text="hello")])
    write_events_day(context.store, context.artifacts, "default", "2026-10-30")
    clean_day(context.store, context.artifacts, "default", "2026-10-30")
    label_day(context.store, context.artifacts, "default", "2026-10-30")


def test_a_dataset_of_free_days_is_made(client: TestClient, context: Context, event: Any) -> None:
    prepare(client, context, event)
    placed = client.post("/datasets/create", json={"kind": "sft", **DAYS}, headers={"Idempotency-Key": "k"})
    assert placed.status_code == 202
    assert placed.headers["Location"] == placed.json()["status_url"]
    order = wait_for(client, placed.json()["status_url"])
    assert order["state"] == "done", order["reason"]
    manifest = client.get(f"/datasets/{order['reason'].split()[-1]}").json()
    assert manifest["kind"] == "sft"
    assert manifest["rows"] == 1
    again = client.post("/datasets/create", json={"kind": "sft", **DAYS}, headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == placed.json()["id"]
    assert len(context.store.find(DatasetManifest)) == 1


def test_an_order_whose_dataset_fails_a_check_has_failed_and_the_dataset_tells_why(
    client: TestClient, context: Context, event: Any
) -> None:
    asked = {"recipe": "support_desk", "count": 5, "seed": 3}
    held_out = client.post("/eval/taskset", json=asked).json()
    (task, *_) = map(json.loads, context.artifacts.read_text(held_out["path"]).splitlines())
    good = {**event("t0", text=task["opening"][0]["content"]), "recipe": "support_desk"}
    prepare(client, context, lambda name, **told: {**good, "id": name, **told.get("more", {})})
    order = wait_for(client, client.post("/datasets/create", json={"kind": "sft", **DAYS}).json()["status_url"])
    assert order["state"] == "failed"
    assert "dataset 'D1' was made, and did not pass its checks: no_eval_leak: D1 holds 1 rows" in order["reason"]
    told = {check["check"]: check for check in client.get("/datasets/D1").json()["checks"]}
    assert told["schema"]["passed"]
    assert told["schema"]["data_docs"] == "datasets/D1.html"
    assert not told["no_eval_leak"]["passed"]
    assert told["no_eval_leak"]["against"] == [held_out["id"]]


def test_a_dataset_that_cannot_be_made_says_why(client: TestClient) -> None:
    placed = client.post("/datasets/create", json={"kind": "sft", **DAYS})
    order = wait_for(client, placed.json()["status_url"])
    assert order["state"] == "failed"
    assert "would be empty" in order["reason"]


def test_a_builds_dataset_is_ordered(client: TestClient, context: Context, build: BuildSpec) -> None:
    placed = client.post("/datasets/create", json={"kind": "preference", "build": build.id})
    order = context.store.get(Order, placed.json()["id"])
    assert (order.kind, order.state, order.build) == ("dataset", "waiting", "b1")
    assert client.post("/datasets/create", json={"kind": "sft", "build": "b9"}).status_code == 404


def test_a_request_must_name_one_source(client: TestClient) -> None:
    assert client.post("/datasets/create", json={"kind": "sft"}).status_code == 422
    assert client.post("/datasets/create", json={"kind": "sft", "build": "b1", **DAYS}).status_code == 422
    backwards = {"first_day": "2026-10-30", "last_day": "2026-10-01"}
    assert client.post("/datasets/create", json={"kind": "sft", **backwards}).status_code == 422
    assert client.get("/datasets/D99").status_code == 404


def test_filters_choose_and_are_told_in_the_manifest(client: TestClient, context: Context, event: Any) -> None:
    prepare(client, context, event)
    asked = {"kind": "sft", **DAYS, "min_score": 0, "outcome": "unknown", "informing": True, "max_rows": 5}
    order = wait_for(client, client.post("/datasets/create", json=asked).json()["status_url"])
    assert order["state"] == "done", order["reason"]
    (manifest,) = client.get("/datasets").json()
    assert (manifest["rows"], manifest["query"]["outcome"]) == (1, "unknown")
    assert manifest["counts"] == {"traces": 2, "left out: outcome": 1, "rows found": 1}
    assert client.get("/datasets", headers={"X-Project": "other"}).json() == []
    asked = {**asked, "levels": ["L9"]}
    order = wait_for(client, client.post("/datasets/create", json=asked).json()["status_url"])
    assert "among the 2 traces" in order["reason"]
    assert "left out 1 by level, 1 by outcome" in order["reason"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"build": "b1"}, "either a build, or first_day"),
        ({"split": {"train": 0.5}}, "must add up to 1"),
        ({"max_tokens": 5}, "max_tokens needs the tokenizer"),
        ({"taskset": "b1-eval"}, "a taskset makes an eval dataset"),
        ({"outcome": "nearly"}, "'success', 'failure' or 'unknown'"),
        ({"last_day": None}, "either a build, or first_day"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(
    client: TestClient, context: Context, changes: dict[str, Any], reason: str
) -> None:
    reply = client.post("/datasets/create", json={"kind": "sft", **DAYS, **changes})
    assert reply.status_code == 422
    assert reason in reply.json()["error"]["message"]
    assert context.store.find(Order) == []


def test_a_builds_dataset_takes_the_filters_of_its_order(client: TestClient, build: BuildSpec) -> None:
    reply = client.post("/datasets/create", json={"kind": "sft", "build": build.id, "levels": ["L1"], "min_score": 0.1})
    assert reply.status_code == 422
    assert "levels, min_score: a build's dataset takes the filters" in reply.json()["error"]["message"]


def test_a_build_has_no_rft_dataset(client: TestClient, context: Context, build: BuildSpec) -> None:
    reply = client.post("/datasets/create", json={"kind": "rft", "build": build.id})
    assert reply.status_code == 422
    assert "a build has no rft dataset, it has sft, preference, eval" in reply.json()["error"]["message"]
    assert context.store.find(Order) == []


@pytest.mark.parametrize("asked", [{"rollouts_of": ["b1"]}, {"tokenizer": "M7"}, {"tokenizer": "/etc"}])
def test_what_a_request_names_must_be_the_projects_own(
    client: TestClient, build: BuildSpec, asked: dict[str, Any]
) -> None:
    reply = client.post("/datasets/create", json={"kind": "rft", **DAYS, **asked}, headers={"X-Project": "other"})
    assert reply.status_code == 404


@pytest.mark.parametrize(("first_day", "last_day"), [("2023-12-31", "2026-10-30"), ("2026-10-30", "9999-12-31")])
def test_days_that_no_data_is_taken_of_are_refused(
    client: TestClient, context: Context, first_day: str, last_day: str
) -> None:
    reply = client.post("/datasets/create", json={"kind": "sft", "first_day": first_day, "last_day": last_day})
    assert reply.status_code == 422
    assert "expected days from 2024-01-01 to" in reply.json()["error"]["message"]
    assert context.store.find(Order) == []


def test_what_a_killed_server_left_is_begun_again(client: TestClient, context: Context, event: Any) -> None:
    prepare(client, context, event)
    request = dataset_room.DatasetRequest.model_validate({"kind": "sft", **DAYS}).model_dump(mode="json")
    order = place_order(context.store, "dataset", request, project="default", state="accepted")
    dataset_room.resume_orders(context)
    assert wait_for(client, f"/orders/{order.id}")["state"] == "done"
