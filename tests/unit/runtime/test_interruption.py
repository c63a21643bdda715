"""A process that is killed in the middle of a turn: nothing is lost, and nothing is done twice unseen."""

from typing import Any

import pytest

from agent_factory.agent.toolbox import Toolbox, ToolResult
from agent_factory.contracts import Message, SessionTurn, ToolCall
from agent_factory.core.error import BusyError, ModelError
from agent_factory.core.tracelog import TraceLog
from agent_factory.runtime import turn as turn_module
from tests.unit.runtime.engine import CANCEL, SCRIPT, ScriptedEngine, manage, say, status_in_world


class KilledError(BaseException):
    """Stands for a killed process: nothing handles it."""


async def kill_in_mid_turn(plant: Any) -> str:
    """A process dies after the cancellation was done and before it was answered."""

    def die(request: Any) -> Any:
        raise KilledError

    manager = manage(plant, ScriptedEngine(*SCRIPT[:2], die))
    session = await manager.open("support_desk")
    with pytest.raises(KilledError):
        await manager.step(session.id, CANCEL, "k1")
    running = plant.store.get(SessionTurn, f"{session.id}-1")
    assert (running.state, len(running.steps)) == ("running", 2)
    ended = f"{running.runner.split('/')[0]}/1/0.00"  # process 1 did not start in 1970
    plant.store.put(running.model_copy(update={"runner": ended}), replace=True)
    return session.id


async def test_a_killed_turn_loses_nothing_and_is_done_once(deployed: Any) -> None:
    session = await kill_in_mid_turn(deployed)
    manager = manage(deployed, ScriptedEngine(*SCRIPT))
    reply = await manager.step(session, CANCEL, "k1")
    assert reply.turn == 2
    assert reply.answer
    assert reply.answer.startswith("Order 4417 is cancelled")
    interrupted, answered = TraceLog(deployed.store).of_session(session, "default")
    assert interrupted.failure
    assert interrupted.failure.startswith("interrupted")
    assert len(interrupted.steps) == 2
    assert interrupted.pseudonyms
    assert len(answered.steps) == 3
    assert "cancelled" not in answered.steps[1].observation[0].content  # the world was as before the killed turn
    assert deployed.store.get(SessionTurn, f"{session}-1").state == "interrupted"
    assert await manager.step(session, CANCEL, "k1") == reply
    await manager.close()


async def test_a_killed_turn_with_a_live_service_is_not_repeated(make_plant: Any) -> None:
    plant = make_plant(runtime={"tools_url": "http://127.0.0.1:9"})
    plant.deploy()
    session = await kill_in_mid_turn(plant)
    engine = ScriptedEngine(say("never asked"))
    manager = manage(plant, engine)
    with pytest.raises(ModelError, match="interrupted"):
        await manager.step(session, CANCEL, "k1")
    assert engine.asked == []
    assert (await manager.step(session, "Are you there?", "k2")).answer == "never asked"
    await manager.close()


