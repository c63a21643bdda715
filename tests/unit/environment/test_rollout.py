"""Rollouts: every episode ends in a trace, and what ended it is told."""

import asyncio

import pytest

from agent_factory.agent.loop import Limits
from agent_factory.contracts import LEVELS
from agent_factory.core.error import ContextError
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.scenario import draw_scenarios
from agent_factory.gateway.chat import Sampling


@pytest.fixture
def scenarios(recipe):
    return draw_scenarios(recipe, "train", 20, 9)


async def play(recipe, scenarios, engine, **options):
    return await run_episodes(scenarios, recipe, engine, "m", shielded=False, run="r", **options)


async def test_traces_come_in_order_graded_and_with_names(recipe, scenarios, by_scenario):
    seen = []
    traces = await play(recipe, scenarios, by_scenario(scenarios), samples=2, build="b", on_trace=seen.append)

    assert [t.id for t in traces] == [f"r-{s.id}-{n}" for s in scenarios for n in (0, 1)]
    assert all(t.outcome.success and t.failure is None for t in traces)
    assert {t.metadata["level"] for t in traces} == set(LEVELS)
    assert {(t.source, t.build, t.model, t.recipe) for t in traces} == {("rollout", "b", "m", "support_desk")}
    assert sorted(t.id for t in seen) == sorted(t.id for t in traces)


async def test_an_engine_that_crashes_costs_its_own_episode(recipe, scenarios, by_scenario):
    traces = await play(recipe, scenarios, by_scenario(scenarios, broken=scenarios[3:4]))

    assert [i for i, t in enumerate(traces) if t.outcome is None] == [3]
    assert traces[3].failure == "engine: RuntimeError: out of memory"
    assert traces[3].messages()[0].content == scenarios[3].opening[0].content
    assert all(t.outcome.success for i, t in enumerate(traces) if i != 3)


async def test_a_simulator_that_breaks_is_not_the_agents_fault(recipe, draw, moves, replace_part):
    class Broken(recipe.load("simulator.app:OrderSystem")):
        async def __call__(self, scope, receive, send):
            raise ZeroDivisionError("stock")

    replace_part("simulator.app:create_app", Broken)
    engine = moves("?", ("get_shipment", {"order_id": "1234"}))
    trace = (await play(recipe, [draw("L1", "track_order")], engine))[0]

    assert trace.outcome is None
    assert "world: RecipeError: recipe 'support_desk': its simulator raised" in trace.failure
    assert "ZeroDivisionError: stock" in trace.failure


@pytest.mark.parametrize("method", ["install", "snapshot", "drop"])
async def test_a_simulator_that_cannot_keep_a_world_costs_its_episode(recipe, draw, moves, replace_part, method):
    class Broken(recipe.load("simulator.app:OrderSystem")):
        pass

    def fail(self, *_):
        raise ZeroDivisionError("stock")

    setattr(Broken, method, fail)
    replace_part("simulator.app:create_app", Broken)
    trace = (await play(recipe, [draw("L1", "track_order")], moves("?")))[0]

    ended = method == "drop"
    assert (trace.outcome is not None) == ended
    assert "recipe 'support_desk': its simulator raised" in (trace.metadata["close"] if ended else trace.failure)


async def test_a_tool_that_hangs_costs_a_call_and_not_the_episode(recipe, draw, moves, replace_part):
    class Hanging(recipe.load("simulator.app:OrderSystem")):
        async def __call__(self, scope, receive, send):
            await asyncio.Event().wait()

    replace_part("simulator.app:create_app", Hanging)
    engine = moves("Our system does not answer.", ("get_shipment", {"order_id": "1234"}))
    trace = (await play(recipe, [draw("L1", "track_order")], engine, limits=Limits(tool_seconds=0.02)))[0]

    assert trace.steps[0].error == "get_shipment: 408 no answer within 0.02 s"
    assert trace.steps[1].action.content == "Our system does not answer."
    assert trace.outcome.success is False


