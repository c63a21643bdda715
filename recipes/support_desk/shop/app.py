"""The pages and what they do: each action is one call of the order system's API.

Invariant: the front end keeps nothing. It hands the header ``X-Episode`` on, shows what the order system
tells, and shows a refusal with its status where it refuses, fails or stays silent.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from . import page

SECONDS = 10.0
"""How long the order system may take."""
Answer = Callable[[Request], Coroutine[Any, Any, Response]]


class RefusalError(Exception):
    """What the order system did not do, with an HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Desk:
    """The order system as one request reaches it."""

    def __init__(self, client: httpx.AsyncClient, request: Request) -> None:
        self._client = client
        self._headers = {"X-Episode": request.headers.get("x-episode", "")}

    async def ask(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        """What the order system tells; RefusalError where it tells nothing of use."""
        try:
            response = await self._client.request(method, path, headers=self._headers, timeout=SECONDS, **sent)
            body = response.json()
        except httpx.TimeoutException as error:
            raise RefusalError(HTTPStatus.GATEWAY_TIMEOUT, f"no answer within {SECONDS:g} s") from error
        except httpx.HTTPError as error:
            raise RefusalError(HTTPStatus.BAD_GATEWAY, "it could not be reached") from error
        except ValueError as error:
            raise RefusalError(HTTPStatus.BAD_GATEWAY, "its answer cannot be read") from error
        if not response.is_success:
            raise RefusalError(response.status_code, str(body.get("error") or response.reason_phrase))
        return body


def create_app(client: httpx.AsyncClient) -> Starlette:
    """The front end over the order system that ``client`` reaches."""

    def serve(show: Callable[[Desk, Request], Coroutine[Any, Any, str]]) -> Answer:
        async def answer(request: Request) -> Response:
            try:
                return HTMLResponse(await show(Desk(client, request), request))
            except RefusalError as refusal:
                return HTMLResponse(page.refusal(refusal.status, str(refusal)), refusal.status)

        return answer

    routes = [
        Route("/", serve(_show_start)),
        Route("/customers", serve(_show_customer)),
        Route("/catalogue", serve(_show_goods)),
        Route("/orders", serve(_show_order)),
        *(Route(f"/orders/{{order_id}}/{name}", serve(_acting(name)), methods=["POST"]) for name in _ACTIONS),
    ]
    return Starlette(routes=routes)


async def _show_start(desk: Desk, request: Request) -> str:
    return page.start()


async def _show_customer(desk: Desk, request: Request) -> str:
    found = await desk.ask("GET", "/customers", params={"email": request.query_params.get("email", "")})
    customer = await desk.ask("GET", f"/customers/{_quoted(found.get('customer_id'))}")
    return page.customer(found, customer)


async def _show_goods(desk: Desk, request: Request) -> str:
    query = request.query_params.get("query", "")
    return page.goods(query, await desk.ask("GET", "/catalogue", params={"query": query}))


async def _show_order(desk: Desk, request: Request) -> str:
    order_id = request.query_params.get("order_id", "")
    order = await desk.ask("GET", f"/orders/{_quoted(order_id)}")
    if order.get("status") != "shipped":
        return page.order(order_id, order, {}, None)
    try:
        shipment = await desk.ask("GET", f"/orders/{_quoted(order_id)}/shipment")
    except RefusalError as refusal:
        return page.order(order_id, order, {}, f"{refusal} ({refusal.status})")
    return page.order(order_id, order, shipment, None)


_ACTIONS: dict[str, tuple[str, str | None, str]] = {
    "cancel": ("POST", None, "is cancelled"),
    "refund": ("POST", None, "is refunded"),
    "address": ("PUT", "address", "goes to the new address"),
    "exchange": ("POST", "item_id", "is exchanged"),
    "handover": ("POST", "reason", "is in a colleague's queue"),
}
"""By path: the API's method, the field of its body, what is said afterwards."""


def _acting(name: str) -> Callable[[Desk, Request], Coroutine[Any, Any, str]]:
    method, field, done = _ACTIONS[name]

    async def act(desk: Desk, request: Request) -> str:
        order_id = request.path_params["order_id"]
        form = await request.form()
        sent = {} if field is None else {"json": {field: str(form.get(field, ""))}}
        told = await desk.ask(method, f"/orders/{_quoted(order_id)}/{name}", **sent)
        return page.done(order_id, f"Order {order_id} {done}.", told)

    return act


def _quoted(value: object) -> str:
    return quote(str(value), safe="")
