import gzip
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi.testclient import TestClient

from agent_factory.api import inbox as inbox_room
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


def test_what_is_not_known_here_is_taken_and_told(client: TestClient, event: Event) -> None:
    strange = [{**event(f"t{number}"), "recipe": "travel_desk"} for number in range(700)]
    odd = {**event("odd"), "recipe": "support_desk"}
    odd["steps"][0]["action"]["tool_calls"] = [{"id": "c", "name": "fly", "arguments": {}}]
    headers = {"Idempotency-Key": "k1"}
    for _ in range(2):
        told = client.post("/data/events", json=[odd, strange[0], event("known")], headers=headers).json()
        assert (told["accepted"], [found["kind"] for found in told["warnings"]["listed"]]) == (
            3,
            ["unknown_recipe", "unknown_tool"],
        )
    lines = client.post(
        "/data/events", content=as_lines(strange), headers={"Content-Type": "application/x-ndjson"}
    ).json()
    (found,) = lines["warnings"]["listed"]
    assert (lines["accepted"], found["recipe"], found["events"]) == (699, "travel_desk", 700)
    assert "cleaning flags them" in found["message"]


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
    for name, full in (("limit", 10), ("requests", 0)):
        usual = getattr(inbox, name)
        setattr(inbox, name, full)
        for kind in ("application/json", "application/x-ndjson"):
            reply = client.post("/data/events", content=as_lines([event("t1")]), headers={"Content-Type": kind})
            assert reply.status_code == 429
            assert int(reply.headers["Retry-After"]) >= 1
        setattr(inbox, name, usual)
    assert client.post("/data/events", json=event("t1")).json() == {"accepted": 1, "duplicates": 0}
    assert (inbox.held, inbox.inside) == (0, 0)


