"""What stands before every endpoint: the key, the Host header, and the size of the body.

Invariant: a server with a key asks for it from everyone; a server without one answers only this
machine, under a loopback name, so that neither the network nor a web page reaches it. The labelling
pages also open to the cookie that their login gives to those who know the key; nothing else does.
"""

from __future__ import annotations

import hmac
import ipaddress

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_factory.api.error import render_error
from agent_factory.api.visitor import LOGIN, PAGES, Doorman
from agent_factory.core.error import AccessError, FactoryError, TooLargeError
from agent_factory.core.settings import Settings

_OPEN = frozenset({"/health", "/health/ready"})
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

    def __init__(self, app: ASGIApp, settings: Settings, doorman: Doorman) -> None:
        self.app = app
        self.doorman = doorman
        self.key = settings.api_key.get_secret_value() if settings.api_key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer it with 401 or 413; a page's visitor without cookie is sent to sign in."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._must_sign_in(scope["path"], headers):
            await RedirectResponse(f"{LOGIN}?to={scope['path']}", status_code=303)(scope, receive, send)
            return
        limit = MAX_EVENTS_BYTES if scope["path"] in _EVENTS else MAX_BODY_BYTES
        try:
            self._check_access(scope, headers)
            _check_length(headers.get("content-length"), limit)
        except FactoryError as error:
            await render_error(error)(scope, receive, send)
            return
        await self.app(scope, _counted(receive, limit), send)

    def _must_sign_in(self, path: str, headers: Headers) -> bool:
        """Whether a page is asked for by somebody who has given neither key nor cookie."""
        if self.key is None or not _is_page(path) or path == LOGIN or self._has_key(headers):
            return False
        return self.doorman.recognize(cookie_parser(headers.get("cookie", ""))) is None

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        key = self.key or ""
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), key.encode())

    def _check_access(self, scope: Scope, headers: Headers) -> None:
        if scope["path"] in _OPEN:
            return
        if self.key is not None:
            if not self._has_key(headers) and not _is_page(scope["path"]):  # see _must_sign_in for pages
                raise AccessError("no API key, or the wrong one: send 'Authorization: Bearer <AGENT_FACTORY_API_KEY>'")
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


def _is_page(path: str) -> bool:
    return path == PAGES or path.startswith(f"{PAGES}/")


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
