"""A live service behind the tools, reached only where the settings allow it.

Invariants: a connection goes to an origin of the allow-list and to the very address that was looked at;
addresses that are not public must stand in the list themselves; an answer is read up to a bound; the key
stands in no message, trace or recording.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from ipaddress import ip_address
from urllib.parse import quote, quote_plus

import httpx

from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.error import InputError, ToolError
from agent_factory.environment.http.fault import EPISODE_HEADER
from agent_factory.environment.http.setting import HttpSection, origin_of

SECONDS = 30.0
"""How long a connection or an answer may take where the caller has no deadline of its own."""
_MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)


class LiveTransport(httpx.AsyncBaseTransport):
    """The way to the allowed origins; ``key`` goes to the origin of ``url`` alone."""

    def __init__(self, section: HttpSection, url: httpx.URL, key: tuple[str, str] | None = None) -> None:
        self._allow, self._max_bytes = frozenset(section.allow), section.max_bytes
        self._home, self._key = origin_of(url), key
        self._network = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.AsyncBaseTransport``; httpx.HTTPError where it may not, or nobody answers."""
        body = await request.aread()
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._ask(request, body)
            target = response.headers.get("location")
            if response.status_code not in _REDIRECTS or target is None or request.method != "GET":
                return response
            url = request.url.join(target)
            headers = {name: value for name, value in request.headers.items() if name != "host"}
            request = httpx.Request("GET", url, headers=headers, extensions=dict(request.extensions))
        raise httpx.TooManyRedirects(f"more than {_MAX_REDIRECTS} redirects", request=request)

    async def _ask(self, request: httpx.Request, body: bytes) -> httpx.Response:
        async with asyncio.timeout(request.extensions.get("timeout", {}).get("read") or SECONDS):
            sent = self._address(request, body, await resolve(request, self._allow))
            response = await self._network.handle_async_request(sent)
            try:
                return await self._read(response, request)
            finally:
                await response.aclose()

    def _address(self, request: httpx.Request, body: bytes, address: str) -> httpx.Request:
        """The request to the address, in the name of the host: name and certificate are the host's."""
        own = [("Accept-Encoding", "identity")]
        if self._key is not None and origin_of(request.url) == self._home:
            own.append(self._key)
        replaced = {"content-length", *(name.lower() for name, _ in own)}
        headers = [(n, v) for n, v in request.headers.multi_items() if n not in replaced] + own
        extensions = {**request.extensions, "sni_hostname": request.url.host}
        url = request.url.copy_with(host=address)
        return httpx.Request(request.method, url, headers=headers, content=body, extensions=extensions)

    async def _read(self, response: httpx.Response, request: httpx.Request) -> httpx.Response:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx.DecodingError("the answer is compressed, which was not asked for", request=request)
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > self._max_bytes:
                raise httpx.ReadError(f"the answer has more than {self._max_bytes} bytes (max_bytes)", request=request)
        headers = [
            (n, v) for n, v in response.headers.multi_items() if n not in ("transfer-encoding", "content-length")
        ]
        if self._key is not None:  # a service that echoes its callers' headers must not tell the agent the key
            for written in _find_forms(self._key[1].removeprefix("Bearer ")):
                content = content.replace(written.encode(), b"***")
        return httpx.Response(response.status_code, headers=headers, content=bytes(content))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._network.aclose()


async def resolve(request: httpx.Request, allow: frozenset[str]) -> str:
    """The address of the host; one that is not public only where the list names it. ConnectError else."""
    url = request.url
    if origin_of(url) not in allow:
        raise httpx.UnsupportedProtocol(f"{origin_of(url)} is not on the allow-list", request=request)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx.ConnectError(f"{url.host!r} has no address: {error}", request=request) from error
    address = str(found[0][4][0])
    named = origin_of(url.copy_with(host=address)) in allow or url.host == "localhost"
    if not ip_address(address).is_global and not named:
        raise httpx.ConnectError(
            f"{url.host!r} leads to {address}, which is not public; if it is meant, list that address in allow",
            request=request,
        )
    return address


class LiveBackend:
    """A live service as backend. It begins as it stands: a scenario's state is not put into it."""

    rewinds = False

    def __init__(self, section: HttpSection) -> None:
        self.base_url = section.url or ""
        key = read_key(section)
        self._state_path = section.state_path
        self.transport = LiveTransport(section, httpx.URL(self.base_url), key)

    async def install(self, episode: str, scenario: Scenario) -> None:
        """See ``Backend``; InputError where the rules look at a state that the service does not tell."""
        if scenario.rules.state and self._state_path is None:
            raise InputError(
                f"scenario {scenario.id!r} is graded by state, and the live service tells none; name where it does "
                'by state_path = "/…" in [environment.settings.http]'
            )

    async def snapshot(self, episode: str) -> Json:
        """See ``Backend``: what ``state_path`` answers, empty without one; ToolError where that is no object."""
        if self._state_path is None:
            return {}
        url = httpx.URL(self.base_url.rstrip("/") + self._state_path)
        headers = {EPISODE_HEADER: episode}
        try:
            response = await self.transport.handle_async_request(httpx.Request("GET", url, headers=headers))
            found = json.loads(response.content)
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise ToolError(f"the state at {str(url)!r} cannot be read: {type(error).__name__}: {error}") from error
        if not response.is_success or not isinstance(found, dict):
            raise ToolError(f"the state at {str(url)!r} is {response.status_code}, expected 200 and a JSON object")
        return found

    async def drop(self, episode: str) -> None:
        """See ``Backend``: nothing is held."""


def _find_forms(key: str) -> list[str]:
    """A key as it may stand in an answer, the longest first: as it is, and escaped for JSON or a URL."""
    escaped = json.dumps(key)[1:-1]
    urls = [write(key, safe=safe) for write in (quote, quote_plus) for safe in ("", "/")]
    lower = [re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), url) for url in urls]
    return sorted({key, escaped, escaped.replace("/", "\\/"), *urls, *lower}, key=len, reverse=True)


def read_key(section: HttpSection) -> tuple[str, str] | None:
    """The header with the service's key, out of the environment; InputError where it is not set."""
    if section.key_env is None:
        return None
    key = os.environ.get(section.key_env, "")
    if len(key) < 8 or not key.isascii() or not key.isprintable():
        raise InputError(
            f"the environment variable {section.key_env!r} (key_env) holds no key: expected at least 8 printable "
            "characters. Set it where the factory is started."
        )
    return section.key_header, f"Bearer {key}" if section.key_header.lower() == "authorization" else key
