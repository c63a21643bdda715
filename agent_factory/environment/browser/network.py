"""All that one episode's browser asks for, answered by its site or refused.

Invariant: no request leaves the process. What is not for one of the site's origins is aborted and told;
so is a WebSocket. A request is pending from its first sight until it is answered, so that ``idle`` knows
when a page has all that it asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

import httpx
from playwright.async_api import BrowserContext, Error, Frame, Request, Route, WebSocketRoute

from agent_factory.environment.browser.site import Site

MOST_REDIRECTS = 10
_MOVE, _TAB = "a page that is sent on", "a tab that is being opened"
"""What is pending without a request: the page's next one, the tab that asked."""
_TOO_LONG = "<!doctype html><title>Address</title><h1>The address is too long, or none</h1>"
_GO_ON = "<!doctype html><title>Moved</title><script>location.replace({url})</script>"


def origin_of(url: str) -> str:
    """Scheme and host of an address, as ``https://shop.test``; of what has no host, its scheme."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


class Network:
    """The requests of one context; ``tell`` takes a note for the agent.

    ``defect`` is what the site raised, None where it did its work; ``status`` is that of the page shown last.
    """

    def __init__(self, site: Site, tell: Callable[[str], None]) -> None:
        self.defect: BaseException | None = None
        self.status = 200
        self._site, self._tell = site, tell
        self._pending: set[asyncio.Task[None] | str] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._moved = 0

    async def attach(self, context: BrowserContext) -> None:
        """Take all requests of a context."""
        await context.route("**/*", self._take)
        await context.route_web_socket("**/*", self._refuse_socket)

    async def idle(self) -> None:
        """Wait until nothing is pending."""
        await self._quiet.wait()

    @property
    def busy(self) -> bool:
        """Whether something is pending."""
        return not self._quiet.is_set()

    def greet_tab(self) -> None:
        """A new tab is open: it is waited for no longer."""
        self._end(_TAB)

    def cut(self) -> None:
        """Abort what is pending: its page waits no longer."""
        for task in list(self._pending):
            if isinstance(task, str):
                self._end(task)
            else:
                task.cancel()

    async def _take(self, route: Route) -> None:
        task = asyncio.create_task(self._answer(route))
        if route.request.is_navigation_request():
            self._pending.discard(_MOVE)
            if _frame_of(route.request) is None:
                self._pending.add(_TAB)
        self._pending.add(task)
        self._quiet.clear()
        await asyncio.wait({task})
        with suppress(Error):  # the page has gone on, nobody waits for this answer
            if task.cancelled():
                await route.abort("aborted")
            elif (error := task.exception()) is not None and not isinstance(error, Error):
                self.defect = self.defect or error
                await route.abort("failed")
        self._end(task)

    def _end(self, task: asyncio.Task[None] | str) -> None:
        self._pending.discard(task)
        if not self._pending:
            self._quiet.set()

    async def _answer(self, route: Route) -> None:
        request = route.request
        url, headers = request.url.partition("#")[0], _clean(request.headers)
        try:
            sent = httpx.Request(request.method, url, headers=headers, content=request.post_data_buffer)
        except httpx.InvalidURL as error:  # a form of a page can hold more than an address does
            self._tell(f"blocked: {request.method} {url[:200]}: {error}")
            if origin_of(url) in self._site.origins:
                await self._fulfill(route, httpx.Response(414, html=_TOO_LONG))
            else:
                await route.abort("aborted")
            return
        for _ in range(MOST_REDIRECTS):
            if origin_of(str(sent.url)) not in self._site.origins:
                self._tell(f"blocked: {sent.method} {str(sent.url)[:200]} is outside this episode's sites")
                await route.abort("aborted")
                return
            response = await self._site.answer(sent)
            if not response.has_redirect_location:
                await self._fulfill(route, response)
                return
            target = urljoin(str(sent.url), response.headers["location"])
            if request.is_navigation_request():
                await self._send_on(route, response, target)
                return
            sent = httpx.Request("GET", target, headers=_clean(request.headers))
        self._tell(f"blocked: {request.url[:200]} was redirected more than {MOST_REDIRECTS} times")
        await route.abort("aborted")

    async def _fulfill(self, route: Route, response: httpx.Response) -> None:
        if _is_document(route.request):
            self.status, self._moved = response.status_code, 0
        await route.fulfill(status=response.status_code, headers=_to_headers(response), body=response.content)

    async def _send_on(self, route: Route, response: httpx.Response, target: str) -> None:
        # Chromium follows a redirect past Playwright's routes: the page is sent on by a script instead.
        self._moved += 1
        if origin_of(target) not in self._site.origins or self._moved > MOST_REDIRECTS:
            self._tell(f"blocked: redirect to {target[:200]}")
            await route.abort("aborted")
            return
        headers = {k: v for k, v in _to_headers(response).items() if k not in ("location", "content-type")}
        self._pending.add(_MOVE)  # until the page asks for the target
        script = _GO_ON.format(url=json.dumps(target).replace("<", "\\u003c"))
        await route.fulfill(status=200, headers={**headers, "content-type": "text/html"}, body=script)

    async def _refuse_socket(self, socket: WebSocketRoute) -> None:
        self._tell(f"blocked: WebSocket {socket.url[:200]}")
        await socket.close(code=1008, reason="WebSockets are not served")


def _is_document(request: Request) -> bool:
    frame = _frame_of(request)
    return request.is_navigation_request() and (frame is None or frame.parent_frame is None)


def _frame_of(request: Request) -> Frame | None:
    try:
        return request.frame
    except Error:  # a new tab's first request comes before the tab
        return None


def _clean(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("content-length", "accept-encoding")}


def _to_headers(response: httpx.Response) -> dict[str, str]:
    dropped = ("content-length", "content-encoding", "transfer-encoding")
    headers = {name: value for name, value in response.headers.items() if name not in dropped}
    cookies = response.headers.get_list("set-cookie")
    return {**headers, "set-cookie": "\n".join(cookies)} if cookies else headers
