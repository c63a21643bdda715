"""Tool calls: every way to fail comes back as a tool message, within its deadline."""

import asyncio
import json

import httpx
import pytest

from agent_factory.agent.openapi import read_tools
from agent_factory.agent.toolbox import Toolbox
from agent_factory.contracts import ToolCall
from agent_factory.core.error import ToolError

TOOLS = read_tools(
    {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/things/{id}": {
                "get": {
                    "operationId": "get_thing",
                    "parameters": [
                        {
                            "name": "id",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "string", "pattern": "^[0-9]+$"},
                        }
                    ],
                    "responses": {"200": {"description": "ok"}},
                }
            }
        },
    }
)
CALL = ToolCall(id="c1", name="get_thing", arguments={"id": "7"})


async def call(handler, tool_call=CALL, deadline=5.0):
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://x") as client:
        toolbox = Toolbox(TOOLS, client, {"X-Key": "k"}).with_headers({"X-Episode": "e"})
        return await toolbox.call(tool_call, deadline)


async def test_success_is_compact_json_and_carries_the_headers():
    def handler(request):
        seen = {"path": request.url.path, "key": request.headers["x-key"], "episode": request.headers["x-episode"]}
        return httpx.Response(200, json=seen)

    result = await call(handler)

    assert result.ok
    assert result.message.tool_call_id == "c1"
    assert json.loads(result.message.content) == {"path": "/things/7", "key": "k", "episode": "e"}


@pytest.mark.parametrize(
    ("response", "status", "told"),
    [
        (httpx.Response(409, json={"error": "order is cancelled"}), 409, "order is cancelled"),
        (httpx.Response(500, text="boom"), 500, "boom"),
        (httpx.Response(503), 503, "Service Unavailable"),
        (httpx.Response(200, text="x" * 20_001), 502, "20001 characters"),
    ],
)
async def test_errors_of_the_service_are_named(response, status, told):
    result = await call(lambda request: response)

    assert not result.ok
    content = json.loads(result.message.content)
    assert content["status"] == status
    assert told in content["error"]
    assert f"get_thing: {status}" in result.error


@pytest.mark.parametrize(
    ("tool_call", "status", "told"),
    [
        (ToolCall(id="c", name="drop_table", arguments={}), 404, "get_thing"),
        (ToolCall(id="c", name="get_thing", arguments={}), 422, "'id' is a required property"),
        (ToolCall(id="c", name="get_thing", arguments={"id": 7}), 422, "id: 7 is not of type 'string'"),
        (ToolCall(id="c", name="get_thing", arguments={"id": "../x"}), 422, "does not match"),
        (ToolCall(id="c", name="get_thing", arguments={"id": "7", "all": True}), 422, "'all' was unexpected"),
    ],
)
async def test_a_call_that_does_not_fit_never_reaches_the_service(tool_call, status, told):
    def handler(request):
        raise AssertionError("the service was called")

    content = json.loads((await call(handler, tool_call)).message.content)

    assert content["status"] == status
    assert told in content["error"]


@pytest.mark.parametrize(
    ("operation", "value"),
    [("get_thing", "9" * 70_000), ("find_things", "x" * 70_000), ("find_things", "\ud800"), ("drop_thing", "")],
)
async def test_what_cannot_be_sent_is_the_agents_to_mend(operation, value):
    schema = {"schema": {"type": "string"}, "name": "id"}
    path, query = {**schema, "in": "path", "required": True}, {**schema, "in": "query"}
    answers = {"responses": {"200": {"description": "ok"}}}
    paths = {
        "/things/{id}": {
            "get": {"operationId": "get_thing", "parameters": [path], **answers},
            "delete": {"operationId": "drop_thing", "parameters": [path], **answers},
        },
        "/things": {"get": {"operationId": "find_things", "parameters": [query], **answers}},
    }
    tools = read_tools({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths})
    seen = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(seen.append), base_url="http://x") as client:
        result = await Toolbox(tools, client).call(ToolCall(id="c", name=operation, arguments={"id": value}), 5.0)

    assert "422 the arguments cannot be sent" in result.error
    assert not seen


async def test_a_service_that_hangs_is_left_at_the_deadline():
    async def handler(request):
        await asyncio.Event().wait()

    content = json.loads((await call(handler, deadline=0.02)).message.content)

    assert content == {"error": "no answer within 0.02 s", "status": 408}


async def test_a_service_that_is_not_there_is_named():
    def handler(request):
        raise httpx.ConnectError("connection refused")

    assert "connection refused" in (await call(handler)).error


async def test_a_defect_of_a_simulator_is_no_answer():
    def handler(request):
        raise KeyError("stock")

    with pytest.raises(ToolError, match=r"get_thing raised KeyError.*Mend the simulator"):
        await call(handler)


async def test_a_form_is_sent_as_such_and_no_argument_takes_the_place_of_our_headers():
    schema = {"type": "object", "properties": {"why": {"type": "string"}}}
    operation = {
        "operationId": "send",
        "parameters": [{"name": "X-Key", "in": "header", "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}},
        "responses": {"200": {"description": "ok"}},
    }
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/t": {"post": operation}}}
    seen = []

    def handler(request):
        seen.append((request.content, request.headers["content-type"], request.headers["x-key"]))
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://x") as client:
        toolbox = Toolbox(read_tools(document), client, {"X-Key": "ours"})
        await toolbox.call(ToolCall(id="c", name="send", arguments={"why": "a b&c", "X-Key": "theirs"}), 5.0)

    assert seen == [(b"why=a+b%26c", "application/x-www-form-urlencoded", "ours")]