async def test_a_turn_of_a_process_that_lives_is_waited_for(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await kill_in_mid_turn(deployed)
    monkeypatch.setattr(turn_module, "is_running", lambda turn: turn.state == "running")
    manager = manage(deployed, ScriptedEngine(*SCRIPT))
    with pytest.raises(BusyError):
        await manager.step(session, CANCEL, "k1")
    await manager.close()


async def kill_in_the_tool(plant: Any, monkeypatch: pytest.MonkeyPatch, tool: str = "cancel_order") -> str:
    """A process dies while the tool is at work: whether it took effect, nobody knows."""
    acted: list[str] = []

    async def act(_self: Any, made: ToolCall, _seconds: float) -> Any:
        acted.append(made.name)
        if made.name == tool:
            raise KilledError
        return ToolResult(Message(role="tool", tool_call_id=made.id, name=made.name, content='{"status":"open"}'), None)

    manager = manage(plant, ScriptedEngine(*SCRIPT))
    session = await manager.open("support_desk")
    with monkeypatch.context() as patched:
        patched.setattr(Toolbox, "call", act)
        with pytest.raises(KilledError):
            await manager.step(session.id, CANCEL, "k1")
    assert acted[-1] == tool
    end_process(plant, session.id)
    return session.id


def end_process(plant: Any, session: str) -> None:
    running = plant.store.get(SessionTurn, f"{session}-1")
    assert running.state == "running"
    plant.store.put(running.model_copy(update={"runner": f"{running.runner.split('/')[0]}/1/0.00"}), replace=True)


async def test_an_action_is_durable_before_its_tools_are_called(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await kill_in_the_tool(deployed, monkeypatch)
    running = deployed.store.get(SessionTurn, f"{session}-1")
    assert [step.action.tool_calls[0].name for step in running.steps] == ["get_order", "cancel_order"]
    assert running.calling


async def test_a_call_that_was_interrupted_is_shown_and_not_made_again(
    make_plant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = make_plant(runtime={"tools_url": "http://127.0.0.1:9"})
    plant.deploy()
    session = await kill_in_the_tool(plant, monkeypatch)
    engine = ScriptedEngine(say("I asked for order 4417 to be cancelled for <EMAIL_1>; let me see whether it was."))
    manager = manage(plant, engine)
    with pytest.raises(ModelError, match="cancel_order was called and whether it took effect is not known"):
        await manager.step(session, CANCEL, "k1")
    assert engine.asked == []
    (interrupted,) = TraceLog(plant.store).of_session(session, "default")
    assert interrupted.failure
    assert "cancel_order" in interrupted.failure
    assert "interrupted" in (interrupted.steps[1].error or "")
    assert [message.tool_call_id for message in interrupted.closing] == ["c0"]
    reply = await manager.step(session, "Is it cancelled?", "k2")
    assert reply.answer
    assert "anna.berg@example.com" in reply.answer
    told = engine.asked[0].messages
    assert [message.role for message in told] == ["user", "assistant", "tool", "assistant", "tool", "user"]
    assert "answer is not known" in (told[4].content or "")
    trace = TraceLog(plant.store).get(reply.trace, "default")
    assert [message.content for message in trace.messages()][:6] == [message.content for message in told]
    with pytest.raises(ModelError, match="cancel_order"):
        await manager.step(session, CANCEL, "k1")
    await manager.close()


async def test_an_interrupted_call_in_a_world_of_its_own_is_undone_and_done_once(
    deployed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await kill_in_the_tool(deployed, monkeypatch)
    engine = ScriptedEngine(*SCRIPT)
    manager = manage(deployed, engine)
    reply = await manager.step(session, CANCEL, "k1")
    assert reply.answer
    assert len(engine.asked[0].messages) == 1
    assert status_in_world(deployed, session) == "cancelled"
    interrupted, _ = TraceLog(deployed.store).of_session(session, "default")
    assert "interrupted" in (interrupted.steps[1].error or "")
    await manager.close()


async def test_a_turn_that_called_nothing_is_answered_after_a_kill_with_a_live_service_too(make_plant: Any) -> None:
    plant = make_plant(runtime={"tools_url": "http://127.0.0.1:9"})
    plant.deploy()

    def die(request: Any) -> Any:
        raise KilledError

    manager = manage(plant, ScriptedEngine(die))
    session = await manager.open("support_desk")
    with pytest.raises(KilledError):
        await manager.step(session.id, "Hello", "k1")
    end_process(plant, session.id)
    again = manage(plant, ScriptedEngine(say("Hello.")))
    assert (await again.step(session.id, "Hello", "k1")).answer == "Hello."
    await again.close()


async def test_what_the_tools_answered_before_a_kill_is_read_by_the_next_turn(make_plant: Any) -> None:
    plant = make_plant(runtime={"tools_url": "http://127.0.0.1:9"})
    plant.deploy()
    session = await kill_in_mid_turn(plant)
    engine = ScriptedEngine(say("The service could not be reached."))
    manager = manage(plant, engine)
    assert (await manager.step(session, "And now?", "k2")).answer
    roles = [message.role for message in engine.asked[0].messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "user"]
    assert "could not be reached" in (engine.asked[0].messages[4].content or "")
    await manager.close()
