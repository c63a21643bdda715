"""The maintenance system as an ASGI application: HTTP status codes, JSON, many worlds side by side.

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

from . import world as plant

_ROUTES: tuple[tuple[str, str, Callable[..., dict[str, Any]]], ...] = (
    ("GET", "/machines/{machine_id}", plant.get_machine),
    ("GET", "/machines/{machine_id}/sensors", plant.get_sensors),
    ("GET", "/machines/{machine_id}/reading", plant.get_reading),
    ("POST", "/machines/{machine_id}/handover", plant.hand_over),
    ("GET", "/faults", plant.get_fault),
    ("GET", "/parts", plant.find_part),
    ("POST", "/orders", plant.open_order),
    ("GET", "/orders/{order_id}", plant.get_order),
    ("POST", "/orders/{order_id}/close", plant.close_order),
    ("POST", "/orders/{order_id}/reserve", plant.reserve_part),
    ("POST", "/orders/{order_id}/request", plant.request_part),
)


class MaintenanceSystem(Starlette):
    """The application and its worlds; a world is there from ``install`` to ``drop``."""

    def __init__(self) -> None:
        super().__init__(routes=[Route(path, self._serve(act), methods=[method]) for method, path, act in _ROUTES])
        self.worlds: dict[str, plant.World] = {}

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
            except plant.RefusalError as refusal:
                return _refuse(refusal.status, str(refusal))
            except (TypeError, ValueError) as error:
                return _refuse(HTTPStatus.UNPROCESSABLE_ENTITY, f"bad request: {error}")

        return answer


def _refuse(status: HTTPStatus, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)


def create_app() -> MaintenanceSystem:
    """A fresh maintenance system without any world."""
    return MaintenanceSystem()
