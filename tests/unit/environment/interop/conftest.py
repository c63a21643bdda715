"""A server of ours on a free port of loopback, and conversations with it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
import uvicorn
from websockets.asyncio.client import connect

from agent_factory.environment.interop.server import MESSAGE_BYTES, create_env_app
from agent_factory.environment.scenario import draw_scenarios


@asynccontextmanager
async def run_app(app):
    """The address of an ASGI application while the block runs."""
    config = uvicorn.Config(app, port=0, log_level="error", ws="websockets-sansio", ws_max_size=MESSAGE_BYTES)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    task = asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(30):
            while not server.started:
                assert not task.done(), "the server did not start"
                await asyncio.sleep(0.01)
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@pytest.fixture(scope="session")
def scenarios(recipe):
    return draw_scenarios(recipe, "train", 25, 0)


@pytest.fixture
def serve():
    return run_app


class Talk:
    """A session as a client sees it."""

    def __init__(self, socket):
        self.socket = socket

    async def say(self, message):
        """Send, as JSON unless it is text; the answer."""
        await self.socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
        return json.loads(await asyncio.wait_for(self.socket.recv(), 30))

    async def step(self, **data):
        return await self.say({"type": "step", "data": data})


@asynccontextmanager
async def open_talk(address, **more):
    async with connect(f"ws://{address}/ws", proxy=None, **more) as socket:
        yield Talk(socket)


@pytest.fixture
def talk():
    return open_talk


@pytest.fixture
def make_app(recipe, scenarios):
    return lambda **more: create_env_app(recipe, scenarios, **more)
