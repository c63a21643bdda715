"""One session at work: its conversation with the model, its shield and its world.

Invariant: after ``take_turn`` returns, the store holds all that is needed to go on without this object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from agent_factory.agent.loop import Conversation, Limits, Turn
from agent_factory.compute.usage import read_cpu_seconds, read_peak_memory, record_usage
from agent_factory.contracts.compute import Usage
from agent_factory.contracts.release import Agent, Session
from agent_factory.contracts.session import SessionMemory, SessionTurn
from agent_factory.contracts.trace import Step, Trace
from agent_factory.core import clock
from agent_factory.core.error import StorageError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.privacy.shield import Shield
from agent_factory.runtime.memory import RememberingShield, hear, memory_id, remember, skip
from agent_factory.runtime.service import Service
from agent_factory.runtime.turn import (
    add_step,
    begin_step,
    begin_turn,
    finish_turn,
    join_closing,
    join_steps,
    settle_interrupted,
)

_TOOL_SECONDS = 10.0


class LiveSession:
    """A session in memory; ``past`` is the conversation of the turns before it was restored."""

    def __init__(
        self, store: Store, session: Session, agent: Agent, service: Service, memory: SessionMemory, past: Trace | None
    ) -> None:
        self.session, self.service = session, service
        self._store, self._memory, self._past = store, memory, past
        self._turn: SessionTurn | None = None
        self._shield = RememberingShield(Shield(service.redactor))
        self._shield.recall(memory)
        seconds = agent.step_timeout_seconds
        self._seconds = seconds
        self._conversation = Conversation(
            service.engine,
            service.enter(session.id, memory.world),
            service.release.model,
            service.release.system_prompt,
            service.tools.tools,
            service.sampling,
            Limits(
                max_steps=agent.max_steps,
                step_seconds=seconds,
                tool_seconds=min(_TOOL_SECONDS, seconds),
                episode_seconds=seconds,
            ),
            shield=self._shield,
            on_action=self._keep_action,
            on_step=self._keep_step,
            history=past.messages() if past else (),
        )

    @classmethod
    def restore(cls, store: Store, session: Session, agent: Agent, service: Service) -> LiveSession:
        """The session as it was after its last finished turn; turns of ended processes are settled.

        Raises BusyError where another process is at work on it, StorageError where its trace is gone.
        """

        def to_trace(turn: SessionTurn, memory: SessionMemory) -> Trace:
            return _interrupted_trace(session, service, turn, _read_past(store, session, memory))

        memory = settle_interrupted(
            store,
            session,
            store.get(SessionMemory, memory_id(session.id)),
            repeatable=service.simulator is not None,
            to_trace=to_trace,
        )
        return cls(store, session, agent, service, memory, _read_past(store, session, memory))

    async def take_turn(self, text: str, key: str | None) -> tuple[SessionTurn, str | None]:
        """Run one turn; it and its trace are durable when this returns. The turn and the revealed answer."""
        number, build = self._memory.turns + 1, self.service.release.build
        self._turn = await asyncio.to_thread(
            begin_turn, self._store, self.session, build, number, text, key, self._seconds
        )
        result = await self._conversation.turn(text)
        turn = self._turn.model_copy(
            update={
                "state": "failed" if result.failure else "answered",
                "trace": self._turn.id,
                "failure": result.failure,
                "fault": result.fault,
                "updated_at": clock.now(),
            }
        )
        memory = self._remember(turn, result.answer)
        await asyncio.to_thread(finish_turn, self._store, turn, self._to_trace(turn, result), memory)
        self._memory, self._turn = memory, None
        return turn, result.answer

    def _remember(self, turn: SessionTurn, answer: str | None) -> SessionMemory:
        """The memory after the turn; one that the engine failed is undone where the world is the session's own."""
        if turn.fault == "engine" and self.service.simulator is not None:
            return skip(self._memory, turn)
        return remember(self._memory, self._shield, turn=turn, world=self.service.snapshot(turn.session), answer=answer)

    def record_usage(self, turn: SessionTurn, wall_seconds: float, cpu_seconds: float) -> None:
        """Write down what the turn spent, at the prices of the build."""
        used = [step.usage for step in turn.steps if step.usage]
        prompt, completion = sum(one.prompt_tokens for one in used), sum(one.completion_tokens for one in used)
        prices = self.service.prices
        usage = Usage(
            id=clock.new_id("usage"),
            project=turn.project,
            created_at=clock.now(),
            factory="runtime",
            activity="turn",
            build=turn.build,
            model=self.service.release.model,
            started_at=turn.created_at,
            wall_seconds=wall_seconds,
            cpu_seconds=cpu_seconds,
            peak_memory_bytes=read_peak_memory(),
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=prices.of_work(cpu_seconds, prompt, completion),
            currency=prices.currency,
        )
        record_usage(self._store, usage)

    async def _keep_action(self, step: Step) -> None:
        turn, memory, lasting = self._at_work()
        self._turn = await asyncio.to_thread(begin_step, self._store, turn, step, memory, lasting=lasting)

    async def _keep_step(self, step: Step) -> None:
        turn, memory, lasting = self._at_work()
        closing = self._conversation.unread
        self._turn = await asyncio.to_thread(add_step, self._store, turn, step, memory, closing, lasting)

    def _at_work(self) -> tuple[SessionTurn, SessionMemory, bool]:
        """The turn that runs, the memory up to here, and whether what its tools do lasts beyond this process."""
        if self._turn is None:
            raise StorageError(f"session {self.session.id!r}: a step came outside a turn")
        return self._turn, hear(self._memory, self._shield), self.service.simulator is None

    def _to_trace(self, turn: SessionTurn, result: Turn) -> Trace:
        trace = self._conversation.to_trace(
            turn.id,
            "production",
            started_at=turn.created_at,
            failure=result.failure,
            **_frame(self.session, self.service, turn),
        )
        if self._past is None:
            return trace
        # The ids before the restart were not sampled by this conversation: they are not exact any more.
        return trace.model_copy(
            update={
                "steps": join_steps(self._past, trace.steps),
                "closing": join_closing(self._past, trace.steps, trace.closing),
                "tokens": None,
            }
        )


