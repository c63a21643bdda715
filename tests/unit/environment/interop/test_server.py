"""Our environments over OpenEnv's wire: whole episodes, wrong input, bounds, and what is left behind."""

import asyncio

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from agent_factory.contracts import Message
from agent_factory.environment.http.world import HttpEnvironment
from agent_factory.environment.interop import server
from agent_factory.environment.interop.server import Bounds
from agent_factory.environment.task import Task

WRONG = [
    ("{", "INVALID_JSON"),
    (b"\x00\xff", "INVALID_JSON"),
    ("[" * 20_000, "INVALID_JSON"),
    ("null", "UNKNOWN_TYPE"),
    ({"type": "mcp"}, "UNKNOWN_TYPE"),
    ({"type": "step", "data": None}, "VALIDATION_ERROR"),
    ({"type": "step", "data": {"role": "user", "content": "x"}}, "VALIDATION_ERROR"),
    ({"type": "step", "data": {"role": "assistant"}}, "VALIDATION_ERROR"),
    ({"type": "step", "data": {"type": "call_tool", "tool_name": ""}}, "VALIDATION_ERROR"),
    ({"type": "reset", "data": {"seed": -1}}, "VALIDATION_ERROR"),
    ({"type": "reset", "data": {"scenario": "x"}}, "VALIDATION_ERROR"),
    ({"type": "reset", "data": {"level": "L1"}}, "VALIDATION_ERROR"),
]


async def play(session, scenario):
    told = await session.say({"type": "reset", "data": {"scenario": scenario.id, "seed": 1}})
    assert told["data"]["observation"]["messages"][-1]["content"] == scenario.opening[-1].content
    if scenario.solution.asks is not None:
        await session.step(role="assistant", content=scenario.solution.asks)
    for call in scenario.solution.calls:
        told = await session.step(**Message(role="assistant", tool_calls=(call,)).to_wire())
        assert (told["type"], told["data"]["done"], told["data"]["reward"]) == ("observation", False, 0.0)
    return await session.step(role="assistant", content=scenario.solution.answer)


async def test_reference_solutions_are_rewarded_in_sessions_side_by_side(serve, talk, make_app, scenarios):
    async with serve(make_app()) as address:

        async def one(scenario):
            async with talk(address) as session:
                return await play(session, scenario)

        ends = await asyncio.gather(*(one(scenario) for scenario in scenarios))
    assert {(end["data"]["reward"], end["data"]["done"]) for end in ends} == {(1.0, True)}
    assert all(end["data"]["metadata"]["outcome"]["success"] for end in ends)


async def test_tools_are_listed_and_called_as_openenv_writes_them(serve, talk, make_app, scenarios):
    call = scenarios[0].solution.calls[0]
    async with serve(make_app()) as address, talk(address) as session:
        await session.say({"type": "reset", "data": {"scenario": scenarios[0].id}})
        listed = await session.step(type="list_tools")
        told = await session.step(type="call_tool", tool_name=call.name, arguments=call.arguments, metadata={})
        state = await session.say({"type": "state"})
    assert call.name in {tool["name"] for tool in listed["data"]["observation"]["tools"]}
    assert told["data"]["observation"]["tool_name"] == call.name
    assert told["data"]["observation"]["result"].startswith("{")
    assert (state["data"]["step_count"], state["type"]) == (1, "state")
    assert state["data"]["world"]


@pytest.mark.parametrize(("message", "code"), WRONG, ids=str)
async def test_wrong_input_is_answered_and_the_episode_goes_on(serve, talk, make_app, scenarios, message, code):
    async with serve(make_app()) as address, talk(address) as session:
        await session.say({"type": "reset", "data": {"scenario": scenarios[0].id}})
        told = await session.say(message)
        assert (told["type"], told["data"]["code"]) == ("error", code)
        end = await session.step(role="assistant", content="I am sorry.")
    assert end["data"]["done"]


async def test_without_an_episode_a_step_is_refused(serve, talk, make_app):
    async with serve(make_app()) as address, talk(address) as session:
        told = await session.step(role="assistant", content="hi")
        assert "reset first" in told["data"]["message"]
        assert await session.say({"type": "state"}) == {
            "type": "state",
            "data": {"episode_id": None, "step_count": 0},
        }


