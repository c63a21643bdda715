import json
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from agent_factory.api import data as data_room
from agent_factory.api.context import Context
from agent_factory.core.error import StorageError
from agent_factory.core.tracelog import TraceLog

Event = Callable[..., dict[str, Any]]


def as_lines(events: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(event) for event in events).encode()


def test_an_event_and_a_list_are_kept_once(client: TestClient, context: Context, event: Event) -> None:
    assert client.post("/data/events", json=event("t1")).json() == {"accepted": 1, "duplicates": 0}
    reply = client.post("/data/events", json=[event("t1"), event("t2")])
    assert reply.json() == {"accepted": 1, "duplicates": 1}
    assert TraceLog(context.store).get("t2", "default") is not None


def test_a_stream_is_kept_line_by_line(client: TestClient, event: Event) -> None:
    events = [event(f"t{number}") for number in range(1203)]
    headers = {"Content-Type": "application/x-ndjson"}

    def pieces() -> Any:
        body = as_lines(events)
        for start in range(0, len(body), 70_001):
            yield body[start : start + 70_001]

    reply = client.post("/data/events", content=pieces(), headers=headers)
    assert reply.json() == {"accepted": 1203, "duplicates": 0}
    again = client.post("/data/events", content=as_lines(events), headers=headers)
    assert again.json() == {"accepted": 0, "duplicates": 1203}


def test_a_broken_line_is_named(client: TestClient, event: Event) -> None:
    body = as_lines([event("t1")]) + b"\n\n{broken\n"
    reply = client.post("/data/events", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert reply.status_code == 422
    assert "line 3" in reply.json()["error"]["message"]


def test_a_malformed_event_is_refused_whole(client: TestClient, context: Context, event: Event) -> None:
    reply = client.post("/data/events", json=[event("t1"), {"id": "t2"}])
    assert reply.status_code == 422
    assert "started_at" in reply.json()["error"]["message"]
    assert TraceLog(context.store).get("t1", "default") is None


def test_an_event_of_a_day_without_data_is_refused(client: TestClient, context: Context, event: Event) -> None:
    for day in ("2023-12-31", "9999-12-31"):
        reply = client.post("/data/events", json=[event("t1"), event("t2", day=day)])
        assert reply.status_code == 422
        told = reply.json()["error"]["message"]
        assert "event 1 (id 't2'): started_at" in told
        assert "expected 2024-01-01 to" in told
    assert TraceLog(context.store).arrivals("default") == []


def test_other_content_under_a_known_id_is_a_conflict(client: TestClient, event: Event) -> None:
    client.post("/data/events", json=event("t1"))
    reply = client.post("/data/events", json=event("t1", text="Something else"))
    assert reply.status_code == 409


def test_neither_text_nor_a_number_is_an_event(client: TestClient) -> None:
    assert client.post("/data/events", content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
    assert client.post("/data/events", json=[1]).status_code == 422
    assert client.post("/data/events", content=b"a", headers={"Content-Type": "text/csv"}).status_code == 422


def test_back_pressure_is_told_and_ends(client: TestClient, event: Event) -> None:
    inbox = client.app.state.inbox  # type: ignore[attr-defined]
    inbox.limit = 10
    reply = client.post("/data/events", json=event("t1"))
    assert reply.status_code == 429
    assert "Retry-After" in reply.headers
    inbox.limit = 10**6
    assert client.post("/data/events", json=event("t1")).status_code == 200
    assert inbox.held == 0


def test_a_full_disk_is_told_and_nothing_is_kept(client: TestClient, event: Event, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise StorageError("the store failed: database or disk is full. Check that its disk has room")

    monkeypatch.setattr(data_room, "take_events", full)
    reply = client.post("/data/events", json=event("t1"))
    assert reply.status_code == 507
    assert "disk is full" in reply.json()["error"]["message"]
    assert client.app.state.inbox.held == 0  # type: ignore[attr-defined]


def test_a_trace_is_labelled(client: TestClient, event: Event) -> None:
    client.post("/data/events", json=event("t1"))
    label = {"trace_id": "t1", "score": 0.5, "labeler": "ada"}
    first = client.post("/data/label", json=label, headers={"Idempotency-Key": "k"})
    assert first.status_code == 201
    assert client.post("/data/label", json=label, headers={"Idempotency-Key": "k"}).json() == first.json()
    assert client.post("/data/label", json={**label, "score": 2}).status_code == 422
    assert client.post("/data/label", json={**label, "trace_id": "t9"}).status_code == 404
