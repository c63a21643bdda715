"""Any of our environments over OpenEnv's protocol: a session each WebSocket, and its HTTP endpoints.

Invariants: sessions are bounded in number, idle time and size of message, and one that ends, however it
does, gives back its environment; who may connect is decided before this application (``api.guard``).
As in OpenEnv an HTTP request is an episode of its own; what goes on needs the WebSocket.
Source: ``openenv.core.env_server.http_server`` of openenv 0.10.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent_factory.agent.loop import Limits
from agent_factory.contracts.message import Message
from agent_factory.contracts.record import Json, Part
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import TooLargeError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.interop.action import ACTIONS
from agent_factory.environment.interop.seat import Seat
from agent_factory.environment.interop.session import ResetData, Session, fault
from agent_factory.environment.world import World, open_world

MESSAGE_BYTES = 1_000_000
"""The longest message of a client, and body of a request; whoever runs the server tells its WebSocket protocol."""
_SEND_SECONDS = 30.0
_BODY_SECONDS = 30.0


class Bounds(Part):
    """How many sessions at once, and how long one may say nothing."""

    sessions: int = 1024
    idle_seconds: float = 300.0


class EnvServer:
    """The endpoints over an open world."""

    def __init__(self, recipe: Recipe, scenarios: Sequence[Scenario], kind: str | None, bounds: Bounds) -> None:
        self._recipe, self._scenarios, self._bounds = recipe, tuple(scenarios), bounds
        self._section = EnvironmentSection.read(recipe.settings)
        self._kind, self._limits = kind or self._section.kind, Limits()
        self._world: World | None = None
        self._open = 0

    @asynccontextmanager
    async def hold_world(self, app: Starlette) -> AsyncGenerator[None]:
        """The world for as long as the server lives."""
        async with open_world(self._recipe, self._section, self._kind) as self._world:
            yield

    def make_session(self) -> Session:
        """A session that holds nothing yet."""
        if self._world is None:
            raise RuntimeError("the application was not started: its lifespan opens the world")
        return Session(Seat(self._world, self._scenarios, self._limits), self._limits)

    async def serve_session(self, socket: WebSocket) -> None:
        """``/ws``: one session."""
        await socket.accept()
        if self._open >= self._bounds.sessions:
            await _send(socket, fault("CAPACITY_REACHED", f"all {self._bounds.sessions} sessions are taken: try later"))
            await socket.close(1013)
            return
        self._open += 1
        session = self.make_session()
        try:
            await self._talk(socket, session)
        except WebSocketDisconnect:
            pass
        finally:
            self._open -= 1
            await session.close()

    async def _talk(self, socket: WebSocket, session: Session) -> None:
        while True:
            try:
                async with asyncio.timeout(self._bounds.idle_seconds):
                    text = await _receive(socket)
            except TimeoutError:
                idle = f"nothing was said for {self._bounds.idle_seconds:g} s: the session is over"
                await _send(socket, fault("SESSION_ERROR", idle))
                await socket.close(1001)
                return
            told = fault("INVALID_JSON", "the message is bytes, expected text") if text is None else None
            told = told or await session.answer(text or "")
            if told is None:
                with suppress(RuntimeError):  # the client has closed already
                    await socket.close()
                return
            await _send(socket, told)

    async def reset(self, request: Request) -> JSONResponse:
        """``POST /reset``: the first observation of an episode that ends with the answer."""
        return await self._answer_alone({"type": "reset", "data": await _read_body(request)})

    async def step(self, request: Request) -> JSONResponse:
        """``POST /step``: an action in an episode of its own, as a new environment takes it."""
        body = await _read_body(request)
        action = body.get("action") if isinstance(body, dict) else None
        return await self._answer_alone({"type": "reset"}, {"type": "step", "data": action})

    async def state(self, request: Request) -> JSONResponse:
        """``GET /state``: that of a session before its first episode."""
        return await self._answer_alone({"type": "state"})

    async def _answer_alone(self, *messages: Json) -> JSONResponse:
        if self._open >= self._bounds.sessions:
            return JSONResponse({"detail": "all sessions are taken: try later"}, 503)
        self._open += 1
        session, told = self.make_session(), None
        try:
            for message in messages:
                told = await session.answer(json.dumps(message)) or {}
                if told["type"] == "error":
                    code = 422 if told["data"]["code"] == "VALIDATION_ERROR" else 502  # pyright: ignore
                    return JSONResponse({"detail": told["data"]}, code)
        finally:
            self._open -= 1
            await session.close()
        return JSONResponse((told or {})["data"])

    async def schema(self, request: Request) -> JSONResponse:
        """``GET /schema``."""
        observation = {
            "type": "object",
            "properties": {
                "scenario": {"type": "string"},
                "messages": {"type": "array", "items": Message.model_json_schema()},
                "tools": {"type": "array", "items": {"type": "object"}},
                "metadata": {"type": "object"},
            },
        }
        state = {
            "type": "object",
            "properties": {
                "episode_id": {"type": ["string", "null"]},
                "step_count": {"type": "integer"},
                "world": {"type": "object"},
            },
        }
        reset = {"reset_observation": observation, "reset": ResetData.model_json_schema()}
        return JSONResponse({"action": ACTIONS.json_schema(), "observation": observation, "state": state, **reset})

    async def metadata(self, request: Request) -> JSONResponse:
        """``GET /metadata``."""
        told = f"{len(self._scenarios)} scenarios of the recipe {self._recipe.name!r}, environment {self._kind!r}"
        return JSONResponse({"name": self._recipe.name, "description": told})

    async def health(self, request: Request) -> JSONResponse:
        """``GET /health``."""
        return JSONResponse({"status": "healthy"})


def create_env_app(
    recipe: Recipe, scenarios: Sequence[Scenario], kind: str | None = None, bounds: Bounds | None = None
) -> Starlette:
    """The ASGI application; its lifespan opens the world."""
    server = EnvServer(recipe, scenarios, kind, bounds or Bounds())
    routes = [
        Route("/reset", server.reset, methods=["POST"]),
        Route("/step", server.step, methods=["POST"]),
        Route("/state", server.state),
        Route("/schema", server.schema),
        Route("/metadata", server.metadata),
        Route("/health", server.health),
        WebSocketRoute("/ws", server.serve_session),
    ]
    refusals = {TooLargeError: _refuse_size, HTTPException: _refuse}
    return Starlette(routes=routes, lifespan=server.hold_world, exception_handlers=refusals)


def _refuse_size(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, TooLargeError.status)


def _refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _receive(socket: WebSocket) -> str | None:
    """The next message's text, None where it is bytes."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return message.get("text")


async def _send(socket: WebSocket, told: Json) -> None:
    """Send within a deadline; who does not read is gone."""
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            await socket.send_text(json.dumps(told, ensure_ascii=False))
    except TimeoutError as error:
        raise WebSocketDisconnect(1008) from error


async def _read_body(request: Request) -> Any:
    """The body as JSON; what is none is an empty object's worth of nothing, and refused by what reads it."""
    text = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                text += chunk
                if len(text) > MESSAGE_BYTES:
                    raise TooLargeError(f"the body has more than {MESSAGE_BYTES} bytes")
    except TimeoutError as error:
        raise HTTPException(408, f"the body was not there within {_BODY_SECONDS:g} s") from error
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return text.decode(errors="replace")
