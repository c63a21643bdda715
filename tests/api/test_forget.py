"""A person is forgotten over HTTP: listed first, then removed, then refused; lineage and manifest tell the marks."""

from typing import Any

from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.contracts import ModelManifest
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.clean import clean_day
from agent_factory.data.dataset import DatasetQuery, build_dataset
from agent_factory.data.event import write_events_day
from agent_factory.data.label import label_day

DAY = "2026-10-30"
MIA = "mia.li@mail.example"


def make(client: TestClient, context: Context, event: Any) -> dict[str, Any]:
    """Mia's trace in a dataset and a model; returns the trace."""
    mine = {**event("t1", text=f"I am {MIA}"), "outcome": {"success": True, "reward": 1.0, "graded_by": "test"}}
    client.post("/data/events", json=[mine, event("t2", text="hello")])
    write_events_day(context.store, context.artifacts, "default", DAY)
    clean_day(context.store, context.artifacts, "default", DAY)
    label_day(context.store, context.artifacts, "default", DAY)
    build_dataset(context.store, context.artifacts, "sft", DatasetQuery(days=(DAY,)))
    told = {"stage": "sft", "recipe": "r", "build": "b", "path": "p", "digest": "d", "parameters": 1}
    made = {"id": "M1", "created_at": "2026-10-30T12:00:00Z", "dataset_ids": ["D1"], **told}
    context.store.put(ModelManifest.model_validate(made))
    return mine


def test_a_person_is_listed_then_forgotten_then_refused(client: TestClient, context: Context, event: Any) -> None:
    mine = make(client, context, event)
    dry = client.post("/data/forget", json={"subjects": [MIA], "dry_run": True}).json()
    assert (dry["traces"], dry["datasets"], dry["models"]) == (["t1"], ["D1"], ["M1"])
    assert TraceLog(context.store).get("t1", "default") is not None
    told = client.post("/data/forget", json={"subjects": [MIA]}).json()
    assert (told["traces"], told["wiped"]) == (["t1"], True)
    refused = client.post("/data/events", json=mine)
    assert refused.status_code == 410
    assert "forgotten at a person's request" in refused.json()["error"]["message"]
    assert [mark["traces"] for mark in client.get("/datasets/D1").json()["marks"]] == [1]
    assert client.get("/lineage/model/M1").json()["of"]["forgotten"] == 1
    (record,) = client.get("/data/forgettings").json()
    assert (record["state"], record["datasets"], record["models"]) == ("done", ["D1"], ["M1"])
    assert MIA not in client.get("/data/forgettings").text


def test_what_may_be_more_than_one_person_is_to_be_confirmed(client: TestClient, event: Any) -> None:
    client.post("/data/events", json=[event(f"t{i}", text=f"I am {MIA}") for i in range(21)])
    refused = client.post("/data/forget", json={"subjects": [MIA]})
    assert refused.status_code == 422
    assert "found in 21 of 21 traces" in refused.json()["error"]["message"]
    asked = client.post("/data/forget", json={"subjects": [MIA], "dry_run": True}).json()["confirm"]
    done = client.post("/data/forget", json={"subjects": [MIA], "confirm": asked}).json()
    assert (len(done["traces"]), done["wiped"]) == (21, True)


def test_another_project_finds_nobody(client: TestClient, context: Context, event: Any) -> None:
    make(client, context, event)
    other = {"X-Project": "other"}
    assert client.post("/data/forget", json={"subjects": [MIA]}, headers=other).json()["traces"] == []
    assert client.get("/lineage/trace/t1", headers=other).status_code == 404
    assert client.get("/data/forgettings").json() == []
    assert TraceLog(context.store).get("t1", "default") is not None


def test_who_is_nobody_is_told(client: TestClient) -> None:
    for subjects in ([], ["PERSON:Li"], ["x"], ["order"], ["<EMAIL_1>"], ["Okonkwo"]):
        assert client.post("/data/forget", json={"subjects": subjects}).status_code == 422
    assert client.get("/lineage/spoon/x").status_code == 422
