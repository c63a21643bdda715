"""Playback: a cassette answers, as the service did when it was recorded.

An episode follows the takes of its scenario that began with the same exchanges. Invariant: a request
that no such take has next is answered 404, says so, and changes nothing; the trace calls it
``off_cassette``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx

from agent_factory.agent.openapi import OpenApiTools
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.environment.http.cassette import Exchange, Take, TapedRequest, read_cassette, tape_request
from agent_factory.environment.http.fault import EPISODE_HEADER, INJECTED
from agent_factory.environment.http.recording import list_headers

OFF_CASSETTE = "off_cassette"


@dataclass
class _Place:
    """Where an episode is: the takes that it may still follow, how many exchanges are over, how the world stands."""

    takes: list[Take]
    state: Json
    over: int = 0

    def follow(self, request: TapedRequest) -> Exchange | None:
        """The next exchange where a take has this request; takes that went on otherwise are left."""
        ahead = [(take, take.exchanges[self.over]) for take in self.takes if len(take.exchanges) > self.over]
        found = next((exchange for _, exchange in ahead if exchange.request == request), None)
        if found is not None:
            self.takes = [take for take, exchange in ahead if exchange == found]
            self.over += 1
            self.state = self.state if found.state is None else found.state
        return found

    def tell_next(self) -> str:
        """What the takes have next, for the message."""
        ahead = [take.exchanges[self.over].request for take in self.takes if len(take.exchanges) > self.over]
        return " or ".join(sorted({f"{one.method} {one.path}" for one in ahead})) or "nothing more"


class CassetteBackend(httpx.AsyncBaseTransport):
    """A cassette as backend; ``openapi`` is the digest of the recipe's document.

    InputError where the file cannot be read or is of another document.
    """

    base_url = "http://cassette"
    rewinds = False

    def __init__(self, path: Path, openapi: str, tools: OpenApiTools) -> None:
        self._path, self._headers = path, list_headers(tools)
        self._takes: dict[str, list[Take]] = {}
        for take in read_cassette(path, openapi):
            self._takes.setdefault(take.scenario, []).append(take)
        self._places: dict[str, _Place] = {}

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """See ``Backend``."""
        return self

    async def install(self, episode: str, scenario: Scenario) -> None:
        """See ``Backend``; InputError where the scenario is not on the cassette, or stood otherwise then."""
        takes = self._takes.get(scenario.id)
        if takes is None:
            raise InputError(
                f"scenario {scenario.id!r} is not on the cassette {str(self._path)!r}, which has "
                f"{len(self._takes)} others; record it"
            )
        world = digest_json(scenario.state)
        same = [take for take in takes if take.world == world]
        if not same:
            raise InputError(
                f"scenario {scenario.id!r} has a state of the digest {world}, the cassette {str(self._path)!r} was "
                f"recorded with {takes[0].world}; record it anew"
            )
        self._places[episode] = _Place(same, same[0].state)

    async def snapshot(self, episode: str) -> Json:
        """See ``Backend``: the state that was recorded."""
        return self._places[episode].state

    async def drop(self, episode: str) -> None:
        """See ``Backend``."""
        self._places.pop(episode, None)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.AsyncBaseTransport``."""
        asked = tape_request(request, await request.aread(), "", self._headers)
        place = self._places.get(request.headers.get(EPISODE_HEADER, ""))
        found = None if place is None else place.follow(asked)
        if found is not None:
            return found.response.to_httpx()
        where = "in no episode" if place is None else f"after {place.over} exchanges, where it has {place.tell_next()}"
        error = f"the cassette has no {asked.method} {asked.path} with these arguments {where}"
        return httpx.Response(404, json={"error": error}, extensions={INJECTED: OFF_CASSETTE})
