"""OpenEnv servers as environments of ours: against our server, against the real package, and what is refused."""

import asyncio
import json

import pytest

from agent_factory.contracts import Reply, Scenario, Solution, SuccessRules, ToolCall
from agent_factory.core import clock
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError, ToolError
from agent_factory.environment.episode import Player
from agent_factory.environment.reference import ReferenceEngine
from agent_factory.environment.world import open_world
from tests.openenv import PYTHON, REASON, run_client, serve_counter

REAL = pytest.mark.skipif(not PYTHON.exists(), reason=REASON)
CLIENT = """
import asyncio, json
from openenv.core.generic_client import GenericEnvClient

async def main():
    async with GenericEnvClient(base_url="http://{address}") as env:
        begun = await env.reset(seed=1, scenario={scenario!r})
        told = None
        for action in json.loads({actions!r}):
            told = await env.step(action)
        state = await env.state()
        print(json.dumps([begun.observation["scenario"], told.reward, told.done, state["step_count"]]))

asyncio.run(main())
"""


def make_scenario(tools, calls, given=None, **rules):
    return Scenario(
        id="s1",
        created_at=clock.now(),
        recipe="support_desk",
        level="L1",
        kind="count",
        template="t",
        split="train",
        seed=1,
        opening=({"role": "user", "content": "Bring it to seven."},),
        replies=(Reply(asks="never", says="no"),),
        tools=tools,
        state=given or {},
        rules=SuccessRules(**rules),
        solution=Solution(calls=calls, answer="Done."),
    )


def add(number, amount, **more):
    return ToolCall(id=f"c{number}", name="step", arguments={"amount": amount, **more})


def open_it(recipe, address, **more):
    url = f"http://{address}"
    settings = {"url": url, "allow": [url], **more}
    return open_world(recipe, EnvironmentSection(kind="openenv", settings={"openenv": settings}))


async def play(recipe, address, scenario, **more):
    async with open_it(recipe, address, **more) as world:
        player = Player(world=world, recipe=recipe, engine=ReferenceEngine(scenario), model="reference", run="r")
        return await player.play(scenario)


async def test_a_server_of_ours_is_an_environment_by_its_own_tools(recipe, serve, make_app, scenarios):
    remote = next(s for s in scenarios if s.solution.calls)
    call = remote.solution.calls[0]
    ours = make_scenario((call.name, "observe"), (call,), {"scenario": remote.id})
    async with serve(make_app()) as address:
        trace = await play(recipe, address, ours)
    assert (trace.failure, trace.steps[0].error, trace.outcome.success) == (None, None, True)
    seen = json.loads(trace.steps[1].observation[0].content)
    assert (seen["tool_name"], seen["scenario"]) == (call.name, remote.id)


async def test_what_the_server_does_not_have_and_wrong_calls_are_told(recipe, serve, make_app):
    calls = (ToolCall(id="a", name="observe", arguments={"x": 1}), ToolCall(id="b", name="get_order", arguments={}))
    async with serve(make_app()) as address:
        with pytest.raises(InputError, match="tool 'fly', which the server does not have"):
            await play(recipe, address, make_scenario(("fly",), ()))
        trace = await play(recipe, address, make_scenario(("observe",), calls))
    assert ["422" in trace.steps[0].error, "404 there is no tool get_order" in trace.steps[1].error] == [True, True]


@pytest.mark.parametrize("more", [{}, {"state_keys": ["step_count"]}], ids=["bare", "keys"])
async def test_a_session_that_ended_late_is_not_the_agents_failure(
    recipe, serve, make_app, scenarios, monkeypatch, more
):
    call = scenarios[0].solution.calls[0]
    scenario = make_scenario((call.name,), (), {"scenario": scenarios[0].id})
    async with serve(make_app()) as address, open_it(recipe, address, **more) as world:
        environment = world.make()
        await environment.reset(scenario, 1)
        told = await environment.step(call, 0.0)
        assert "408" in told.error
        with pytest.raises(ToolError, match=f"no answer to '{call.name}' in 0 s"):
            await environment.state()
        await environment.reset(scenario, 1)
        assert (await environment.state())["done"] is False
        await environment.close()


async def test_where_nobody_answers_the_episode_is_left_out_with_the_cause(recipe):
    trace = await play(recipe, "127.0.0.1:9", make_scenario(("step",), ()))
    assert "OpenEnv server's" in trace.failure
    assert trace.outcome is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": "http://127.0.0.1:9", "allow": []}, "which allow does not list"),
        ({"url": "http://127.0.0.1:9"}, r"\[environment.settings.openenv\].allow"),
        ({"url": "ftp://x", "allow": ["ftp://x"]}, "is no origin"),
        ({"url": "http://127.0.0.1:9", "allow": ["http://127.0.0.1:9"], "way": 1}, "way"),
    ],
)
async def test_wrong_settings_are_refused(recipe, settings, told):
    with pytest.raises(InputError, match=told):
        async with open_world(recipe, EnvironmentSection(kind="openenv", settings={"openenv": settings})):
            pass


async def test_addresses_that_are_not_public_must_be_listed_themselves(recipe, monkeypatch):
    loop = asyncio.get_running_loop()

    async def find(*_, **__):
        return [(2, 1, 6, "", ("10.0.0.5", 80))]

    monkeypatch.setattr(loop, "getaddrinfo", find)
    async with open_it(recipe, "env.example") as world:
        with pytest.raises(ToolError, match=r"10\.0\.0\.5, which is not public"):
            await world.connect()


@REAL
@pytest.mark.live
async def test_a_real_openenv_server_is_played_and_graded(recipe):
    calls = (add(1, 3), add(2, 100), add(3, 1), add(4, 1))
    rules = {"state": {"reward": 1.0, "done": True, "total": 7}}
    with serve_counter() as port:
        scenario = make_scenario(("step",), calls, {"start": 2}, **rules)
        trace = await play(recipe, f"127.0.0.1:{port}", scenario, state_keys=["total"])
        late = make_scenario(("step",), (add(1, 1, wait_seconds=20.0),))
        async with open_it(recipe, f"127.0.0.1:{port}") as world:
            environment = world.make()
            await environment.reset(late, 1)
            result = await environment.step(late.solution.calls[0], 0.05)
            await environment.close()
    assert (trace.outcome.success, trace.outcome.reasons) == (True, ())
    assert ["too much" in (step.error or "") for step in trace.steps] == [False, True, False, False, False]
    assert "408" in result.error


@REAL
@pytest.mark.live
async def test_the_real_openenv_client_plays_on_our_server(serve, make_app, scenarios):
    scenario = next(s for s in scenarios if s.solution.asks is None and s.solution.calls)
    actions = [{"type": "call_tool", "tool_name": c.name, "arguments": c.arguments} for c in scenario.solution.calls]
    actions.append({"role": "assistant", "content": scenario.solution.answer})
    async with serve(make_app()) as address:
        code = CLIENT.format(address=address, scenario=scenario.id, actions=json.dumps(actions))
        told = await asyncio.to_thread(run_client, code)
    assert json.loads(told) == [scenario.id, 1.0, True, len(actions)]
