"""What stands before every endpoint: the key, the Host header, and the size of the body.

Invariant: a server with keys asks for one from everyone; a server without any answers only this
machine, under a loopback name, so that neither the network nor a web page reaches it. The labelling
pages and timelines also open to the cookie that their login gives to those who know a key, and the pages that describe
the API to a browser that sends a key as the password of HTTP Basic; nothing else does.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_factory.api.error import render_error
from agent_factory.api.keyring import Caller, Keyring
from agent_factory.api.visitor import LOGIN, Doorman, is_page
from agent_factory.core.error import AccessError, FactoryError, TooLargeError

_OPEN = frozenset({"/health", "/health/ready"})
_DESCRIBES = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"})
_DESCRIBES_WITH = "/static-offline-docs/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_EVENTS = frozenset({"/data/events", "/v1/traces"})
MAX_BODY_BYTES = 2 * 2**20
MAX_EVENTS_BYTES = 512 * 2**20


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware; errors are answered in the same shape as the endpoints' own."""

    def __init__(self, app: ASGIApp, keyring: Keyring, doorman: Doorman) -> None:
        self.app = app
        self.keyring = keyring
        self.doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, with its caller, or answer it with 401 or 413; a page's visitor is sent to sign in."""
        if scope["type"] == "websocket":
            await self._admit_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        caller = self._find_caller(scope, headers)
        if caller is None and self._must_sign_in(scope["path"], headers):
            await RedirectResponse(f"{LOGIN}?to={scope['path']}", status_code=303)(scope, receive, send)
            return
        limit = MAX_EVENTS_BYTES if scope["path"] in _EVENTS else MAX_BODY_BYTES
        try:
            self._check_access(scope, headers, caller)
            if scope["method"] not in _SAFE:
                _check_origin(headers, self.keyring.keyed)
            _check_length(headers.get("content-length"), limit)
        except FactoryError as error:
            answer = render_error(error)
            if error.status == 401 and _describes(scope):  # a browser asks its user for the password
                answer.headers["WWW-Authenticate"] = 'Basic realm="Agent Factory: any name, and an API key as password"'
            await answer(scope, receive, send)
            return
        if caller is not None:
            scope["state"] = {**scope.get("state", {}), "caller": caller}
        await self.app(scope, _counted(receive, limit), send)

    async def _admit_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket pass, or refuse its handshake (403): no page's cookie opens it."""
        headers = Headers(scope=scope)
        caller = self._find_caller(scope, headers)
        try:
            if self.keyring.keyed and caller is None:
                raise AccessError("no API key, or the wrong one: send 'Authorization: Bearer <key>'")
            self._check_access(scope, headers, caller)
            _check_origin(headers, self.keyring.keyed)
        except AccessError as error:
            await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:120]})
            return
        if caller is not None:
            scope["state"] = {**scope.get("state", {}), "caller": caller}
        await self.app(scope, receive, send)

    def _must_sign_in(self, path: str, headers: Headers) -> bool:
        """Whether a page is asked for by somebody who has given neither key nor cookie."""
        if not self.keyring.keyed or not is_page(path) or path == LOGIN:
            return False
        return self.doorman.recognize(cookie_parser(headers.get("cookie", ""))) is None

    def _find_caller(self, scope: Scope, headers: Headers) -> Caller | None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.keyring.recognize(given)
        # Browsers send a password on to every path: it counts where nothing can be done with it but to read.
        if scheme.lower() == "basic" and _describes(scope):
            return self.keyring.recognize(_read_password(given))
        return None

    def _check_access(self, scope: Scope, headers: Headers, caller: Caller | None) -> None:
        if scope["path"] in _OPEN:
            return
        if self.keyring.keyed:
            if caller is None and not is_page(scope["path"]):  # see _must_sign_in for pages
                raise AccessError("no API key, or the wrong one: send 'Authorization: Bearer <key>'")
            return
        client = scope.get("client")
        if client is None or not is_loopback(client[0]):
            raise AccessError(
                f"{client and client[0]!r} is not this machine, and this server has no key: "
                "set AGENT_FACTORY_API_KEY to serve beyond loopback"
            )
        host = headers.get("host", "")
        if not is_loopback(_host_name(host)):
            raise AccessError(f"the Host header is {host!r}: a server without a key answers to loopback names only")


def _describes(scope: Scope) -> bool:
    """Whether a page is read that describes the API, or part of one."""
    path = scope["path"]
    return scope.get("method") in ("GET", "HEAD") and (path in _DESCRIBES or path.startswith(_DESCRIBES_WITH))


def _read_password(given: str) -> str:
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _check_origin(headers: Headers, keyed: bool) -> None:
    """A browser lets any page post to this machine or open a WebSocket, and says which: without a key only our own may.

    What is no browser sends no Origin, and passes.
    """
    origin = headers.get("origin")
    if origin is not None and not keyed and not _is_own(origin):
        raise AccessError(f"the page {origin!r} may change nothing here and open no WebSocket: this server has no key")


def _is_own(origin: str) -> bool:
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return False


def require_keyed(host: str, keyring: Keyring) -> None:
    """AccessError where a server would listen beyond loopback without any key."""
    if not is_loopback(host) and not keyring.keyed:
        raise AccessError(
            f"--host {host!r} is not loopback: set AGENT_FACTORY_API_KEY or AGENT_FACTORY_API_KEYS, "
            "of which callers must then send a key"
        )


def _host_name(host: str) -> str:
    return host.partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _check_length(length: str | None, limit: int) -> None:
    if length is not None and length.isdigit() and int(length) > limit:
        raise TooLargeError(f"the body has {length} bytes, at most {limit} are taken: send it in parts")


def _counted(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise TooLargeError(f"the body has more than {limit} bytes: send it in parts")
        return message

    return take
