from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.cli.command import run_command
from agent_factory.contracts import BuildSpec, Message, Order, Step, Trace
from agent_factory.core.order import place_order

THEN = datetime(2026, 11, 1, tzinfo=UTC)


def test_scenarios_are_made_and_proved(client: TestClient) -> None:
    body = {"recipe": "support_desk", "count": 10, "seed": 3}
    made = client.post("/env/scenarios", json=body, headers={"Idempotency-Key": "k"})
    assert made.status_code == 201, made.text
    assert made.json()["per_level"] == {"L1": 2, "L2": 2, "L3": 2, "L4": 2, "L5": 2}
    assert made.json()["split"] == "train"
    again = client.post("/env/scenarios", json=body, headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == made.json()["id"]


def test_an_unknown_recipe_is_told_with_the_known_ones(client: TestClient) -> None:
    reply = client.post("/env/scenarios", json={"recipe": "nobody", "count": 10})
    assert reply.status_code == 404
    assert "support_desk" in reply.json()["error"]["message"]


def write_traces(context: Context, path: str, prefix: str, count: int) -> None:
    said = Message(role="assistant", content="hello")
    step = Step(index=0, observation=(Message(role="user", content="hi"),), action=said)
    made = [
        Trace(id=f"{prefix}{n}", created_at=THEN, started_at=THEN, source="rollout", steps=(step,))
        for n in range(count)
    ]
    context.artifacts.write_traces(path, made)


def test_a_run_is_ordered_and_its_traces_are_paged(client: TestClient, context: Context, build: BuildSpec) -> None:
    placed = client.post("/env/run", json={"build": build.id})
    assert placed.status_code == 202
    url = placed.json()["status_url"]
    assert client.get(url).json() == {
        "run": placed.json()["id"],
        "state": "waiting",
        "offset": 0,
        "next_offset": None,
        "traces": [],
    }
    write_traces(context, f"orders/{placed.json()['id']}/M1.parquet", "e", 5)
    first = client.get(url, params={"limit": 3}).json()
    assert [trace["id"] for trace in first["traces"]] == ["e0", "e1", "e2"]
    rest = client.get(url, params={"limit": 3, "offset": first["next_offset"]}).json()
    assert [trace["id"] for trace in rest["traces"]] == ["e3", "e4"]
    assert rest["next_offset"] is None


def test_a_run_has_its_own_traces_only(client: TestClient, context: Context, build: BuildSpec) -> None:
    write_traces(context, "builds/b1/rollouts/M1.parquet", "build", 3)
    first, second = (client.post("/env/run", json={"build": build.id}).json() for _ in range(2))
    write_traces(context, f"orders/{first['id']}/M1.parquet", "first", 2)
    write_traces(context, f"orders/{second['id']}/M1.parquet", "second", 1)
    told = [client.get(order["status_url"]).json()["traces"] for order in (first, second)]
    assert [[trace["id"] for trace in traces] for traces in told] == [["first0", "first1"], ["second0"]]
    assert client.get(first["status_url"], headers={"X-Project": "other"}).status_code == 404


def test_a_run_plays_a_set_that_was_made(client: TestClient, context: Context, build: BuildSpec) -> None:
    made = client.post("/env/scenarios", json={"recipe": "support_desk", "count": 5}).json()
    placed = client.post("/env/run", json={"build": build.id, "scenarios": made["id"]})
    assert placed.status_code == 202, placed.text
    order = context.store.get(Order, placed.json()["id"])
    assert order.request == {"build": "b1", "model": None, "scenarios": made["id"]}
    held_out = client.post("/eval/taskset", json={"recipe": "support_desk", "count": 5}).json()
    refused = client.post("/env/run", json={"build": build.id, "scenarios": held_out["id"]})
    assert (refused.status_code, "/env/scenarios" in refused.text) == (422, True)
    assert client.post("/env/run", json={"build": build.id, "scenarios": "nothing"}).status_code == 404
    assert client.post("/env/run", json={}).status_code == 422


def test_only_rollouts_have_traces(client: TestClient, context: Context, build: BuildSpec) -> None:
    order = place_order(context.store, "evaluation", {}, project="default", build=build.id)
    assert client.get(f"/env/run/{order.id}/trace").status_code == 409
    assert client.get("/env/run/order-9/trace").status_code == 404
    assert client.post("/env/run", json={"build": "b9"}).status_code == 404


_WRITTEN = (
    '{"id": "w1", "level": "L1", "kind": "hours", "tools": [], "opening": "How late?", "state": {"customers": {}}, '
    '"rules": {"says": [["nine"]]}, "solution": {"calls": [], "answer": "Until nine."}}'
)


def test_scenarios_written_by_hand_are_proved_and_kept(
    client: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"recipe": "support_desk", "file": "mine.jsonl", "text": _WRITTEN}
    made = client.post("/env/scenarios/written", json=body)
    wrong = client.post("/env/scenarios/written", json={**body, "text": _WRITTEN.replace("L1", "L7")})
    unnamed = client.post("/env/scenarios/written", json={**body, "file": "mine.txt"})

    assert (made.status_code, made.json()["per_level"]) == (201, {"L1": 1})
    assert (wrong.status_code, unnamed.status_code) == (422, 422)
    assert "mine.jsonl, line 1: level" in wrong.text

    file = tmp_path / "mine.jsonl"
    file.write_text(_WRITTEN.replace("nine.", "ten."))
    assert run_command(["env", "scenarios", "support_desk", "--file", str(file)]) == 2
    assert "mine.jsonl, line 1: 'w1' is not solved" in capsys.readouterr().err
    file.write_text(_WRITTEN)
    assert run_command(["env", "scenarios", "support_desk", "--file", str(file), "--json"]) == 0
