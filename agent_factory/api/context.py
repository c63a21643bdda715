"""What every endpoint works with: the store, the artifacts, the sessions, and the caller's project.

Invariant: a record of another project is not found, and told of as if it were nowhere.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Header, Request

from agent_factory.api.keyring import Caller, Keyring
from agent_factory.contracts.record import Name, RecordT
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import NotFoundError
from agent_factory.core.settings import Settings
from agent_factory.core.store import Store

if TYPE_CHECKING:
    from agent_factory.runtime.session import SessionManager


@dataclass
class SessionRoom:
    """The session manager, made when the first session asks for it: models load lazily."""

    store: Store
    artifacts: Artifacts
    _manager: SessionManager | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def manager(self) -> SessionManager:
        """The one manager of this process."""
        async with self._lock:
            if self._manager is None:
                from agent_factory.runtime.session import SessionManager

                self._manager = await asyncio.to_thread(SessionManager, self.store, self.artifacts)
            return self._manager

    async def close(self) -> None:
        """Give back the models that the manager holds."""
        if self._manager is not None:
            await self._manager.close()


@dataclass(frozen=True)
class Context:
    """One request's view of the factory."""

    settings: Settings
    store: Store
    artifacts: Artifacts
    sessions: SessionRoom
    project: str
    keyring: Keyring = field(default_factory=Keyring)
    caller: Caller | None = None

    def sign(self, *claimed: str | None) -> str:
        """The name that a person's word is kept under; see ``Keyring.sign``."""
        return self.keyring.sign(self.caller, *claimed)

    def get(self, kind: type[RecordT], record_id: str) -> RecordT:
        """The record of the caller's project, or NotFoundError."""
        found = self.store.peek(kind, record_id, self.project)
        if found is None or found.project != self.project:
            raise NotFoundError(f"there is no {kind.noun()} {record_id!r} in project {self.project!r}")
        return found


async def get_context(  # not waiting for anything, but a plain function would be given a thread
    request: Request,
    x_project: Annotated[
        Name | None, Header(description="The project (tenant); by default the server's own, or the key's only one.")
    ] = None,
) -> Context:
    """The context of the request's project; ForbiddenError where the caller's key does not open it."""
    context: Context = request.app.state.context
    caller: Caller | None = getattr(request.state, "caller", None)
    project = caller.choose(x_project, context.project) if caller else x_project or context.project
    return replace(context, project=project, caller=caller)


Ctx = Annotated[Context, Depends(get_context)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key with the same body makes one thing, however often it is sent.",
    ),
]
