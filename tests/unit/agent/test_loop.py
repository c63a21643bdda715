"""The loop: steps and traces, the shield, exact tokens, limits, and whose fault an end is."""

import asyncio
from dataclasses import replace

import pytest

from agent_factory.agent.loop import Conversation, Limits
from agent_factory.contracts import Message, TokenUsage, ToolCall
from agent_factory.core.error import ContextError, ModelError
from agent_factory.gateway.chat import ChatResult, Sampling

USAGE = TokenUsage(prompt_tokens=3, completion_tokens=2)


def answer(text="done", finish="stop", **tokens):
    message = Message(role="assistant", content=text)
    return ChatResult(message=message, finish_reason=finish, usage=USAGE, latency_seconds=0.1, **tokens)


def call(email, **tokens):
    calls = (ToolCall(id="c", name="find_person", arguments={"email": email}),)
    message = Message(role="assistant", tool_calls=calls)
    return ChatResult(message=message, finish_reason="tool_calls", usage=USAGE, latency_seconds=0.1, **tokens)


class Script:
    """An engine that returns (or raises) what it was given, and keeps the requests."""

    def __init__(self, *moves):
        self.moves, self.requests = list(moves), []

    async def chat(self, request, *, deadline_seconds):
        self.requests.append(request)
        move = self.moves.pop(0)
        if isinstance(move, Exception):
            raise move
        return await move if asyncio.isfuture(move) else move

    async def close(self):
        pass


class Mask:
    """A shield that knows one address."""

    pseudonyms = {"<EMAIL_1>": "hash"}  # noqa: RUF012

    def hide_text(self, text):
        return text.replace("ann@x.com", "<EMAIL_1>")

    def hide_message(self, message):
        return message.model_copy(update={"content": self.hide_text(message.content)})

    def hide_json_text(self, text, source=""):
        return self.hide_text(text)

    def reveal_text(self, text):
        return text.replace("<EMAIL_1>", "ann@x.com")

    def reveal_json(self, arguments):
        return {key: self.reveal_text(value) for key, value in arguments.items()}


def converse(engine, toolbox, limits=None, **options):
    return Conversation(
        engine,
        toolbox,
        "m",
        "be kind",
        toolbox.tools.tools,
        options.pop("sampling", Sampling()),
        limits or Limits(),
        **options,
    )


async def test_a_turn_is_steps_of_observation_and_action(toolbox):
    conversation = converse(Script(call("a@b.c"), answer("It is a@b.c.")), toolbox)

    turn = await conversation.turn("who?")

    assert (turn.answer, turn.failure) == ("It is a@b.c.", None)
    trace = conversation.to_trace("t1", "rollout", scenario_id="s")
    assert [message.role for message in trace.messages()] == ["user", "assistant", "tool", "assistant"]
    assert [step.observation[0].role for step in trace.steps] == ["user", "tool"]
    assert trace.steps[1].observation[0].content == '{"email":"a@b.c"}'
    assert (trace.system, trace.model, trace.scenario_id) == ("be kind", "m", "s")


class Ear:
    """A toolbox that keeps what was asked of it; its results are given more, as an environment may."""

    def __init__(self, toolbox, **more):
        self.toolbox, self.tools, self.more, self.calls = toolbox, toolbox.tools, more, []

    async def call(self, call, deadline_seconds):
        self.calls.append(call)
        return replace(await self.toolbox.call(call, deadline_seconds), **self.more)


async def test_a_step_tells_how_its_calls_went(toolbox):
    more = {"reward": 0.5, "injected": "latency", "delay_seconds": 30.0, "screenshot": b"png"}
    kept = []
    engine = Script(call("ann@x.com"), answer())
    conversation = converse(engine, Ear(toolbox, **more), keep_screenshot=lambda png: kept.append(png) or "pictures/1")

    await conversation.turn("hi")

    step = conversation.steps[0]
    assert (step.reward, kept) == (0.5, [b"png"])
    (execution,) = step.executions
    assert (execution.call_id, execution.injected, execution.screenshot) == ("c", "latency", "pictures/1")
    assert 30.0 < execution.latency_seconds < 40.0


async def test_the_model_sees_placeholders_and_the_world_sees_people(toolbox):
    engine = Script(call("<EMAIL_1>"), answer("I wrote to <EMAIL_1>."))
    heard = Ear(toolbox)
    conversation = converse(engine, heard, shield=Mask())

    turn = await conversation.turn("I am ann@x.com")

    assert turn.answer == "I wrote to ann@x.com."
    assert [call.arguments for call in heard.calls] == [{"email": "ann@x.com"}]
    trace = conversation.to_trace("t", "production")
    assert "ann@x.com" not in trace.model_dump_json()
    assert trace.pseudonyms == {"<EMAIL_1>": "hash"}


async def test_what_a_tool_refused_is_named_in_the_step_and_hidden(toolbox):
    class Names(Mask):
        def hide_text(self, text):
            return text.replace("Ann", "<PERSON_1>")

    conversation = converse(Script(call("Ann"), answer()), toolbox, shield=Names())

    await conversation.turn("hi")

    assert conversation.steps[0].error == "find_person: 404 nobody has <PERSON_1>"


