"""kill -9 of the API during ingest: what was acknowledged is there, once.

Senders send events alone, in lists and as streams, each request under a key of its own; where no answer
came they send the same again, to the next process. Invariant: every id is counted from an answer of 200,
never from what was sent.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from agent_factory.core.store import Store
from agent_factory.core.table import traces
from benchmarks.server import serve_api

_SENDERS = 4
_RESEND_SECONDS = 120.0
_DAY = "2026-11-10"


@dataclass
class Toll:
    """What came of it. ``lost`` were acknowledged and are not there; ``doubled`` were kept or counted twice."""

    kills: int
    hit: int
    """Kills that left at least one request without an answer."""
    acknowledged: int
    resent: int
    lost: int
    doubled: int


@dataclass
class _Log:
    lock: threading.Lock = field(default_factory=threading.Lock)
    ids: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    unanswered: int = 0
    open: int = 0


def make_event(name: str) -> dict[str, Any]:
    """A small trace of two messages and a call."""
    call = {"id": "c1", "name": "get_order", "arguments": {"order_id": name}}
    steps = [
        {
            "index": 0,
            "observation": [{"role": "user", "content": f"Where is order {name}?"}],
            "action": {"role": "assistant", "tool_calls": [call]},
        },
        {
            "index": 1,
            "observation": [{"role": "tool", "tool_call_id": "c1", "name": "get_order", "content": '{"state":"sent"}'}],
            "action": {"role": "assistant", "content": "It is on its way and arrives on Friday."},
        },
    ]
    return {"id": name, "source": "production", "started_at": f"{_DAY}T10:00:00Z", "steps": steps}


def run_kills(
    home: Path, database_url: str, kills: int, seed: int, tell: Callable[[str], None] = lambda _: None
) -> Toll:
    """Kill the API ``kills`` times at random moments of its work, then compare answers and store."""
    draw = random.Random(seed)
    log, done = _Log(), threading.Event()
    hit = 0
    with serve_api(home, database_url) as server, ThreadPoolExecutor(_SENDERS) as pool:
        senders = [pool.submit(_send_all, server.port, f"s{seed}-{number}", log, done) for number in range(_SENDERS)]
        try:
            for number in range(kills):
                _wait_for_work(log, senders)
                time.sleep(draw.uniform(0.0, 0.15))
                before = log.unanswered
                with log.lock:
                    in_flight = log.open
                server.kill()
                server.start()
                hit += in_flight > 0 or log.unanswered > before
                if (number + 1) % 20 == 0:
                    tell(f"{number + 1} of {kills} kills, {sum(log.ids.values())} events acknowledged")
        finally:
            done.set()
        for sender in senders:
            sender.result(_RESEND_SECONDS)
    return _count(database_url, log, kills, hit)


def _wait_for_work(log: _Log, senders: list[Any]) -> None:
    end, known = time.monotonic() + _RESEND_SECONDS, sum(log.ids.values())
    while sum(log.ids.values()) == known:
        if time.monotonic() > end or any(sender.done() for sender in senders):
            raise RuntimeError("no event was acknowledged for two minutes, or a sender failed")
        time.sleep(0.002)


def _send_all(port: int, name: str, log: _Log, done: threading.Event) -> None:
    draw = random.Random(name)
    number = 0
    while not done.is_set():
        kind = draw.choice(("one", "one", "list", "stream"))
        count = {"one": 1, "list": draw.randint(2, 40), "stream": draw.randint(2, 900)}[kind]
        ids = [f"{name}-{number + more}" for more in range(count)]
        number += count
        events = [make_event(name) for name in ids]
        lines = "\n".join(json.dumps(event) for event in events)
        body = lines if kind == "stream" else json.dumps(events[0] if kind == "one" else events)
        headers = {"Idempotency-Key": ids[0], "Content-Type": "application/json"}
        if kind == "stream":
            headers["Content-Type"] = "application/x-ndjson"
        receipt = _send(port, body.encode(), headers, log)
        with log.lock:
            log.ids.update(ids)
            log.accepted += receipt["accepted"]
            if receipt["duplicates"]:
                raise RuntimeError(f"{ids[0]}: {receipt['duplicates']} were told as duplicates, none was sent twice")


def _send(port: int, body: bytes, headers: dict[str, str], log: _Log) -> dict[str, int]:
    end = time.monotonic() + _RESEND_SECONDS
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with log.lock:
            log.open += 1
        try:
            connection.request("POST", "/data/events", body, headers)
            reply = connection.getresponse()
            told = reply.read()
            if reply.status == 200:
                return json.loads(told)
            if reply.status not in (429, 504):
                raise RuntimeError(f"{reply.status}: {told.decode()[:500]}")
        except (OSError, http.client.HTTPException):
            with log.lock:
                log.unanswered += 1
        finally:
            connection.close()
            with log.lock:
                log.open -= 1
        time.sleep(0.01)
    raise RuntimeError("a request was not answered within two minutes")


def _count(database_url: str, log: _Log, kills: int, hit: int) -> Toll:
    store = Store(database_url)
    with store.begin(read_only=True) as connection:
        kept = Counter(connection.execute(select(traces.c.id)).scalars())
    store.engine.dispose()
    twice = sum(count - 1 for count in kept.values())
    # Each answer counts its own: an event that was accepted in two answers would make the sums differ.
    return Toll(
        kills=kills,
        hit=hit,
        acknowledged=sum(log.ids.values()),
        resent=log.unanswered,
        lost=sum(1 for name in log.ids if name not in kept),
        doubled=twice + abs(log.accepted - len(kept)),
    )