async def test_sessions_are_bounded_and_a_place_is_free_again(serve, talk, make_app):
    async with serve(make_app(bounds=Bounds(sessions=1))) as address:
        async with talk(address) as first, talk(address) as second:
            await first.say({"type": "state"})
            assert "CAPACITY_REACHED" in await second.socket.recv()
        async with asyncio.timeout(30):
            while True:
                async with talk(address) as third:
                    told = await third.say({"type": "reset"})
                    if told["type"] == "observation":
                        return


async def test_who_says_nothing_or_too_much_is_sent_away(serve, talk, make_app):
    async with serve(make_app(bounds=Bounds(idle_seconds=0.1))) as address, talk(address) as session:
        assert "nothing was said" in await session.socket.recv()
        with pytest.raises(ConnectionClosed):
            await session.socket.recv()
    async with serve(make_app()) as address, talk(address) as session:
        with pytest.raises(ConnectionClosed) as closed:
            await session.say(" " * 1_100_000)
        assert closed.value.rcvd.code == 1009


async def test_every_environment_is_given_back_also_of_who_vanishes(serve, talk, make_app, monkeypatch):
    open_ones = set()
    begin, close = HttpEnvironment.reset, HttpEnvironment.close

    async def count_in(self, scenario, seed):
        open_ones.add(self.name)
        await begin(self, scenario, seed)

    async def count_out(self):
        open_ones.discard(self.name)
        await close(self)

    monkeypatch.setattr(HttpEnvironment, "reset", count_in)
    monkeypatch.setattr(HttpEnvironment, "close", count_out)
    async with serve(make_app()) as address:
        async with talk(address) as session:
            for _ in range(3):
                await session.say({"type": "reset"})
            assert len(open_ones) == 1
            session.socket.transport.abort()
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
            await client.post("/reset")
    assert open_ones == set()


async def test_a_world_that_breaks_costs_its_episode_alone(serve, talk, make_app, monkeypatch, scenarios):
    async with serve(make_app()) as address, talk(address) as session:
        with monkeypatch.context() as patch:

            async def burst(*_):
                raise ValueError("the till is on fire")

            patch.setattr(Task, "call", burst)
            await session.say({"type": "reset", "data": {"scenario": scenarios[0].id}})
            told = await session.step(type="call_tool", tool_name="get_order")
            assert (told["data"]["code"], "on fire" in told["data"]["message"]) == ("EXECUTION_ERROR", True)
            assert "reset first" in (await session.step(role="assistant", content="x"))["data"]["message"]
        assert (await play(session, scenarios[0]))["data"]["reward"] == 1.0


async def test_http_is_an_episode_a_request(serve, make_app, scenarios):
    async with serve(make_app()) as address, httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        assert (await client.get("/health")).json() == {"status": "healthy"}
        assert (await client.get("/metadata")).json()["name"] == "support_desk"
        assert {"action", "observation", "state"} <= set((await client.get("/schema")).json())
        assert (await client.get("/state")).json() == {"episode_id": None, "step_count": 0}
        told = (await client.post("/reset", json={"scenario": scenarios[0].id})).json()
        assert told["observation"]["scenario"] == scenarios[0].id
        done = (await client.post("/step", json={"action": {"role": "assistant", "content": "no"}})).json()
        assert (done["done"], done["reward"]) == (True, 0.0)
        for body in (b"{", b"[]", b'{"action": 3}', b"\xff"):
            assert (await client.post("/step", content=body)).status_code == 422
        assert (await client.post("/reset", content=b"{")).status_code == 422


async def test_a_body_is_bounded_also_where_it_tells_no_length(make_app):
    async def pour(size):
        for _ in range(size // 100_000):
            yield b"x" * 100_000

    app = make_app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        for path in ("/reset", "/step"):
            told = await client.post(path, content=pour(4_000_000))
            assert (told.status_code, told.json()) == (413, {"detail": "the body has more than 1000000 bytes"})


async def test_a_body_that_does_not_come_is_waited_for_no_longer(make_app, monkeypatch):
    monkeypatch.setattr(server, "_BODY_SECONDS", 0.05)

    async def drip():
        yield b"{"
        await asyncio.Event().wait()

    app = make_app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        told = await client.post("/reset", content=drip())
    assert (told.status_code, told.json()) == (408, {"detail": "the body was not there within 0.05 s"})
