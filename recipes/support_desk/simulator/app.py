"""The order system as an ASGI application: HTTP status codes, JSON, many worlds side by side.

Each request names its world in the header ``X-Episode``. Invariant: requests of one world never
read or change another.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from . import world as shop

_ROUTES: tuple[tuple[str, str, Callable[..., dict[str, Any]]], ...] = (
    ("GET", "/orders/{order_id}", shop.get_order),
    ("GET", "/orders/{order_id}/shipment", shop.get_shipment),
    ("GET", "/catalogue", shop.search_catalogue),
    ("POST", "/orders/{order_id}/cancel", shop.cancel_order),
    ("POST", "/orders/{order_id}/refund", shop.refund_order),
    ("PUT", "/orders/{order_id}/address", shop.change_address),
    ("POST", "/orders/{order_id}/exchange", shop.exchange_item),
    ("POST", "/orders/{order_id}/handover", shop.hand_over),
    ("GET", "/customers", shop.find_customer),
    ("GET", "/customers/{customer_id}", shop.get_customer),
)


class OrderSystem(Starlette):
    """The application and its worlds; a world is there from ``install`` to ``drop``."""

    def __init__(self) -> None:
        super().__init__(routes=[Route(path, self._serve(act), methods=[method]) for method, path, act in _ROUTES])
        self.worlds: dict[str, shop.World] = {}

    def install(self, episode: str, state: dict[str, Any]) -> None:
        """Give an episode its world, a copy of ``state``."""
        self.worlds[episode] = copy.deepcopy(state)

    def snapshot(self, episode: str) -> dict[str, Any]:
        """A copy of the world as it is now."""
        return copy.deepcopy(self.worlds[episode])

    def drop(self, episode: str) -> None:
        """Forget a world; one that is not there is no fault."""
        self.worlds.pop(episode, None)

    def _serve(self, act: Callable[..., dict[str, Any]]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> JSONResponse:
            world = self.worlds.get(request.headers.get("x-episode", ""))
            if world is None:
                return _refuse(HTTPStatus.BAD_REQUEST, "header X-Episode names no world")
            body = await request.body()
            try:
                given = {**(await request.json() if body else {}), **request.query_params, **request.path_params}
                return JSONResponse(act(world, **given))
            except shop.RefusalError as refusal:
                return _refuse(refusal.status, str(refusal))
            except (TypeError, ValueError) as error:
                return _refuse(HTTPStatus.UNPROCESSABLE_ENTITY, f"bad request: {error}")

        return answer


def _refuse(status: HTTPStatus, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)


def create_app() -> OrderSystem:
    """A fresh order system without any world."""
    return OrderSystem()
