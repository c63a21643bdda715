"""The HTTP API: one router a factory, errors in one shape, everything listed in OpenAPI.

Invariant: what is answered 2xx is durable; what is long-running is an order, answered 202 with the
place to ask.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel

from agent_factory.api import (
    cleaning,
    compute,
    data,
    dataset,
    environment,
    evaluation,
    forget,
    label,
    label_page,
    lineage,
    order,
    otlp,
    production,
    replay,
    runtime,
    timeline_page,
    training,
)
from agent_factory.api.context import Context, SessionRoom
from agent_factory.api.error import install_errors, tell
from agent_factory.api.guard import Guard
from agent_factory.api.inbox import Inbox
from agent_factory.api.keyring import open_keyring
from agent_factory.api.visitor import Doorman
from agent_factory.core.artifact import open_artifacts
from agent_factory.core.error import StorageError
from agent_factory.core.settings import Settings, get_settings
from agent_factory.core.store import open_store
from agent_factory.core.tracelog import TraceLog


class Health(BaseModel):
    """That the process answers, or that it can do its work."""

    status: str


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; store and artifacts are opened when it starts, models when a session needs them."""
    found = settings or get_settings()
    keyring = open_keyring(found)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        store = open_store(found.database_url)
        artifacts = open_artifacts(found.artifacts_url)
        sessions = SessionRoom(store, artifacts)
        app.state.context = Context(found, store, artifacts, sessions, found.project, keyring)
        app.state.inbox = Inbox(TraceLog(store))
        dataset.resume_orders(app.state.context)
        forget.resume_forgettings(app.state.context)
        yield
        await sessions.close()
        store.engine.dispose()

    # The pages /docs and /redoc with their scripts from this machine: a factory may have no internet.
    app = FastAPIOffline(
        title="Agent Factory",
        version="0.1.0",
        summary="Orders, data, evaluation and sessions of agents that are made like goods.",
        lifespan=lifespan,
    )
    app.state.doorman = Doorman(found, keyring)
    app.add_middleware(Guard, keyring=keyring, doorman=app.state.doorman)
    install_errors(app)
    for room in (
        compute,
        data,
        otlp,
        cleaning,
        label,
        label_page,
        dataset,
        forget,
        lineage,
        environment,
        production,
        replay,
        timeline_page,
        training,
        evaluation,
        runtime,
        order,
    ):
        app.include_router(room.router)
    _add_health(app)
    return app


def _add_health(app: FastAPI) -> None:
    @app.get("/health", tags=["health"], summary="Whether the process answers")
    def show_health() -> Health:
        return Health(status="ok")

    @app.get(
        "/health/ready",
        tags=["health"],
        summary="Whether store and artifacts can be used",
        responses=tell(507, keyed=False),
    )
    def show_readiness() -> Health:
        context: Context = app.state.context
        with context.store.begin(read_only=True) as connection:
            connection.exec_driver_sql("SELECT count(*) FROM counters")
        try:
            context.artifacts.files.makedirs(context.artifacts.root, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the artifacts at {context.artifacts.place!r} cannot be used: {error}") from error
        return Health(status="ready")

    _ = (show_health, show_readiness)
