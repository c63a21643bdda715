import json

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import SecretStr

from agent_factory.contracts import Message, Tool, ToolCall
from agent_factory.core.error import AccessError, BusyError, ContextError, DeadlineError, ModelError
from agent_factory.gateway.chat import ChatRequest, Sampling
from agent_factory.gateway.remote import RemoteEngine

USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
REQUEST = ChatRequest(
    model="big",
    system="Be kind.",
    messages=(
        Message(role="user", content="Hello"),
        Message(role="assistant", tool_calls=(ToolCall(id="c1", name="look", arguments={"at": 1}),)),
        Message(role="tool", tool_call_id="c1", content="{}"),
    ),
    tools=(Tool(name="look", description="Looks.", parameters={"type": "object"}),),
    sampling=Sampling(temperature=0.5, max_tokens=9, seed=3),
)


def serve(answer, status=200, headers=None):
    """A server that answers ``answer`` and keeps what it was asked."""
    app = FastAPI()
    app.state.asked = []

    @app.post("/v1/chat/completions")
    async def complete(request: Request):
        app.state.asked.append((await request.json(), dict(request.headers)))
        if isinstance(answer, str):
            return PlainTextResponse(answer, status, headers)
        return JSONResponse(answer, status, headers)

    return app


def connect(app, **options):
    return RemoteEngine("http://model/v1/", transport=httpx.ASGITransport(app), **options)


def choice(message, finish_reason="stop", **more):
    return {"choices": [{"message": message, "finish_reason": finish_reason, **more}], "usage": USAGE}


async def test_the_request_is_in_openais_format_with_the_key():
    app = serve(choice({"role": "assistant", "content": "Hi"}))
    result = await connect(app, api_key=SecretStr("secret")).chat(REQUEST, deadline_seconds=5)
    body, headers = app.state.asked[0]
    assert headers["authorization"] == "Bearer secret"
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert json.loads(body["messages"][2]["tool_calls"][0]["function"]["arguments"]) == {"at": 1}
    assert body["tools"][0]["function"]["name"] == "look"
    assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.5, 9, 3)
    assert (result.message.content, result.finish_reason, result.usage.prompt_tokens) == ("Hi", "stop", 7)
    assert result.completion_ids is None


async def test_a_call_that_the_server_took_for_words_is_malformed():
    words = {"role": "assistant", "content": 'look", "arguments": {"at": 2}}'}
    for ended, reason in (("stop", "malformed"), ("length", "length")):
        result = await connect(serve(choice(words, ended))).chat(REQUEST, deadline_seconds=5)
        assert (result.message.content, result.finish_reason) == (words["content"], reason)


async def test_calls_are_read_and_broken_arguments_are_malformed():
    def call(arguments):
        function = {"name": "look", "arguments": arguments}
        return {"role": "assistant", "content": None, "tool_calls": [{"id": "c2", "function": function}]}

    good = await connect(serve(choice(call('{"at": 2}'), "tool_calls"))).chat(REQUEST, deadline_seconds=5)
    assert good.finish_reason == "tool_calls"
    assert good.message.tool_calls == (ToolCall(id="c2", name="look", arguments={"at": 2}),)
    bad = await connect(serve(choice(call('{"at": '), "tool_calls"))).chat(REQUEST, deadline_seconds=5)
    assert bad.finish_reason == "malformed"
    assert '{\\"at\\": ' in (bad.message.content or "")


async def test_exact_ids_are_taken_where_the_server_gives_them():
    answer = choice(
        {"content": "Hi"}, "length", token_ids=[4, 5], logprobs={"content": [{"logprob": -0.5}, {"logprob": -1}]}
    )
    app = serve({**answer, "prompt_token_ids": [1, 2]})
    result = await connect(app, return_token_ids=True).chat(REQUEST, deadline_seconds=5)
    assert app.state.asked[0][0]["return_token_ids"] is True
    assert (result.prompt_ids, result.completion_ids, result.logprobs) == ((1, 2), (4, 5), (-0.5, -1.0))
    assert result.finish_reason == "length"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ModelError),
        (401, AccessError),
        (404, ModelError),
        (429, BusyError),
        (500, ModelError),
        (504, DeadlineError),
    ],
)
async def test_refusals_are_errors_that_name_server_model_and_status(status, kind):
    app = serve({"error": "too long"}, status, {"retry-after": "7"})
    with pytest.raises(kind, match=rf"http://model/v1.*'big' with status {status}.*too long") as caught:
        await connect(app).chat(REQUEST, deadline_seconds=5)
    if kind is BusyError:
        assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    "said",
    [
        {"message": "This model's maximum context length is 16384 tokens. However, you requested 122946", "code": 400},
        {"error": {"message": "Please shorten it.", "code": "context_length_exceeded"}},
        {"message": "The decoder prompt (length 900) is longer than the maximum model length of 512."},
    ],
)
async def test_a_conversation_beyond_the_context_is_told_from_a_fault(said):
    with pytest.raises(ContextError, match="with status 400"):
        await connect(serve(said, 400)).chat(REQUEST, deadline_seconds=5)


@pytest.mark.parametrize("answer", ["<html>", {}, {"choices": []}, {"choices": [{}]}, {"choices": None}])
async def test_an_answer_that_is_none_is_a_model_error(answer):
    with pytest.raises(ModelError, match="not a chat completion"):
        await connect(serve(answer)).chat(REQUEST, deadline_seconds=5)


async def test_silence_and_absence_have_names():
    def fail(error):
        def handle(request):
            raise error

        return RemoteEngine("http://model/v1", transport=httpx.MockTransport(handle))

    with pytest.raises(DeadlineError, match="no answer in 5 s"):
        await fail(httpx.ReadTimeout("slow")).chat(REQUEST, deadline_seconds=5)
    with pytest.raises(ModelError, match="cannot be reached: ConnectError"):
        await fail(httpx.ConnectError("refused")).chat(REQUEST, deadline_seconds=5)