def _read_past(store: Store, session: Session, memory: SessionMemory) -> Trace | None:
    """The conversation that the memory stands at the end of; StorageError where it is gone."""
    past = TraceLog(store).get(memory.trace, session.project) if memory.trace else None
    if memory.trace and past is None:
        raise StorageError(f"session {session.id!r}: its trace {memory.trace!r} is gone, it cannot go on")
    return past


class CpuReading:
    """CPU seconds of one piece of work, known when it is over."""

    seconds: float = 0.0


class CpuLedger:
    """The process's CPU time shared out over turns that overlap: each second is charged to one turn only."""

    def __init__(self) -> None:
        self._charged = read_cpu_seconds()

    @contextmanager
    def during(self) -> Generator[CpuReading]:
        """Charge to the block what was spent since it began and has not been charged to another."""
        began, reading = read_cpu_seconds(), CpuReading()
        try:
            yield reading
        finally:
            now = read_cpu_seconds()
            reading.seconds = max(0.0, now - max(began, self._charged))
            self._charged = now


def _frame(session: Session, service: Service, turn: SessionTurn) -> dict[str, Any]:
    return {
        "project": session.project,
        "recipe": service.release.recipe,
        "session_id": session.id,
        "build": service.release.build,
        "metadata": {"turn": turn.number, "agent": session.agent, "deployment": session.deployment},
    }


def _interrupted_trace(session: Session, service: Service, turn: SessionTurn, past: Trace | None) -> Trace:
    return Trace.model_validate(
        {
            "id": turn.id,
            "created_at": turn.updated_at,
            "source": "production",
            "started_at": turn.created_at,
            "model": service.release.model,
            "system": service.release.system_prompt,
            "tools": service.tools.tools,
            "steps": join_steps(past, turn.steps),
            "closing": join_closing(past, turn.steps, turn.closing),
            "failure": turn.failure,
            "pseudonyms": turn.pseudonyms,
            **_frame(session, service, turn),
        }
    )
