from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent_factory.api.context import Context
from agent_factory.contracts import Agent, BuildSpec, Deployment, Message, Order, Release, TokenUsage
from agent_factory.core import clock
from agent_factory.core.error import ContextError
from agent_factory.core.tracelog import TraceLog
from agent_factory.gateway.chat import ChatRequest, ChatResult
from agent_factory.runtime import promotion
from agent_factory.runtime.session import SessionManager

AGENT = {"id": "desk", "recipe": "support_desk"}


def test_an_agent_is_made_once(client: TestClient) -> None:
    first = client.post("/agents", json=AGENT)
    assert first.status_code == 201
    assert client.post("/agents", json=AGENT).json() == first.json()
    assert client.post("/agents", json={**AGENT, "max_steps": 3}).status_code == 409
    assert client.post("/agents", json={**AGENT, "recipe": "nobody", "id": "x"}).status_code == 404
    assert client.get("/agents/desk").json()["deployment"] is None
    assert client.get("/agents/nobody").status_code == 404


@pytest.mark.parametrize("verdict", [None, "FAIL"])
def test_what_has_no_pass_is_neither_promoted_nor_deployed(
    client: TestClient, context: Context, build: BuildSpec, report: Any, verdict: str | None
) -> None:
    client.post("/agents", json=AGENT)
    if verdict is not None:
        report(verdict)
    for url in ("/models/promote", "/agents/desk/deploy"):
        reply = client.post(url, json={"build": build.id})
        assert reply.status_code == 409
        assert ("success is 12.0 %" if verdict else "no evaluation report") in reply.json()["error"]["message"]
    assert context.store.find(Order) == []


def test_what_passed_is_ordered_to_be_promoted(
    client: TestClient, context: Context, build: BuildSpec, report: Any
) -> None:
    report("PASS")
    client.post("/agents", json=AGENT)
    promoted = client.post("/models/promote", json={"build": build.id})
    deployed = client.post("/agents/desk/deploy", json={"build": build.id})
    assert (promoted.status_code, deployed.status_code) == (202, 202)
    agents = [context.store.get(Order, reply.json()["id"]).request["agent"] for reply in (promoted, deployed)]
    assert agents == [None, "desk"]
    assert client.post("/models/promote", json={"build": "b9"}).status_code == 404


def test_without_a_deployment_there_is_no_session(client: TestClient) -> None:
    client.post("/agents", json=AGENT)
    assert client.post("/agents/desk/sessions", json={}).status_code == 409
    assert client.post("/agents/nobody/sessions", json={}).status_code == 404


class Scripted:
    """An engine that always says the same."""

    async def chat(self, request: ChatRequest, *, deadline_seconds: float) -> ChatResult:
        return ChatResult(
            message=Message(role="assistant", content="It arrives on Friday."),
            finish_reason="stop",
            usage=TokenUsage(prompt_tokens=9, completion_tokens=5),
            latency_seconds=0.01,
        )

    async def close(self) -> None: ...


@pytest.fixture
def session(client: TestClient, context: Context, build: BuildSpec, report: Any, monkeypatch: Any) -> str:
    """The path of a session with a served agent."""
    from agent_factory.agent.openapi import read_tools
    from agent_factory.contracts import ModelManifest
    from agent_factory.core.digest import digest_folder
    from agent_factory.core.recipe import load_recipe

    context.artifacts.write_text("builds/b1/models/policy/config.json", "{}")
    digest = digest_folder(context.artifacts.local("builds/b1/models/policy"))
    now = clock.now()
    model = ModelManifest(
        id="M2",
        created_at=now,
        stage="policy",
        recipe="support_desk",
        build="b1",
        path="builds/b1/models/policy",
        digest=digest,
        parameters=1,
    )
    context.store.put(model)
    found = report("PASS").model_copy(update={"settings": {"model_digests": {"M2": digest}}})
    context.store.put(found, replace=True)
    assert read_tools(load_recipe("support_desk").openapi).tools
    release: Release = promotion.release_build(context.store, load_recipe("support_desk"), "b1", context.artifacts)
    deployment: Deployment = promotion.deploy_release(context.store, release.id)
    assert context.store.get(Agent, deployment.agent)
    context.sessions._manager = SessionManager(context.store, context.artifacts, lambda *_: Scripted())
    opened = client.post(f"/agents/{deployment.agent}/sessions", json={"user": "anna"})
    assert opened.status_code == 201, opened.text
    return f"/agents/{deployment.agent}/sessions/{opened.json()['id']}"


def test_a_step_is_answered_and_its_trace_is_kept(client: TestClient, context: Context, session: str) -> None:
    key = {"Idempotency-Key": "k1"}
    reply = client.post(f"{session}/step", json={"message": "When does order 5520 arrive?"}, headers=key)
    assert reply.status_code == 200, reply.text
    assert reply.json()["answer"] == "It arrives on Friday."
    assert TraceLog(context.store).get(reply.json()["trace"], "default") is not None
    again = client.post(f"{session}/step", json={"message": "When does order 5520 arrive?"}, headers=key)
    assert again.json() == reply.json()
    assert client.post(f"{session}/step", json={"message": "Something else"}, headers=key).status_code == 409


def test_a_conversation_beyond_the_context_is_answered_with_the_reason(
    client: TestClient, context: Context, session: str, monkeypatch: Any
) -> None:
    async def overflow(*_: Any, **__: Any) -> ChatResult:
        raise ContextError("the prompt has 600 tokens, the context of 'M2' holds 512")

    monkeypatch.setattr(Scripted, "chat", overflow)
    reply = client.post(f"{session}/step", json={"message": "And then?"})
    assert reply.status_code == 200, reply.text
    assert (reply.json()["answer"], reply.json()["calls"]) == (None, [])
    assert reply.json()["failure"] == "context: the prompt has 600 tokens, the context of 'M2' holds 512"
    trace = TraceLog(context.store).get(reply.json()["trace"], "default")
    assert trace is not None
    assert trace.failure == reply.json()["failure"]


def test_a_session_that_was_ended_answers_no_more(client: TestClient, session: str) -> None:
    assert client.post(f"{session}/end").json()["state"] == "closed"
    assert client.post(f"{session}/step", json={"message": "hello"}).status_code == 409
    assert client.post(f"{session}/step", json={"message": ""}).status_code == 422
    assert client.post("/agents/desk/sessions/session-1/step", json={"message": "hello"}).status_code == 404
