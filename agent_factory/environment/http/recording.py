"""Recording: a backend that passes everything on to another and keeps it as takes of a cassette.

Invariant: a take is on disk when its episode is over, in ``<cassette>.partial`` until the world is closed;
a process that was killed goes on from there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx

from agent_factory.agent.openapi import OpenApiTools
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.digest import digest_json
from agent_factory.core.error import StorageError
from agent_factory.environment.http.backend import Backend
from agent_factory.environment.http.cassette import (
    Exchange,
    Take,
    hide_secrets,
    read_cassette,
    tape_request,
    tape_response,
    write_cassette,
    write_head,
)
from agent_factory.environment.http.fault import EPISODE_HEADER


class RecordingBackend(httpx.AsyncBaseTransport):
    """The backend; ``openapi`` is the digest of the recipe's document.

    InputError where the file is there and is a cassette of another document.
    """

    def __init__(self, backend: Backend, path: Path, openapi: str, tools: OpenApiTools) -> None:
        self._backend, self._path, self._openapi = backend, path, openapi
        self._partial = path.with_name(path.name + ".partial")
        self._base = httpx.URL(backend.base_url).path
        self._headers = list_headers(tools)
        self._takes: dict[str, Take] = {}
        self._states: dict[str, Json] = {}
        self.base_url, self.rewinds = backend.base_url, backend.rewinds
        self._known = [take for file in (path, self._partial) if file.exists() for take in read_cassette(file, openapi)]

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """See ``Backend``."""
        return self

    async def install(self, episode: str, scenario: Scenario) -> None:
        """See ``Backend``."""
        await self._backend.install(episode, scenario)
        state = await self._look(episode)
        self._states[episode] = state
        self._takes[episode] = Take(scenario=scenario.id, world=digest_json(scenario.state), state=state)

    async def snapshot(self, episode: str) -> Json:
        """See ``Backend``."""
        return await self._backend.snapshot(episode)

    async def drop(self, episode: str) -> None:
        """See ``Backend``; the take is kept."""
        await self._backend.drop(episode)
        take = self._takes.pop(episode, None)
        self._states.pop(episode, None)
        if take is not None:
            self._known.append(take)
            self._append(take)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.AsyncBaseTransport``."""
        asked = tape_request(request, await request.aread(), self._base, self._headers)
        response = await self._backend.transport.handle_async_request(request)
        body = await response.aread()
        episode = request.headers.get(EPISODE_HEADER, "")
        take = self._takes.get(episode)
        if take is not None:
            state = await self._look(episode)
            changed = None if state == self._states[episode] else state
            exchange = Exchange(request=asked, response=tape_response(response, body), state=changed)
            self._states[episode] = state
            self._takes[episode] = take.model_copy(update={"exchanges": (*take.exchanges, exchange)})
        return response

    async def aclose(self) -> None:
        """Write the cassette whole, and close the backend."""
        try:
            write_cassette(self._path, self._openapi, [*self._known, *self._takes.values()])
            self._partial.unlink(missing_ok=True)
        finally:
            await self._backend.transport.aclose()

    async def _look(self, episode: str) -> Json:
        state: Any = hide_secrets(await self._backend.snapshot(episode))
        return state

    def _append(self, take: Take) -> None:
        try:
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            with self._partial.open("a", encoding="utf-8", newline="\n") as file:
                file.write(("" if file.tell() else write_head(self._openapi)) + take.to_lines())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"the recording {str(self._partial)!r} cannot be written: {error}") from error


def list_headers(tools: OpenApiTools) -> tuple[str, ...]:
    """The headers that a document declares as parameters, in lower case."""
    found = {n.lower() for one in tools.operations.values() for n, place in one.places.items() if place == "header"}
    return tuple(sorted(found))
