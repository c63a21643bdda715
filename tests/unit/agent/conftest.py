"""A toolbox with one tool that echoes, and engines that follow a script."""

import httpx
import pytest

from agent_factory.agent.openapi import read_tools
from agent_factory.agent.toolbox import Toolbox

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/people": {
            "get": {
                "operationId": "find_person",
                "parameters": [{"name": "email", "in": "query", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
}


@pytest.fixture
async def toolbox():
    def handler(request):
        email = request.url.params["email"]
        if "@" not in email:
            return httpx.Response(404, json={"error": f"nobody has {email}"})
        return httpx.Response(200, json={"email": email})

    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://x") as client:
        yield Toolbox(read_tools(DOCUMENT), client)
