"""An ASGI application in this process answers httpx as a server would."""

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from agent_factory.environment.http.application import ApplicationTransport
from agent_factory.environment.http.client import WorldClient


def ask(application, method="GET", path="/", **sent):
    async def run():
        async with WorldClient(ApplicationTransport(application), "http://world/base") as client:
            return await client.request(method, path, **sent)

    return asyncio.run(run())


async def echo(scope, receive, send):
    request = Request(scope, receive)
    told = {
        "method": request.method,
        "path": request.url.path,
        "raw": scope["raw_path"].decode(),
        "query": dict(request.query_params),
        "body": (await request.body()).decode(),
        "episode": request.headers.get("x-episode"),
    }
    await JSONResponse(told, 201, headers={"X-Told": "yes"})(scope, receive, send)


def test_a_request_arrives_whole_and_the_answer_too():
    response = ask(echo, "POST", "/a%2Fb", params={"q": "ä &"}, json={"n": 1}, headers={"X-Episode": "e"})
    assert response.status_code == 201
    assert response.headers["x-told"] == "yes"
    assert response.json() == {
        "method": "POST",
        "path": "/base/a/b",
        "raw": "/base/a%2Fb",
        "query": {"q": "ä &"},
        "body": '{"n":1}',
        "episode": "e",
    }
    assert response.request.url.path == "/base/a/b"


def test_an_answer_in_pieces_is_joined_while_the_application_waits_for_its_client_to_leave():
    async def pieces():
        for piece in (b"one ", b"two"):
            await asyncio.sleep(0)
            yield piece

    assert ask(StreamingResponse(pieces(), media_type="text/plain")).text == "one two"


def test_head_has_no_body():
    response = ask(JSONResponse({"n": 1}), "HEAD")
    assert response.content == b""
    assert response.headers["content-length"] == "7"


def test_a_defect_of_the_application_is_raised():
    async def broken(scope, receive, send):
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        ask(broken)


@pytest.mark.parametrize("messages", [[], [{"type": "http.response.start", "status": 200}]])
def test_no_whole_answer_is_named(messages):
    async def silent(scope, receive, send):
        for message in messages:
            await send(message)

    with pytest.raises(RuntimeError, match="ended without an answer to GET /base/x"):
        ask(silent, path="/x")


def test_one_episodes_cookie_is_in_no_other_request():
    async def run():
        seen = []

        def answer(request):
            seen.append(request.headers.get("cookie"))
            return httpx.Response(200, headers={"Set-Cookie": "session=first"})

        async with WorldClient(httpx.MockTransport(answer), "http://world") as client:
            await client.get("/")
            await client.get("/")
        return seen

    assert asyncio.run(run()) == [None, None]
