"""The border to an environment: whatever it does costs its own episode, which says what it was."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from agent_factory.agent.loop import Limits
from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts import Message, Tool
from agent_factory.environment import border, rollout, task
from agent_factory.environment.rollout import run_episodes

TOOL = Tool(name="act", description="Act.", parameters={"type": "object"})


def told(call, content="{}", **fields):
    return ToolResult(Message(role="tool", tool_call_id=call.id, name=call.name, content=content), None, **fields)


class Room:
    """An environment in which all is well."""

    tools = (TOOL,)
    capacity = 4

    async def reset(self, scenario, seed):
        self.scenario = scenario

    async def step(self, call, deadline_seconds):
        return told(call)

    async def state(self):
        return {"door": "open"}

    async def close(self):
        pass

    def make(self):
        return type(self)()


@pytest.fixture
def play(recipe, draw, monkeypatch, moves):
    """Play one scenario where ``change`` makes the world misbehave, and one where nothing does."""

    async def play_one(change, engine=None, **options):
        class Odd(Room):
            pass

        for name, function in change.items():
            sound = getattr(Room, name)

            def choose(self, *given, function=function, sound=sound):
                odd = (given[0] if given and hasattr(given[0], "opening") else self.scenario).seed == bad.seed
                return function(self, *given) if odd else sound(self, *given)

            setattr(Odd, name, choose)

        @asynccontextmanager
        async def open_odd(*_):
            yield Odd()

        monkeypatch.setattr(rollout, "open_world", open_odd)
        bad, good = (draw("L1", "track_order", seed).model_copy(update={"seed": seed}) for seed in (1, 2))
        agent = engine or moves(" ".join(" ".join(words) for words in good.rules.says), ("act", {}))
        found = await run_episodes([bad, good], recipe, agent, "m", shielded=False, run="r", **options)
        assert found[1].outcome is not None
        assert found[1].failure is None
        return found[0]

    return play_one


def raising(error):
    async def fail(*_):
        raise error

    return fail


def telling(value):
    async def tell(*_):
        return value

    return tell


ODD = [
    RuntimeError("stock"),
    RecursionError("too deep"),
    MemoryError("too much"),
    asyncio.CancelledError("nobody asked"),
    BaseExceptionGroup("several", [asyncio.CancelledError(), ValueError("one")]),
    SystemExit(3),
    GeneratorExit("gone"),
    TimeoutError("its own"),
    StopAsyncIteration("end"),
]


@pytest.mark.parametrize("method", ["reset", "step", "state"])
@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
async def test_what_an_environment_raises_costs_its_episode(play, method, error):
    trace = await play({method: raising(error)})

    assert (trace.outcome, trace.fault) == (None, "environment")
    name = "RuntimeError" if isinstance(error, StopAsyncIteration) else type(error).__name__
    assert f"the environment's {method}" in trace.failure
    assert f"raised {name}" in trace.failure or f"raised {type(error).__name__}" in trace.failure


@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
async def test_what_fails_at_the_end_takes_nothing_from_what_was_played(play, error, caplog):
    trace = await play({"close": raising(error)})

    assert (trace.fault, trace.failure) == (None, None)
    assert trace.outcome is not None
    assert len(trace.steps) == 2
    assert "the environment's close raised" in trace.metadata["close"]
    assert trace.metadata["close"] in caplog.text


async def test_an_end_that_hangs_is_told_beside_the_outcome(play, monkeypatch):
    monkeypatch.setattr(task, "RESET_SECONDS", 0.05)

    async def hang(*_):
        await asyncio.Event().wait()

    trace = await play({"close": hang})

    assert trace.outcome is not None
    assert "the environment's close was not over" in trace.metadata["close"]


@pytest.mark.parametrize("method", ["reset", "step", "state"])
async def test_an_environment_that_hangs_is_named(play, monkeypatch, method):
    monkeypatch.setattr(task, "RESET_SECONDS", 0.05)
    monkeypatch.setattr(task, "LATE", 0.05)

    async def hang(*_):
        await asyncio.Event().wait()

    trace = await play({method: hang}, limits=Limits(tool_seconds=0.02))

    assert (trace.outcome, trace.fault) == (None, "environment")
    assert f"the environment's {method}" in trace.failure
    assert "was not over within" in trace.failure


async def test_an_environment_that_blocks_the_loop_is_named(play, monkeypatch):
    monkeypatch.setattr(task, "LATE", 0.0)

    async def block(self, call, deadline_seconds):
        time.sleep(0.3)
        return told(call)

    trace = await play({"step": block}, limits=Limits(tool_seconds=0.1))
    assert (trace.outcome, trace.fault) == (None, "environment")
    assert "let nothing else run: what blocks belongs in a thread" in trace.failure


async def test_who_missed_a_deadline_in_a_standstill_says_so(recipe, draw, monkeypatch):
    monkeypatch.setattr("agent_factory.environment.pulse.STANDSTILL", 0.1)

    async def block(request):
        await asyncio.sleep(0)
        time.sleep(0.5)
        await asyncio.Event().wait()

    limits = Limits(step_seconds=0.2)
    (trace,) = await run_episodes(
        [draw("L1", "track_order")], recipe, Engine(block), "m", shielded=False, limits=limits
    )
    assert trace.fault == "engine"
    assert "the model gave no answer within 0.2 s; for" in trace.failure
    assert "the process was busy elsewhere" in trace.failure


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"price": float("nan")}, "not JSON: ValueError"),
        ({"price": float("inf")}, "not JSON: ValueError"),
        ({"when": object()}, "not JSON: TypeError"),
        ({"name": "\ud800"}, "not JSON: UnicodeEncodeError"),
        ({"a": {"b/c": 1}}, "the key 'b/c'"),
        ({"a": {1: 2}}, "the key 1"),
        ([1], "state is [1], expected a JSON object"),
        (None, "state is None"),
    ],
)
async def test_a_state_that_cannot_be_compared_is_no_failed_task(play, state, why):
    trace = await play({"state": telling(state)})

    assert (trace.outcome, trace.fault) == (None, "environment")
    assert why in trace.failure


async def test_a_state_that_holds_itself_is_told(play):
    state = {}
    state["self"] = state
    assert "Circular reference" in (await play({"state": telling(state)})).failure


@pytest.mark.parametrize("result", [None, "done", Message(role="tool", tool_call_id="c0", content="x")])
async def test_a_step_that_answers_with_something_else_is_told(play, result):
    trace = await play({"step": telling(result)})

    assert (trace.outcome, trace.fault) == (None, "environment")
    assert "the environment answered act with" in trace.failure


async def test_the_result_of_another_call_is_told(play):
    async def mix_up(self, call, seconds):
        return told(call.model_copy(update={"id": "another"}))

    assert "expected the result of 'c0'" in (await play({"step": mix_up})).failure


@pytest.mark.parametrize("fields", [{"reward": float("nan")}, {"reward": 1e300}, {"delay_seconds": float("inf")}])
async def test_measures_that_no_trace_can_hold_are_told(play, fields):
    async def measure(self, call, seconds):
        return told(call, **fields)

    trace = await play({"step": measure})
    assert (trace.outcome, trace.fault) == (None, "environment")
    assert f"of act is {next(iter(fields.values()))!r}" in trace.failure


async def test_a_result_of_ten_megabytes_is_refused_to_the_agent(play):
    async def pour(self, call, seconds):
        return told(call, "x" * 10_000_000)

    trace = await play({"step": pour})
    assert trace.failure is None
    assert trace.steps[0].error == f"act: 502 the answer has 10000000 characters, {border.MAX_RESULT} at most are taken"
    assert len(trace.model_dump_json()) < 100_000


async def test_half_a_character_in_a_result_is_replaced(play):
    async def halve(self, call, seconds):
        return told(call, "a\ud83d b \ud83d\ude00")

    trace = await play({"step": halve})
    assert (trace.failure, trace.outcome is None) == (None, False)
    assert [m.content for m in trace.messages() if m.role == "tool"] == ["a\ufffd b \U0001f600"]


class Engine:
    def __init__(self, chat):
        self.answer = chat

    async def chat(self, request, *, deadline_seconds):
        return await self.answer(request)

    async def close(self):
        pass


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError("x"), BaseExceptionGroup("g", [SystemExit(1)]), MemoryError()]
)
async def test_an_engine_may_raise_what_it_likes(recipe, draw, error):
    async def fail(request):
        raise error

    (trace,) = await run_episodes([draw("L1", "track_order")], recipe, Engine(fail), "m", shielded=False)
    assert (trace.outcome, trace.fault) == (None, "engine")
    assert f"engine: {type(error).__name__}" in trace.failure


@pytest.mark.parametrize("answer", [None, "done", {"role": "assistant"}])
async def test_an_engine_that_answers_with_something_else_is_named(recipe, draw, answer):
    async def tell(request):
        return answer

    (trace,) = await run_episodes([draw("L1", "track_order")], recipe, Engine(tell), "m", shielded=False)
    assert (trace.outcome, trace.fault) == (None, "engine")
    assert trace.failure == f"engine: it answered with {answer!r}, expected a ChatResult"


async def test_an_action_that_cannot_be_written_is_the_agents_fault(recipe, draw, moves):
    (trace,) = await run_episodes([draw("L1", "track_order")], recipe, moves("a\ud800"), "m", shielded=False)
    assert (trace.fault, trace.outcome.success) == ("agent", False)
    assert "malformed: the action cannot be written as UTF-8" in trace.failure
    trace.model_dump_json()


async def test_a_user_that_never_answers_is_at_fault(recipe, draw, moves, monkeypatch):
    class Mute:
        async def reply(self, agent_says):
            await asyncio.Event().wait()

    monkeypatch.setattr("agent_factory.environment.dialogue.cast.make_scripted", lambda scenario, seed: Mute())
    (trace,) = await run_episodes(
        [draw("L1", "track_order")], recipe, moves("?"), "m", shielded=False, limits=Limits(step_seconds=0.1)
    )
    assert (trace.outcome, trace.fault) == (None, "user")
    assert trace.failure == "user: deadline: no reply within 0.1 s"


async def test_who_ends_a_run_ends_it(recipe, draw, moves):
    async def hang(request):
        await asyncio.Event().wait()

    playing = asyncio.create_task(run_episodes([draw("L1", "track_order")], recipe, Engine(hang), "m", shielded=False))
    await asyncio.sleep(0.05)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
