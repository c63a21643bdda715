from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketDisconnect

from agent_factory.api import guard
from agent_factory.api.context import Context
from agent_factory.api.guard import is_loopback
from agent_factory.api.keyring import open_keyring
from agent_factory.api.visitor import Doorman
from agent_factory.core.error import FactoryError
from agent_factory.core.settings import Settings, get_settings

Open = Callable[..., TestClient]
KEY = {"Authorization": "Bearer s3cret"}


def test_beyond_loopback_a_key_is_asked_for(open_client: Open) -> None:
    client = open_client(host="10.0.0.9", url="http://factory.example", api_key=SecretStr("s3cret"))
    assert client.get("/compute/pools").status_code == 401
    assert client.get("/compute/pools", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/compute/pools", headers={"Authorization": "Basic s3cret"}).status_code == 401
    assert client.get("/compute/pools", headers=KEY).status_code == 200
    assert client.get("/health").json() == {"status": "ok"}


def test_without_a_key_only_this_machine_is_answered(open_client: Open) -> None:
    refused = open_client(host="10.0.0.9").get("/compute/pools")
    assert refused.status_code == 401
    assert "AGENT_FACTORY_API_KEY" in refused.json()["error"]["message"]
    # A web page that has its name point here is not answered either.
    assert open_client(url="http://evil.example:8400").get("/compute/pools").status_code == 401
    assert open_client(url="http://[::1]:8400").get("/compute/pools").status_code == 200


def test_a_key_that_is_set_is_asked_for_on_loopback_too(open_client: Open) -> None:
    client = open_client(api_key=SecretStr("s3cret"))
    assert client.get("/compute/pools").status_code == 401
    assert client.get("/compute/pools", headers=KEY).status_code == 200


def test_large_bodies_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_BODY_BYTES", 1000)
    body = b'{"holder": "' + b"x" * 2000 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert client.post("/compute/allocate", content=body, headers=headers).status_code == 413

    def pieces() -> Any:  # without Content-Length
        yield body

    streamed = client.post("/compute/allocate", content=pieces(), headers=headers)
    assert streamed.status_code == 413
    assert streamed.json()["error"]["type"] == "TooLargeError"


def test_every_error_has_the_same_shape(client: TestClient, context: Context, monkeypatch: Any) -> None:
    for reply in (client.get("/nowhere"), client.get("/orders/x"), client.post("/compute/allocate", json={})):
        assert set(reply.json()["error"]) == {"type", "message"}
    assert client.get("/orders/ö ö").status_code == 404

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("agent_factory.api.compute.show_pools", fail)
    broken = client.get("/compute/pools")
    assert broken.status_code == 500
    assert "secret detail" not in broken.text


@pytest.mark.parametrize("kind", FactoryError.__subclasses__())
def test_errors_are_mapped_by_their_class(client: TestClient, monkeypatch: Any, kind: type[FactoryError]) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise kind("what failed and what to do")

    monkeypatch.setattr("agent_factory.api.compute.show_pools", fail)
    reply = client.get("/compute/pools")
    assert reply.status_code == kind.status
    assert reply.json() == {"error": {"type": kind.__name__, "message": "what failed and what to do"}}


@pytest.mark.parametrize(
    ("host", "found"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)]
)
def test_loopback_is_recognised(host: str, found: bool) -> None:
    assert is_loopback(host) is found


def test_readiness_asks_store_and_artifacts(client: TestClient) -> None:
    assert client.get("/health/ready").json() == {"status": "ready"}


async def _greet(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 1000})


def _settings(key: str | None) -> Settings:
    return get_settings().model_copy(update={"api_key": key and SecretStr(key), "api_keys": None})


def _admitted(key: str | None = None, host: str = "127.0.0.1", **headers: str) -> bool:
    settings = _settings(key)
    keyring = open_keyring(settings)
    client = TestClient(
        guard.Guard(_greet, keyring, Doorman(settings, keyring)), base_url="http://localhost", client=(host, 50000)
    )
    try:
        with client.websocket_connect("ws://localhost/ws", headers=headers):
            return True
    except WebSocketDisconnect:
        return False


def test_websockets_are_guarded_as_requests_are() -> None:
    assert _admitted()
    assert not _admitted(host="10.0.0.9")
    assert not _admitted(Host="evil.example")
    assert not _admitted("s3cret")
    assert not _admitted("s3cret", Authorization="Bearer wrong")
    assert _admitted("s3cret", host="10.0.0.9", Host="factory.example", **KEY)


def test_a_web_page_cannot_open_a_websocket_of_a_server_without_key() -> None:
    assert not _admitted(Origin="https://evil.example")
    assert not _admitted(Origin="null")
    assert _admitted(Origin="http://localhost:8600")
    assert _admitted("s3cret", Origin="https://evil.example", **KEY)


def _posted(key: str | None = None, method: str = "POST", **headers: str) -> int:
    async def take(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("taken")(scope, receive, send)

    settings = _settings(key)
    keyring = open_keyring(settings)
    client = TestClient(
        guard.Guard(take, keyring, Doorman(settings, keyring)), base_url="http://localhost", client=("127.0.0.1", 50000)
    )
    return client.request(method, "/reset", headers=headers).status_code


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://localhost.evil.example"])
def test_a_web_page_changes_nothing_on_a_server_without_key(origin: str) -> None:
    assert _posted(Origin=origin) == 401
    assert _posted(Origin=origin, method="DELETE") == 401
    assert _posted(Origin=origin, method="GET") == 200
    assert _posted("s3cret", Origin=origin, **KEY) == 200


def test_our_own_pages_and_programs_change_what_they_may() -> None:
    assert _posted() == 200
    assert _posted(Origin="http://localhost:8600") == 200
    assert _posted(Origin="http://127.0.0.1:8600") == 200


def test_beyond_loopback_a_server_wants_a_key() -> None:
    with pytest.raises(FactoryError, match="AGENT_FACTORY_API_KEY"):
        guard.require_keyed("0.0.0.0", open_keyring(_settings(None)))
    guard.require_keyed("::1", open_keyring(_settings(None)))
    guard.require_keyed("0.0.0.0", open_keyring(_settings("s3cret")))
