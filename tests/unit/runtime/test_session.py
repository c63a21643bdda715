import asyncio
import json
from typing import Any

import pytest

from agent_factory.compute.usage import read_usage
from agent_factory.contracts import SessionMemory, SessionTurn
from agent_factory.core.error import (
    BusyError,
    ConflictError,
    ContextError,
    DeadlineError,
    InputError,
    ModelError,
    NotFoundError,
    StorageError,
)
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.runtime import live
from agent_factory.runtime.agent import create_agent
from agent_factory.runtime.promotion import deploy_release
from agent_factory.runtime.session import SessionManager
from tests.unit.runtime.engine import CANCEL, SCRIPT, ScriptedEngine, call, manage, say, status_in_world


async def test_an_answer_is_real_and_its_trace_is_shielded_and_durable(deployed: Any) -> None:
    engine = ScriptedEngine(*SCRIPT)
    manager = manage(deployed, engine)
    session = await manager.open("support_desk", "app-user-1")
    reply = await manager.step(session.id, CANCEL, "k1")
    assert reply.answer == "Order 4417 is cancelled, confirmation goes to anna.berg@example.com."
    assert [made.name for made in reply.calls] == ["get_order", "cancel_order"]
    (trace,) = TraceLog(deployed.store).of_session(session.id, "default")
    assert trace.id == reply.trace
    assert (trace.source, trace.build, trace.model, trace.metadata["turn"]) == ("production", "b1", "M2", 1)
    assert "anna.berg@example.com" not in trace.model_dump_json()
    assert "anna.berg@example.com" not in engine.asked[-1].model_dump_json()
    assert list(trace.pseudonyms) == ["<EMAIL_1>", "<REF_1>"]
    assert "4417" not in trace.steps[0].observation[0].content
    assert status_in_world(deployed, session.id) == "cancelled"
    (usage,) = read_usage(deployed.store, factory="runtime")
    assert (usage.prompt_tokens, usage.completion_tokens, usage.build, usage.currency) == (120, 30, "b1", "EUR")
    await manager.close()
    assert engine.closed


async def test_the_same_key_gives_the_same_reply_and_calls_no_tool_twice(deployed: Any) -> None:
    engine = ScriptedEngine(*SCRIPT)
    manager = manage(deployed, engine)
    session = await manager.open("support_desk")
    first = await manager.step(session.id, CANCEL, "k1")
    assert await manager.step(session.id, CANCEL, "k1") == first
    assert len(engine.asked) == 3
    assert len(TraceLog(deployed.store).of_session(session.id, "default")) == 1
    with pytest.raises(ConflictError, match="'k1'"):
        await manager.step(session.id, "Refund order 4417.", "k1")
    again = manage(deployed, ScriptedEngine())
    assert await again.step(session.id, CANCEL, "k1") == first
    await manager.close()
    await again.close()


def without_times(trace: Any) -> list[Any]:
    return [step.model_copy(update={"executions": [call.call_id for call in step.executions]}) for step in trace.steps]


async def test_a_session_goes_on_after_a_restart_as_if_there_was_none(deployed: Any) -> None:
    follow_up = (call("get_order", order_id="4417"), say("It is cancelled, <EMAIL_1>."))

    async def talk(restart: bool) -> tuple[list[Any], str | None, Any]:
        engines = [ScriptedEngine(*SCRIPT), ScriptedEngine(*follow_up)]
        manager = manage(deployed, engines[0])
        session = await manager.open("support_desk")
        await manager.step(session.id, CANCEL)
        if restart:
            await manager.close()
            manager = manage(deployed, engines[1])
        else:
            engines[0].script += follow_up
        reply = await manager.step(session.id, "What is the status of 4417 now?")
        await manager.close()
        asked = engines[1].asked if restart else engines[0].asked[3:]
        return (
            [request.messages for request in asked],
            reply.answer,
            TraceLog(deployed.store).get(reply.trace, "default"),
        )

    kept, answer, trace = await talk(restart=False)
    rebuilt, answer_after, trace_after = await talk(restart=True)
    assert rebuilt == kept
    assert answer_after == answer == "It is cancelled, anna.berg@example.com."
    assert without_times(trace_after) == without_times(trace)
    assert json.loads(rebuilt[1][-1].content)["status"] == "cancelled"
    assert trace_after.metadata["turn"] == 2
    assert len(trace_after.messages()) == 10