def test_a_full_disk_is_told_and_nothing_is_kept(client: TestClient, event: Event, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise StorageError("the store failed: database or disk is full. Check that its disk has room")

    with monkeypatch.context() as patch:
        patch.setattr(TraceLog, "keep", full)
        reply = client.post("/data/events", json=event("t1"))
    assert reply.status_code == 507
    assert "disk is full" in reply.json()["error"]["message"]
    inbox = client.app.state.inbox  # type: ignore[attr-defined]
    assert (inbox.held, inbox.inside) == (0, 0)
    assert client.post("/data/events", json=event("t1")).json() == {"accepted": 1, "duplicates": 0}


def test_a_store_that_does_not_answer_is_not_waited_for_without_end(
    client: TestClient, event: Event, monkeypatch: Any
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(inbox_room, "KEEP_SECONDS", 0.05)
    monkeypatch.setattr(TraceLog, "keep", lambda *_: go_on.wait(20) and [])
    reply = client.post("/data/events", json=event("t1"))
    go_on.set()
    assert reply.status_code == 504
    assert "send the same again" in reply.json()["error"]["message"]


def test_what_waits_together_is_kept_together_and_told_apart(
    client: TestClient, context: Context, event: Event, monkeypatch: Any
) -> None:
    groups: list[int] = []
    first, keep = threading.Event(), TraceLog.keep

    def watch(log: TraceLog, parcels: Any) -> Any:
        groups.append(len(parcels))
        if len(groups) == 1:
            first.wait(20)
        return keep(log, parcels)

    monkeypatch.setattr(TraceLog, "keep", watch)
    inbox = client.app.state.inbox  # type: ignore[attr-defined]
    bodies = [event("t0"), *(event("t1", text=f"{n % 2}") for n in range(6)), event("t2")]
    with ThreadPoolExecutor(len(bodies)) as pool:
        replies = [pool.submit(client.post, "/data/events", json=bodies[0])]
        wait_until(lambda: len(groups) == 1)
        replies += [pool.submit(client.post, "/data/events", json=body) for body in bodies[1:]]
        wait_until(lambda: inbox.inside == len(bodies) and len(inbox._waiting) == 7)
        first.set()
        told = [reply.result().status_code for reply in replies]
    assert groups == [1, 7]
    assert told[0] == told[-1] == 200
    assert sorted(told[1:-1]) == [200] * 3 + [409] * 3
    assert TraceLog(context.store).get("t2", "default") is not None


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def test_a_key_is_answered_with_its_first_receipt(
    client: TestClient, open_client: Callable[..., TestClient], event: Event
) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/data/events", json=[event("t1"), event("t2")], headers=headers)
    assert first.json() == {"accepted": 2, "duplicates": 0}
    # Another process over the same store knows it too.
    assert open_client().post("/data/events", json=[event("t1"), event("t2")], headers=headers).json() == first.json()
    other = client.post("/data/events", json=[event("t3")], headers=headers)
    assert other.status_code == 409
    assert "used for another body" in other.json()["error"]["message"]
    assert client.post("/data/events", json=[event("t3")]).json() == {"accepted": 1, "duplicates": 0}
    mine = {**headers, "X-Project": "other"}
    assert client.post("/data/events", json=[event("t3")], headers=mine).json() == {"accepted": 1, "duplicates": 0}


def test_a_key_whose_body_was_refused_may_be_sent_again(client: TestClient, event: Event) -> None:
    headers = {"Idempotency-Key": "k1"}
    assert client.post("/data/events", json=[{"id": "t1"}], headers=headers).status_code == 422
    assert client.post("/data/events", json=[event("t1")], headers=headers).json()["accepted"] == 1


def test_a_stream_with_a_key_is_answered_as_before(client: TestClient, event: Event) -> None:
    headers = {"Idempotency-Key": "k1", "Content-Type": "application/x-ndjson"}
    lines = [event(f"t{number}") for number in range(1200)]
    broken = as_lines(lines[:1100]) + b"\n{broken\n"
    assert client.post("/data/events", content=broken, headers=headers).status_code == 422
    # The first two batches are known; the mended rest goes on from there.
    for _ in range(2):
        reply = client.post("/data/events", content=as_lines(lines), headers=headers)
        assert reply.json() == {"accepted": 1200, "duplicates": 0}
    fresh = [event(f"u{number}") for number in range(700)]
    for other in (lines[:1000], [*lines, *fresh], [*lines[:1199], fresh[0]]):
        assert client.post("/data/events", content=as_lines(other), headers=headers).status_code == 409
    receipt = client.post("/data/events", json=[fresh[0], fresh[-1]]).json()
    assert receipt == {"accepted": 2, "duplicates": 0}, "nothing of a refused body was kept"


def test_what_is_wrong_with_a_line_is_told_apart(client: TestClient, event: Event) -> None:
    def send(line: bytes, **headers: str) -> tuple[int, str]:
        body = b"\xef\xbb\xbf" + as_lines([event("t1")]) + b"\n\n" + line
        reply = client.post("/data/events", content=body, headers={"Content-Type": "application/x-ndjson", **headers})
        return reply.status_code, reply.json().get("error", {}).get("message", "")

    assert send(b"")[0] == 200
    for line, status, told in (
        (b"{broken", 422, "line 3: it is not JSON"),
        ('{"é": 1}'.encode("latin-1"), 422, "line 3: it is not UTF-8: byte 2 is 0xe9"),
        (b"[" * 100_000, 422, "line 3: it is nested too deeply"),
        (b"7", 422, "line 3: expected a JSON object, got int"),
        (as_lines([event("t2", day="2999-01-01")]), 422, "line 3 (id 't2'): started_at: 2999-01-01"),
        (as_lines([event("t1", text="Else?")]), 409, "digests are"),
        (as_lines([event("t2", text="x" * 2**20)]), 413, "line 3 (id 't2'): it has"),
        (b"x" * (4 * 2**20 + 1), 413, "line 3 has more than"),
    ):
        found, message = send(line)
        assert (found, told in message) == (status, True), message
    assert send(b"", **{"Content-Type": "application/x-ndjson; charset=latin-1"})[0] == 422


def test_packed_bodies_are_unpacked_within_bounds(client: TestClient, event: Event) -> None:
    def send(body: bytes, kind: str = "application/json", packing: str = "gzip") -> Any:
        return client.post("/data/events", content=body, headers={"Content-Type": kind, "Content-Encoding": packing})

    assert send(gzip.compress(as_lines([event("t1")]))).json() == {"accepted": 1, "duplicates": 0}
    lines = gzip.compress(as_lines([event("t1"), event("t2")]))
    assert send(lines, "application/x-ndjson").json() == {"accepted": 1, "duplicates": 1}
    bomb = gzip.compress(b" " * (64 * 2**20))
    assert send(bomb).status_code == 413
    assert send(bomb, "application/x-ndjson").status_code == 413
    assert send(lines[:-9]).status_code == 422
    assert send(b"plain").status_code == 422
    assert send(lines, packing="br").status_code == 422


def test_a_large_event_is_refused_before_it_is_held(client: TestClient, event: Event) -> None:
    inbox = client.app.state.inbox  # type: ignore[attr-defined]
    sent = most = 0

    def pieces(start: bytes) -> Any:
        nonlocal sent, most
        yield start
        for _ in range(800):
            sent, most = sent + 2**16, max(most, inbox.held)
            yield b"x" * 2**16

    for kind, start, told in (
        ("application/json", b'{"id": "', "application/x-ndjson, which is read as it comes"),
        ("application/x-ndjson", b'{"id": "', "split the episode into sessions"),
    ):
        reply = client.post("/data/events", content=pieces(start), headers={"Content-Type": kind})
        assert reply.status_code == 413
        assert told in reply.json()["error"]["message"]
    declared = client.post("/data/events", content=b'{"id": "' + b"x" * 50_000_000)
    assert declared.status_code == 413
    assert most <= 16 * 2**20
    assert inbox.held == 0


def test_a_byte_order_mark_is_passed_over(client: TestClient, event: Event) -> None:
    body = b"\xef\xbb\xbf" + json.dumps([event("t1"), event("t2")]).encode()
    for accepted in (2, 0):
        reply = client.post("/data/events", content=body, headers={"Content-Type": "application/json"})
        assert (reply.status_code, reply.json()["accepted"]) == (200, accepted)
    order = b'\xef\xbb\xbf{"kind": "sft", "first_day": "2026-11-20", "last_day": "2026-11-20"}'
    assert client.post("/datasets/create", content=order, headers={"Content-Type": "application/json"}).is_success
    assert client.post("/v1/traces", content=b"\xef\xbb\xbf{}", headers={"Content-Type": "application/json"}).is_success


def test_what_could_not_be_read_again_is_refused(client: TestClient, context: Context, event: Event) -> None:
    for metadata in ('{"a": ' + "[" * 200 + "]" * 200 + "}", '{"a": 1e999}', '{"\\ud800": 1}'):
        text = json.dumps({**event("t1"), "metadata": "@"}).replace('"@"', metadata)
        for kind in ("application/json", "application/x-ndjson"):
            reply = client.post("/data/events", content=text, headers={"Content-Type": kind})
            assert reply.status_code == 422, reply.text
            assert "metadata: it " in reply.json()["error"]["message"]
    assert TraceLog(context.store).get("t1", "default") is None