class Sleepy:
    async def chat(self, request, *, deadline_seconds):
        await asyncio.Event().wait()

    async def close(self):
        pass


@pytest.mark.parametrize(
    ("limits", "deadline", "told"),
    [
        (Limits(step_seconds=0.02), 60.0, "the model gave no answer within"),
        (Limits(episode_seconds=0.02), 60.0, "deadline"),
        (Limits(), 0.05, "the episode was not over within"),
    ],
)
async def test_every_wait_has_a_deadline(recipe, scenarios, limits, deadline, told):
    traces = await play(recipe, scenarios[:3], Sleepy(), limits=limits, deadline=deadline)

    assert [t.outcome for t in traces] == [None] * 3
    assert all(told in t.failure for t in traces)


async def test_what_the_batch_had_no_time_for_is_left_out_with_the_cause(recipe, scenarios):
    traces = await play(recipe, scenarios[:4], Sleepy(), deadline=0.05, concurrency=1)

    assert len(traces) == 4
    assert {t.failure for t in traces[1:]} == {"deadline: the batch of 4 episodes was not over within 0.05 s"}


async def test_an_agent_that_never_answers_fails_by_its_own_fault(recipe, draw, moves):
    scenario = draw("L1", "track_order")
    calls = [("get_order", {"order_id": "1234"})] * 20
    trace = (await play(recipe, [scenario], moves("never", *calls), limits=Limits(max_steps=4)))[0]

    assert trace.failure == "step limit: no answer after 4 steps"
    assert trace.outcome.success is False
    assert trace.outcome.reasons[0] == trace.failure


async def test_an_agent_that_talks_past_its_context_fails_by_its_own_fault(recipe, draw, moves):
    engine = moves("never", ("get_order", {"order_id": "1234"}))
    chat = engine.chat

    async def fill(request, *, deadline_seconds):
        if len(request.messages) > 1:
            raise ContextError("the prompt has 600 tokens, the context of 'm' holds 512")
        return await chat(request, deadline_seconds=deadline_seconds)

    engine.chat = fill
    trace = (await play(recipe, [draw("L1", "track_order")], engine))[0]

    assert trace.failure == "context: the prompt has 600 tokens, the context of 'm' holds 512"
    assert trace.outcome.success is False
    assert trace.outcome.reasons[0] == trace.failure


async def test_the_user_answers_a_question(recipe, draw, by_scenario):
    scenario = draw("L5", "missing_order_number")
    trace = (await play(recipe, [scenario], by_scenario([scenario])))[0]

    assert trace.outcome.success
    assert [m.content for m in trace.messages() if m.role == "user"] == [
        scenario.opening[0].content,
        scenario.replies[0].says,
    ]


async def test_samples_of_a_scenario_have_seeds_of_their_own_and_repeat(recipe, scenarios, by_scenario):
    async def seeds_of():
        engine, seeds = by_scenario(scenarios), []
        chat = engine.chat

        async def keep(request, *, deadline_seconds):
            seeds.append(request.sampling.seed)
            return await chat(request, deadline_seconds=deadline_seconds)

        engine.chat = keep
        await play(recipe, scenarios[:2], engine, samples=3, sampling=Sampling(temperature=1.0, seed=1), concurrency=1)
        return seeds

    seeds = await seeds_of()
    assert len(set(seeds)) == len(seeds)
    assert seeds == await seeds_of()


async def test_what_the_model_reads_holds_no_personal_data(recipe, scenarios):
    class Listener:
        def __init__(self):
            self.requests = []

        async def chat(self, request, *, deadline_seconds):
            from agent_factory.environment.reference import say

            self.requests.append(request)
            return say("I do not know.")

        async def close(self):
            pass

    engine = Listener()
    traces = await run_episodes(scenarios, recipe, engine, "m")

    told = " ".join(request.messages[0].content for request in engine.requests)
    for scenario in scenarios:
        for customer in scenario.state["customers"].values():
            assert customer["name"] not in told
            assert customer["email"] not in told
    assert "<EMAIL_1>" in told
    assert all(trace.pseudonyms for trace in traces)
