"""Labels over HTTP: who gives them, who is handed what, what is told of it, and the pages' door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from agent_factory.api.context import Context
from agent_factory.contracts import Feedback
from agent_factory.data.clean import clean_day
from agent_factory.data.event import write_events_day
from agent_factory.data.judge import RULE_JUDGE
from agent_factory.data.label import label_day
from agent_factory.data.labelling.record import Preference

DAY = "2026-10-30"
OTHER = {"X-Project": "other"}


@pytest.fixture
def day(client: TestClient, context: Context, event: Callable[..., Any]) -> None:
    """Three labelled traces."""
    client.post("/data/events", json=[event(f"t{number}", text=f"Where is order {number}?") for number in range(3)])
    write_events_day(context.store, context.artifacts, "default", DAY)
    clean_day(context.store, context.artifacts, "default", DAY)
    label_day(context.store, context.artifacts, "default", DAY)


def test_a_label_names_its_reviewer_in_the_body_or_the_header(client: TestClient, context: Context, day: None) -> None:
    body = {"trace_id": "t1", "rating": 4, "tags": ["Rude", " rude"], "comment": " hm "}
    refused = client.post("/data/label", json=body)
    assert refused.status_code == 422
    assert "X-Reviewer" in refused.json()["error"]["message"]
    assert client.post("/data/label", json=body, headers={"X-Reviewer": "  "}).status_code == 422
    given = client.post("/data/label", json=body, headers={"X-Reviewer": "ann"}).json()
    assert (given["labeler"], given["score"], given["tags"], given["comment"]) == ("ann", 0.75, ["rude"], "hm")
    assert client.post("/data/label", json={**body, "score": 0.5, "labeler": "ann"}).status_code == 422
    assert client.post("/data/label", json={"trace_id": "t1", "labeler": "ann"}).status_code == 422
    assert len(context.store.find(Feedback)) == 1
    contrary = client.post("/data/label", json={**body, "labeler": "ann"}, headers={"X-Reviewer": "bob"})
    assert (contrary.status_code, "name one" in contrary.json()["error"]["message"]) == (422, True)
    assert client.post("/data/label", json={**body, "labeler": "ann"}, headers={"X-Reviewer": "ann"}).status_code == 201


@pytest.mark.parametrize(
    "name", [RULE_JUDGE, "Rule: support_desk, code 1a2b3c4d", "big, prompt 0123456789ab", "gpt, prompt abc"]
)
def test_nobody_labels_as_a_judge_of_the_factory(client: TestClient, day: None, name: str) -> None:
    for kind in ("rule", "model", "person"):
        reply = client.post("/data/label", json={"trace_id": "t1", "score": 1.0, "labeler": name, "kind": kind})
        assert reply.status_code == 422
        assert "the factory's own judges" in reply.json()["error"]["message"]
    other = {"trace_id": "t1", "score": 1.0, "labeler": "our rules, version 3", "kind": "rule"}
    assert client.post("/data/label", json=other).status_code == 201


def test_preferences_are_kept_once_a_reviewer_and_pair(client: TestClient, context: Context, day: None) -> None:
    body = {"first": "t2", "second": "t1", "choice": "first"}
    for _ in range(2):
        given = client.post("/data/preferences", json=body, headers={"X-Reviewer": "ann"})
        assert given.status_code == 201
    assert (given.json()["first"], given.json()["choice"]) == ("t1", "second")
    assert len(context.store.find(Preference)) == 1
    assert client.post("/data/preferences", json={**body, "second": "t2", "labeler": "a"}).status_code == 422
    assert client.post("/data/preferences", json={**body, "second": "t9", "labeler": "a"}).status_code == 404


def test_the_queue_over_http(client: TestClient, day: None) -> None:
    assert [len(item["trace_ids"]) for item in client.get("/data/labels/queue").json()] == [1, 1, 1]
    assert [len(item["trace_ids"]) for item in client.get("/data/labels/queue?kind=compare").json()] == [2, 2]
    assert client.get("/data/labels/queue", headers=OTHER).json() == []
    client.put("/data/labels/policy", json={"overlap": 0.0})
    first = client.post("/data/labels/next", json={"reviewer": "ann"}).json()
    second = client.post("/data/labels/next", json={}, headers={"X-Reviewer": "bob"}).json()
    assert first["assignment"]["item"] != second["assignment"]["item"]
    assert second["progress"]["in_hand"] == 2
    ids = first["assignment"]["trace_ids"]
    skipped = client.post("/data/labels/skip", json={"reviewer": "ann", "trace_ids": ids})
    assert skipped.json()["state"] == "skipped"
    assert client.post("/data/labels/undo", json={"reviewer": "ann"}).json()["trace_ids"] == ids
    assert client.post("/data/labels/undo", json={"reviewer": "ann"}).status_code == 404
    assert client.post("/data/labels/next", json={}).status_code == 422
    policy = client.get("/data/labels/policy").json()
    assert (policy["overlap"], policy["lease_seconds"]) == (0.0, 900.0)
    assert client.put("/data/labels/policy", json={"overlap": 2}).status_code == 422
    assert client.get("/data/labels/policy", headers=OTHER).json()["overlap"] == 0.2


def test_a_label_over_http_answers_the_item_in_hand(client: TestClient, context: Context, day: None) -> None:
    seen: list[str] = []
    for number in range(3):
        taken = client.post("/data/labels/next", json={"reviewer": "ann"}).json()
        assert taken["progress"]["yours"] == number
        (name,) = taken["assignment"]["trace_ids"]
        seen.append(name)
        label = {"trace_id": name, "rating": 4, "labeler": "ann"}
        assert client.post("/data/label", json=label).status_code == 201
        skipped = client.post("/data/labels/skip", json={"reviewer": "ann", "trace_ids": [name]})
        assert skipped.status_code == 409
    assert sorted(seen) == ["t0", "t1", "t2"]
    assert client.post("/data/labels/next", json={"reviewer": "ann"}).json()["assignment"] is None
    given = client.post("/data/label", json={**label, "rating": None, "score": 0.7}).json()
    assert (given["score"], len(context.store.find(Feedback))) == (0.7, 3)
    assert client.post("/data/labels/undo", json={"reviewer": "ann"}).json()["trace_ids"] == [name]


def test_agreement_and_calibrations_are_told(client: TestClient, day: None) -> None:
    for name, ratings in {"ann": (1, 3, 5), "bob": (1, 4, 5)}.items():
        for number, rating in enumerate(ratings):
            body = {"trace_id": f"t{number}", "rating": rating, "labeler": name}
            assert client.post("/data/label", json=body).status_code == 201
    told = client.get("/data/labels/agreement").json()["ratings"]
    assert (told["items"], told["labelled_twice"], told["reviewers"]) == (3, 3, ["ann", "bob"])
    assert told["alphas"][1]["value"] > 0.8
    assert told["pairs"][0]["items"] == 3
    other = client.get("/data/labels/agreement", headers=OTHER).json()["ratings"]
    assert (other["items"], other["alphas"][0]["value"]) == (0, None)
    assert client.get("/data/labels/calibrations").json() == []


def test_label_studio_over_http(client: TestClient, day: None) -> None:
    config = client.get("/data/labels/label-studio/config?kind=compare")
    assert config.headers["content-type"].startswith("application/xml")
    assert "<Pairwise" in config.text
    tasks = client.get("/data/labels/label-studio/tasks?limit=2").json()
    assert len(tasks) == 2
    rating = {"from_name": "score", "to_name": "dialogue", "type": "rating", "value": {"rating": 5}}
    for task in tasks:
        task["annotations"] = [{"completed_by": 1, "result": [rating], "updated_at": "2026-11-01T10:00:00Z"}]
    body = {"tasks": tasks, "reviewers": {"1": "cyd"}}
    assert client.post("/data/labels/label-studio/annotations", json=body).json()["kept"] == 2
    assert client.post("/data/labels/label-studio/annotations", json=body).json()["unchanged"] == 2
    other = client.post("/data/labels/label-studio/annotations", json=body, headers=OTHER).json()
    assert (other["kept"], len(other["quarantined"])) == (0, 2)


def test_pages_ask_for_a_name_and_with_a_key_for_the_key(open_client: Callable[..., TestClient]) -> None:
    client = open_client(host="10.0.0.9", url="http://factory.example", api_key=SecretStr("s3cret"))
    for path in ("/label", "/label/compare"):
        reply = client.get(path, follow_redirects=False)
        assert (reply.status_code, reply.headers["location"]) == (303, f"/label/login?to={path}")
    assert client.post("/label", data={}, follow_redirects=False).status_code == 303
    assert client.get("/labels", follow_redirects=False).status_code == 401
    assert client.post("/label/login", data={"reviewer": "ann", "key": "wrong"}).status_code == 401
    assert client.post("/label/login", data={"reviewer": "ann"}).status_code == 401
    assert client.post("/label/login", data={"reviewer": " ", "key": "s3cret"}).status_code == 422
    signed_in = {"reviewer": "ann", "key": "s3cret", "to": "https://evil.example"}
    reply = client.post("/label/login", data=signed_in, follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (303, "/label")
    cookie = reply.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/;"))
    assert "s3cret" not in cookie
    page = client.get("/label")
    assert (page.status_code, "ann in default" in page.text) == (200, True)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    client.cookies.set("factory_reviewer", client.cookies["factory_reviewer"][:-1] + "0", path="/label")
    # The key's change ends every visit.
    again = open_client(host="10.0.0.9", url="http://factory.example", api_key=SecretStr("another"))
    again.cookies.set("factory_reviewer", cookie.split("=", 1)[1].split(";")[0])
    assert again.get("/label", follow_redirects=False).status_code == 303


def test_the_pages_stay_on_this_machine_without_a_key(open_client: Callable[..., TestClient]) -> None:
    assert open_client(host="10.0.0.9").get("/label").status_code == 401
    assert open_client(url="http://evil.example:8400").get("/label/login").status_code == 401
    reply = open_client().get("/label", follow_redirects=False)
    assert reply.headers["location"].startswith("/label/login")


def test_a_visitor_works_in_their_project_alone(client: TestClient, context: Context, day: None) -> None:
    client.post("/label/login", data={"reviewer": "eve", "project": "other"})
    page = client.get("/label").text
    assert "eve in other" in page
    assert "Where is order" not in page
    token = page.split('name="token" value="')[1].split('"')[0]
    reply = client.post("/label", data={"trace_id": "t1", "rating": "5", "token": token})
    assert (reply.status_code, "no trace" in reply.text) == (404, True)
    assert context.store.find(Feedback) == []
