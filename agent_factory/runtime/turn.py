"""Turns of a session as records: begun before anything happens, growing step by step, finished before the answer.

Invariants: at most one turn of a session runs, and an action is in the store before its tools are
called. A turn whose process has ended is settled as "interrupted": its steps are kept as a trace, in
which a call that nobody saw answered says so. The session goes on from the state before it; or, where
a live service has acted, from there, so that the model knows what it did and repeats nothing blindly.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

import psutil

from agent_factory.contracts.message import Message
from agent_factory.contracts.release import Session
from agent_factory.contracts.session import SessionMemory, SessionTurn
from agent_factory.contracts.trace import Step, Trace
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.error import BusyError, ConflictError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog

INTERRUPTED = "interrupted: the process that served the turn ended before it was answered"
_GRACE_SECONDS = 30.0
_NO_ANSWER = 408


@lru_cache(maxsize=1)
def name_runner() -> str:
    """This process, told apart from any later one: host, process id and start time."""
    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def is_running(turn: SessionTurn) -> bool:
    """Whether another process may still be at work on the turn."""
    if turn.state != "running" or turn.runner == name_runner():
        return False
    host, pid, born = turn.runner.rsplit("/", 2)
    if host != socket.gethostname():
        return clock.now() < turn.ends_by
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == born and clock.now() < turn.ends_by
    except psutil.NoSuchProcess:
        return False


def turn_id(session: str, number: int) -> str:
    """The id of a turn, and of its trace."""
    return f"{session}-{number}"


def digest_request(session: str, text: str) -> str:
    """What tells two messages of a session apart."""
    return digest_json([session, text])


def begin_turn(
    store: Store, session: Session, build: str, number: int, text: str, key: str | None, seconds: float
) -> SessionTurn:
    """Write the turn before anything happens; BusyError where another process was first."""
    now = clock.now()
    turn = SessionTurn(
        id=turn_id(session.id, number),
        project=session.project,
        created_at=now,
        session=session.id,
        agent=session.agent,
        build=build,
        number=number,
        key=key,
        request_digest=digest_request(session.id, text),
        state="running",
        runner=name_runner(),
        updated_at=now,
        ends_by=now + timedelta(seconds=seconds + _GRACE_SECONDS),
    )
    try:
        store.put(turn)
    except ConflictError as error:
        raise BusyError(f"session {session.id!r} is at work on another message; wait for its answer") from error
    return turn


def begin_step(store: Store, turn: SessionTurn, step: Step, memory: SessionMemory, *, lasting: bool) -> SessionTurn:
    """The turn with a step whose tools are about to be called; returns after the database has committed.

    ``lasting`` says that what the tools do cannot be undone: the memory that goes with it is kept too.
    """
    return _put_step(store, turn, step, memory, (), calling=True, lasting=lasting)


def add_step(
    store: Store, turn: SessionTurn, step: Step, memory: SessionMemory, closing: tuple[Message, ...], lasting: bool
) -> SessionTurn:
    """The turn with one more step and what came of it; returns after the database has committed."""
    return _put_step(store, turn, step, memory, closing, calling=False, lasting=lasting)


def _put_step(
    store: Store,
    turn: SessionTurn,
    step: Step,
    memory: SessionMemory,
    closing: tuple[Message, ...],
    *,
    calling: bool,
    lasting: bool,
) -> SessionTurn:
    before = tuple(known for known in turn.steps if known.index != step.index)
    changes = {"steps": (*before, step), "calling": calling, "closing": closing, "pseudonyms": memory.pseudonyms}
    turn = turn.model_copy(update={**changes, "updated_at": clock.now()})
    with store.begin() as connection:
        store.put_in(connection, turn, replace=True)
        if lasting and has_acted(turn):
            store.put_in(connection, memory, replace=True)
    return turn


def has_acted(turn: SessionTurn) -> bool:
    """Whether a tool was called in the turn."""
    return any(step.action.tool_calls for step in turn.steps)


def finish_turn(store: Store, turn: SessionTurn, trace: Trace, memory: SessionMemory) -> None:
    """Keep the trace, then the turn and the memory together; returns after both are committed."""
    TraceLog(store).add([trace])
    with store.begin() as connection:
        store.put_in(connection, turn, replace=True)
        store.put_in(connection, memory, replace=True)


def settle_interrupted(
    store: Store,
    session: Session,
    memory: SessionMemory,
    *,
    repeatable: bool,
    to_trace: Callable[[SessionTurn, SessionMemory], Trace],
) -> SessionMemory:
    """Settle turns after the memory's last whose process ended; the memory with their numbers used up.

    Where the turn cannot be undone (``repeatable`` is False, and a live service has acted), its key
    stays used, so that the same request never acts twice, and its trace is where the session goes on.
    BusyError where the turn still runs elsewhere.
    """
    while (turn := store.peek(SessionTurn, turn_id(session.id, memory.turns + 1))) is not None:
        if is_running(turn):
            left = max(1.0, (turn.ends_by - clock.now()).total_seconds())
            raise BusyError(f"session {session.id!r} is at work on another message", retry_after=min(left, 5.0))
        settled = _interrupt(turn)
        if turn.steps and TraceLog(store).get(turn.id, turn.project) is None:
            TraceLog(store).add([to_trace(settled, memory)])
        stands = not repeatable and has_acted(turn)
        keys = {**memory.keys, turn.key: turn.number} if stands and turn.key is not None else memory.keys
        trace = turn.id if stands else memory.trace
        memory = memory.model_copy(update={"turns": turn.number, "keys": keys, "trace": trace})
        with store.begin() as connection:
            store.put_in(connection, settled, replace=True)
            store.put_in(connection, memory, replace=True)
    return memory


def _interrupt(turn: SessionTurn) -> SessionTurn:
    """The turn as interrupted; a call that was not seen to end is answered with just that."""
    changes = {"state": "interrupted", "failure": INTERRUPTED, "fault": "engine", "updated_at": clock.now()}
    if not turn.calling:
        return turn.model_copy(update=changes)
    last = turn.steps[-1]
    names = ", ".join(call.name for call in last.action.tool_calls)
    error = f"interrupted: {names} was called and its answer is not known"
    told = json.dumps({"error": f"{error}; look before calling it again", "status": _NO_ANSWER})
    calls = last.action.tool_calls
    changes |= {
        "failure": f"{INTERRUPTED}; {names} was called and whether it took effect is not known",
        "calling": False,
        "steps": (*turn.steps[:-1], last.model_copy(update={"error": error})),
        "closing": tuple(Message(role="tool", tool_call_id=call.id, name=call.name, content=told) for call in calls),
    }
    return turn.model_copy(update=changes)


def join_steps(past: Trace | None, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Steps after those of an earlier trace, numbered on; what it left unread stands before the first."""
    if past is None:
        return steps
    offset, unread = len(past.steps), past.closing
    joined = [step.model_copy(update={"index": offset + number}) for number, step in enumerate(steps)]
    if joined and unread:
        joined[0] = joined[0].model_copy(update={"observation": (*unread, *joined[0].observation)})
    return (*past.steps, *joined)


def join_closing(past: Trace | None, steps: tuple[Step, ...], closing: tuple[Message, ...]) -> tuple[Message, ...]:
    """What nobody has read yet: of the earlier trace too, where no step has followed it."""
    return closing if past is None or steps else (*past.closing, *closing)
