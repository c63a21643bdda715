"""A small service behind a transport with faults, as any client meets it."""

import httpx
import pytest

from agent_factory.agent.openapi import read_tools
from agent_factory.environment.http.fault import FaultTransport

OK = {"200": {"description": "ok"}}
ID = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/things/{id}": {
            "get": {"operationId": "get_thing", "parameters": ID, "responses": OK},
            "delete": {"operationId": "drop_thing", "parameters": ID, "responses": OK},
        },
        "/things/all": {"get": {"operationId": "list_things", "responses": OK}},
    },
}
THING = {"size": 3, "owner_name": "Ann", "in_stock": True}


class Service:
    """Answers, and remembers who called what."""

    def __init__(self):
        self.seen = []

    def __call__(self, request):
        self.seen.append((request.method, request.url.path, request.headers.get("x-episode")))
        if request.url.path == "/things/all":
            return httpx.Response(200, json=[THING, THING])
        return httpx.Response(200, json=THING)


@pytest.fixture
def tools():
    return read_tools(DOCUMENT)


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def faults(tools, service):
    return FaultTransport(httpx.MockTransport(service), tools)


@pytest.fixture
async def get(faults):
    """A call of ``/things/7`` in an episode, 10 s at most."""
    async with httpx.AsyncClient(transport=faults, base_url="http://x", timeout=10.0) as client:

        async def call(episode="e", path="/things/7", method="GET"):
            return await client.request(method, path, headers={"X-Episode": episode})

        yield call