async def test_one_message_at_a_time(deployed: Any) -> None:
    engine = ScriptedEngine(say("Hello."), say("Yes."))
    engine.gate = asyncio.Event()
    manager = manage(deployed, engine)
    session = await manager.open("support_desk")
    first = asyncio.create_task(manager.step(session.id, "Hello"))
    while not manager._busy:
        await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await manager.step(session.id, "Are you there?")
    with pytest.raises(BusyError):
        await manager.end(session.id)
    engine.gate.set()
    assert (await first).answer == "Hello."
    assert (await manager.step(session.id, "Are you there?")).turn == 2
    await manager.close()


async def test_many_sessions_at_once_do_not_mix(deployed: Any) -> None:
    def answer(request: Any) -> Any:
        last = request.messages[-1]
        return call("get_order", order_id=last.content.split()[-1]) if last.role == "user" else say(last.content)

    manager = manage(deployed, ScriptedEngine(*[answer] * 16))
    sessions = [await manager.open("support_desk") for _ in range(8)]
    orders = ["4417", "5520", "6031", "7284"] * 2
    replies = await asyncio.gather(
        *(manager.step(session.id, f"Status of {order}") for session, order in zip(sessions, orders, strict=True))
    )
    told = [reply.answer for reply in replies]
    assert all(told[:4])
    assert told[:4] == told[4:]
    assert len(set(told)) == 4
    await manager.close()


async def test_steps_are_durable_before_the_next_is_asked(deployed: Any) -> None:
    seen: list[int] = []

    def look(request: Any) -> Any:
        (turn,) = Store(deployed.store.url).find(SessionTurn)
        seen.append(len(turn.steps))
        return SCRIPT[len(seen) - 1]

    manager = manage(deployed, ScriptedEngine(look, look, look))
    session = await manager.open("support_desk")
    await manager.step(session.id, CANCEL)
    assert seen == [0, 1, 2]
    await manager.close()