async def test_exact_tokens_are_kept_and_handed_on(toolbox):
    first = call("a@b.c", prompt_ids=(1, 2), completion_ids=(3, 4), logprobs=(-0.1, -0.2))
    second = answer(prompt_ids=(1, 2, 3, 4, 5), completion_ids=(6,), logprobs=(-0.3,))
    engine = Script(first, second)
    conversation = converse(engine, toolbox)

    await conversation.turn("who?")

    assert engine.requests[0].context is None
    assert (engine.requests[1].context.messages, engine.requests[1].context.ids) == (2, (1, 2, 3, 4))
    tokens = conversation.to_trace("t", "rollout").tokens
    assert tokens.ids == (1, 2, 3, 4, 5, 6)
    assert tokens.loss_mask == (0, 0, 1, 1, 0, 1)
    assert tokens.logprobs == (0.0, 0.0, -0.1, -0.2, 0.0, -0.3)


async def test_an_engine_that_encodes_anew_leaves_no_token_trace(toolbox):
    first = call("a@b.c", prompt_ids=(1, 2), completion_ids=(3, 4), logprobs=(-0.1, -0.2))
    second = answer(prompt_ids=(1, 2, 9, 5), completion_ids=(6,), logprobs=(-0.3,))
    conversation = converse(Script(first, second), toolbox)

    await conversation.turn("who?")

    assert conversation.to_trace("t", "rollout").tokens is None


async def test_every_step_is_told_before_the_next(toolbox):
    told = []
    engine = Script(call("a@b.c"), answer())

    async def keep(step):
        told.append((step.index, len(engine.requests)))

    await converse(engine, toolbox, on_step=keep).turn("who?")

    assert told == [(0, 1), (1, 2)]


async def test_a_step_that_could_not_be_kept_stops_the_turn(toolbox):
    async def keep(step):
        raise OSError("disk full")

    engine = Script(call("a@b.c"), answer())
    with pytest.raises(OSError, match="disk full"):
        await converse(engine, toolbox, on_step=keep).turn("who?")
    assert len(engine.requests) == 1


@pytest.mark.parametrize(
    ("moves", "fault", "told"),
    [
        ([call("a@b.c")] * 3, "agent", "step limit: no answer after 3 steps"),
        (
            [answer("I wi", "length")],
            "agent",
            "context: the conversation fills the model's context",
        ),
        ([answer("<tool_call>{", "malformed")], "agent", "malformed"),
        ([call("a@b.c"), ContextError("900 tokens")], "agent", "context: 900 tokens"),
        ([ModelError("the engine is gone")], "engine", "engine: ModelError: the engine is gone"),
        ([call("a@b.c"), ZeroDivisionError("oops")], "engine", "engine: ZeroDivisionError: oops"),
    ],
)
async def test_an_end_names_its_cause_and_whose_fault_it_is(toolbox, moves, fault, told):
    turn = await converse(Script(*moves), toolbox, Limits(max_steps=3)).turn("who?")

    assert (turn.answer, turn.fault) == (None, fault)
    assert told in turn.failure


async def test_an_action_that_reached_its_own_limit_says_so(toolbox):
    turn = await converse(Script(answer("I", "length")), toolbox, sampling=Sampling(max_tokens=2)).turn("who?")

    assert (turn.fault, turn.failure) == ("agent", "length: the action was cut off after 2 tokens")
    assert turn.steps[0].error == turn.failure


async def test_a_model_that_hangs_is_left_at_the_deadline(toolbox):
    never = asyncio.get_running_loop().create_future()
    conversation = converse(Script(never), toolbox, Limits(step_seconds=0.02))

    turn = await conversation.turn("who?")

    assert (turn.fault, turn.steps) == ("engine", ())
    assert "deadline" in turn.failure
    assert conversation.to_trace("t", "production").closing[0].content == "who?"


async def test_a_conversation_goes_on_from_its_history(toolbox):
    engine = Script(answer("yes"))
    history = [Message(role="user", content="hi"), Message(role="assistant", content="hello")]
    conversation = converse(engine, toolbox, history=history)

    await conversation.turn("still there?")

    assert [message.content for message in engine.requests[0].messages] == ["hi", "hello", "still there?"]
    assert [m.content for m in conversation.to_trace("t", "production").messages()] == ["still there?", "yes"]


async def test_each_step_samples_from_a_stream_of_its_own(toolbox):
    engine = Script(call("a@b.c"), answer())
    await converse(engine, toolbox, sampling=Sampling(temperature=1.0, seed=5)).turn("who?")
    again = Script(call("a@b.c"), answer())
    await converse(again, toolbox, sampling=Sampling(temperature=1.0, seed=5)).turn("who?")

    seeds = [request.sampling.seed for request in engine.requests]
    assert len(set(seeds)) == 2
    assert seeds == [request.sampling.seed for request in again.requests]
