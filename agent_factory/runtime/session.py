"""Live sessions: a user's message goes in, the agent's answer comes out, and nothing of it can be lost.

Invariants: a session takes one message at a time; a key is acted on once; every step is in the store
before anything follows it, and the turn's trace is in the TraceLog before the answer is given. What
is in memory here can be dropped at any moment: a session goes on from the store.
Each turn's trace holds the whole conversation up to it (``metadata.turn`` says which turn it is).
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from agent_factory.contracts.message import ToolCall
from agent_factory.contracts.record import DEFAULT_PROJECT, Part
from agent_factory.contracts.release import Agent, Session
from agent_factory.contracts.session import SessionMemory, SessionTurn
from agent_factory.core import clock
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import BusyError, ConflictError, DeadlineError, InputError, ModelError
from agent_factory.core.store import Store
from agent_factory.runtime.live import CpuLedger, LiveSession
from agent_factory.runtime.memory import forget, memory_id
from agent_factory.runtime.promotion import serving
from agent_factory.runtime.service import EngineOpener, ServiceRoom
from agent_factory.runtime.turn import digest_request, turn_id

KEPT_SESSIONS = 500


class StepReply(Part):
    """What came of a message: the answer, or ``failure`` that the agent brought on itself.

    ``calls`` are the tool calls in order, as the model wrote them (placeholders for personal data).
    ``trace`` is the id under which the turn can be read in the TraceLog.
    """

    session: str
    turn: int
    trace: str
    answer: str | None
    failure: str | None
    calls: tuple[ToolCall, ...]
    seconds: float


class SessionManager:
    """The sessions of this process, over the store that all processes share."""

    def __init__(self, store: Store, artifacts: Artifacts, open_engine: EngineOpener | None = None) -> None:
        self._store = store
        self._services = ServiceRoom(store, artifacts, open_engine)
        self._live: OrderedDict[str, LiveSession] = OrderedDict()
        self._busy: set[str] = set()
        self._cpu = CpuLedger()

    async def open(self, agent_id: str, user: str | None = None, project: str = DEFAULT_PROJECT) -> Session:
        """A new session with what serves the agent now; ConflictError where nothing does."""
        agent = self._store.get(Agent, agent_id, project)
        deployment = serving(self._store, agent_id, project)
        if deployment is None:
            raise ConflictError(f"nothing serves agent {agent_id!r} yet: promote a build that PASSed first")
        now = clock.now()
        session = Session(
            id=clock.new_id("session"),
            project=agent.project,
            created_at=now,
            agent=agent_id,
            deployment=deployment.id,
            state="open",
            user=user,
        )
        memory = SessionMemory(id=memory_id(session.id), project=agent.project, created_at=now, session=session.id)
        with self._store.begin() as connection:
            self._store.put_in(connection, session)
            self._store.put_in(connection, memory)
        return session

    async def step(self, session_id: str, text: str, key: str | None = None) -> StepReply:
        """Answer a message. The same ``key`` gives the same reply and calls no tool twice.

        Raises BusyError while another message is at work, ConflictError for a closed session or a key
        that stood for another message, ModelError or DeadlineError where the model failed.
        """
        if session_id in self._busy:
            raise BusyError(f"session {session_id!r} is at work on another message; wait for its answer")
        if not text.strip():
            raise InputError("the message is empty: expected what the user says")
        self._busy.add(session_id)
        try:
            session = self._store.get(Session, session_id)
            known = await asyncio.to_thread(self._find_reply, session, text, key)
            return known or await self._run(session, text, key)
        finally:
            self._busy.discard(session_id)

    async def end(self, session_id: str) -> Session:
        """Close a session and erase what is personal in its memory; twice is once."""
        if session_id in self._busy:
            raise BusyError(f"session {session_id!r} is at work on a message; wait for its answer")
        session = self._store.get(Session, session_id).model_copy(update={"state": "closed"})
        memory = self._store.get(SessionMemory, memory_id(session_id))
        with self._store.begin() as connection:
            self._store.put_in(connection, session, replace=True)
            self._store.put_in(connection, forget(memory), replace=True)
        self._drop(session_id)
        return session

    async def close(self) -> None:
        """Give back the models; sessions stay in the store."""
        for session_id in [*self._live]:
            self._drop(session_id)
        await self._services.close()

    async def _run(self, session: Session, text: str, key: str | None) -> StepReply:
        if session.state == "closed":
            raise ConflictError(f"session {session.id!r} is closed: open a new one")
        agent = self._store.get(Agent, session.agent, session.project)
        service = await self._services.acquire(session.deployment)
        try:
            live = self._live.get(session.id)
            if live is None or live.service is not service:
                live = await asyncio.to_thread(LiveSession.restore, self._store, session, agent, service)
                self._keep(session.id, live)
                known = await asyncio.to_thread(self._find_reply, session, text, key)
                if known is not None:  # an interrupted turn that must not be repeated was settled just now
                    return known
            started = time.perf_counter()
            with self._cpu.during() as cpu:
                try:
                    turn, answer = await live.take_turn(text, key)
                except BaseException:
                    self._drop(session.id)  # what is in memory may be ahead of the store
                    raise
            if turn.fault == "engine":
                self._drop(session.id)  # undone in the store: the next message starts from there
            await asyncio.to_thread(live.record_usage, turn, time.perf_counter() - started, cpu.seconds)
            return _to_reply(turn, answer)
        finally:
            self._services.release(session.deployment)

    def _find_reply(self, session: Session, text: str, key: str | None) -> StepReply | None:
        """The reply that was given under this key, or None where none was."""
        memory = self._store.get(SessionMemory, memory_id(session.id))
        if key is None or key not in memory.keys:
            return None
        turn = self._store.get(SessionTurn, turn_id(session.id, memory.keys[key]))
        if turn.request_digest != digest_request(session.id, text):
            raise ConflictError(f"the key {key!r} stood for another message of session {session.id!r}: use a new key")
        if session.state == "closed":
            raise ConflictError(f"session {session.id!r} is closed and its answers are erased: open a new one")
        return _to_reply(turn, memory.answers.get(str(turn.number)))

    def _keep(self, session_id: str, live: LiveSession) -> None:
        self._live[session_id] = live
        for old in [name for name in self._live if name not in self._busy]:
            if len(self._live) <= KEPT_SESSIONS:
                break
            self._drop(old)

    def _drop(self, session_id: str) -> None:
        live = self._live.pop(session_id, None)
        if live is not None:
            live.service.leave(session_id)


def _to_reply(turn: SessionTurn, answer: str | None) -> StepReply:
    if turn.fault == "engine":
        failure = (turn.failure or "").rstrip(".")
        text = f"turn {turn.number} of session {turn.session!r} was not answered: {failure}"
        error = DeadlineError if failure.startswith("deadline") else ModelError
        raise error(f"{text}. Say it again under a new key, or open a new session.")
    return StepReply(
        session=turn.session,
        turn=turn.number,
        trace=turn.trace or turn.id,
        answer=answer,
        failure=turn.failure,
        calls=tuple(call for step in turn.steps for call in step.action.tool_calls),
        seconds=(turn.updated_at - turn.created_at).total_seconds(),
    )