async def test_a_full_disk_costs_the_turn_and_not_the_session(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = manage(deployed, ScriptedEngine(*SCRIPT[:2], *SCRIPT))
    session = await manager.open("support_desk")
    kept = live.add_step
    failing = [False, True]

    def write(*arguments: Any) -> Any:
        if failing and failing.pop(0):
            raise StorageError("the disk is full")
        return kept(*arguments)

    monkeypatch.setattr(live, "add_step", write)
    with pytest.raises(StorageError):
        await manager.step(session.id, CANCEL)
    reply = await manager.step(session.id, CANCEL)
    assert reply.answer
    assert [made.name for made in reply.calls] == ["get_order", "cancel_order"]
    assert status_in_world(deployed, session.id) == "cancelled"
    await manager.close()


async def test_an_engine_that_fails_is_an_error_and_the_session_goes_on(deployed: Any) -> None:
    manager = manage(deployed, ScriptedEngine(RuntimeError("boom"), say("Here I am.")))
    session = await manager.open("support_desk")
    with pytest.raises(ModelError, match="boom"):
        await manager.step(session.id, "Hello", "k1")
    with pytest.raises(ModelError, match="boom"):
        await manager.step(session.id, "Hello", "k1")
    assert (await manager.step(session.id, "Hello", "k2")).answer == "Here I am."
    failed, answered = TraceLog(deployed.store).of_session(session.id, "default")
    assert failed.failure == "engine: RuntimeError: boom"
    assert [message.content for message in answered.messages()] == ["Hello", "Here I am."]
    await manager.close()


async def test_a_turn_that_the_engine_failed_is_undone(deployed: Any) -> None:
    manager = manage(deployed, ScriptedEngine(*SCRIPT[:2], RuntimeError("boom"), *SCRIPT))
    session = await manager.open("support_desk")
    with pytest.raises(ModelError, match="boom"):
        await manager.step(session.id, CANCEL)
    reply = await manager.step(session.id, CANCEL)
    answered = TraceLog(deployed.store).of_session(session.id, "default")[-1]
    assert answered.id == reply.trace
    assert "cancelled" not in (answered.steps[1].observation[0].content or "")
    assert answered.steps[1].error is None
    await manager.close()


async def test_a_conversation_beyond_the_context_is_the_agents_failure_and_says_so(deployed: Any) -> None:
    manager = manage(deployed, ScriptedEngine(*SCRIPT[:2], ContextError("the prompt has 600 tokens.")))
    session = await manager.open("support_desk")
    reply = await manager.step(session.id, CANCEL, "k1")
    assert (reply.answer, reply.failure) == (None, "context: the prompt has 600 tokens.")
    assert await manager.step(session.id, CANCEL, "k1") == reply
    (trace,) = TraceLog(deployed.store).of_session(session.id, "default")
    assert (trace.failure, len(trace.steps)) == (reply.failure, 2)
    await manager.close()


async def test_a_deadline_ends_a_turn(deployed: Any) -> None:
    create_agent(deployed.store, "hasty", "support_desk", step_timeout_seconds=0.05)
    deploy_release(deployed.store, "b1-release", "hasty")
    engine = ScriptedEngine(say("too late"))
    engine.gate = asyncio.Event()
    manager = manage(deployed, engine)
    session = await manager.open("hasty")
    with pytest.raises(DeadlineError):
        await manager.step(session.id, "Hello")
    await manager.close()


async def test_a_step_limit_is_the_agents_failure(deployed: Any) -> None:
    manager = manage(deployed, ScriptedEngine(*[call("get_order", order_id="4417")] * 12))
    session = await manager.open("support_desk")
    reply = await manager.step(session.id, "Status of 4417?", "k")
    assert reply.answer is None
    assert reply.failure
    assert "step limit" in reply.failure
    assert await manager.step(session.id, "Status of 4417?", "k") == reply
    await manager.close()


async def test_a_closed_session_forgets_what_is_personal(deployed: Any) -> None:
    manager = manage(deployed, ScriptedEngine(*SCRIPT))
    session = await manager.open("support_desk")
    await manager.step(session.id, CANCEL, "k1")
    await manager.end(session.id)
    assert (await manager.end(session.id)).state == "closed"
    memory = deployed.store.get(SessionMemory, f"{session.id}-memory")
    assert "anna.berg@example.com" not in memory.model_dump_json()
    for key in (None, "k1"):
        with pytest.raises(ConflictError, match="closed"):
            await manager.step(session.id, CANCEL, key)
    await manager.close()


async def test_what_cannot_be_asked_is_refused(plant: Any) -> None:
    manager = manage(plant, ScriptedEngine())
    with pytest.raises(NotFoundError):
        await manager.open("support_desk")
    plant.deploy()
    session = await manager.open("support_desk")
    with pytest.raises(InputError, match="empty"):
        await manager.step(session.id, "  ")
    with pytest.raises(NotFoundError):
        await manager.step("session-0", "Hello")
    await manager.close()


async def test_an_agent_that_nothing_serves_has_no_sessions(plant: Any) -> None:
    create_agent(plant.store, "night", "support_desk")
    with pytest.raises(ConflictError, match="nothing serves"):
        await manage(plant, ScriptedEngine()).open("night")


async def test_a_corrupt_model_is_named_with_what_to_do(deployed: Any) -> None:
    deployed.artifacts.write_bytes("builds/b1/models/policy/model.safetensors", b"scrambled")
    manager = SessionManager(deployed.store, deployed.artifacts)
    session = await manager.open("support_desk")
    with pytest.raises(ModelError, match="digest") as caught:
        await manager.step(session.id, "Hello")
    assert "builds/b1/models/policy" in str(caught.value)
    assert "again" in str(caught.value)
    assert deployed.store.find(SessionTurn) == []
    await manager.close()
