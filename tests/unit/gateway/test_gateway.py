import sys

import pytest

from agent_factory.contracts import Message, TokenUsage
from agent_factory.core.error import ConflictError, NotFoundError
from agent_factory.gateway.chat import ChatRequest, ChatResult
from agent_factory.gateway.gateway import Gateway, open_engine, open_gateway
from agent_factory.gateway.remote import RemoteEngine


class Echo:
    def __init__(self, text):
        self.text, self.closed = text, False

    async def chat(self, request, *, deadline_seconds):
        return ChatResult(
            message=Message(role="assistant", content=self.text),
            finish_reason="stop",
            usage=TokenUsage(prompt_tokens=5, completion_tokens=2),
            latency_seconds=0.0,
        )

    async def close(self):
        self.closed = True


def ask(model):
    return ChatRequest(model=model, messages=(Message(role="user", content="x"),))


async def test_requests_go_to_their_model_and_tokens_are_counted():
    one, two = Echo("one"), Echo("two")
    gateway = Gateway({"M1": one, "M2": two})
    said = [(await gateway.chat(ask(m), deadline_seconds=1)).message.content for m in ("M1", "M2", "M1")]
    assert said == ["one", "two", "one"]
    assert gateway.usage["M1"] == TokenUsage(prompt_tokens=10, completion_tokens=4)
    await gateway.close()
    assert one.closed
    assert two.closed


async def test_an_unknown_model_names_the_known():
    with pytest.raises(NotFoundError, match="no model 'M9'; it has: M1"):
        await Gateway({"M1": Echo("x")}).chat(ask("M9"), deadline_seconds=1)


async def test_a_model_is_opened_once_and_may_be_removed(monkeypatch):
    opened = []
    monkeypatch.setattr("agent_factory.gateway.gateway.open_engine", lambda *place: opened.append(place) or Echo("new"))
    gateway = open_gateway({"M1": "http://model/v1"}, digests={"M1": "abc"})
    assert opened == []
    for _ in range(2):
        await gateway.chat(ask("M1"), deadline_seconds=1)
    assert opened == [("http://model/v1", "abc", None)]
    with pytest.raises(ConflictError, match="knows a model 'M1'"):
        gateway.add("M1", "http://other/v1")
    await gateway.remove("M1")
    assert "M1" not in gateway


async def test_an_address_opens_a_remote_engine():
    engine = open_engine("https://model/v1")
    assert isinstance(engine, RemoteEngine)
    await engine.close()


def test_the_front_of_the_gateway_is_light():
    import subprocess

    code = (
        "import sys, agent_factory.gateway.gateway, agent_factory.gateway.template, agent_factory.training.setting;"
        "print([m for m in ('torch', 'transformers', 'trl', 'mlflow') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
