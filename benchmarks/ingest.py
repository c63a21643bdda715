"""Durable ingest: events a second into one API process, beside MLflow tracing into the same kind of database.

Ours and the peer's are measured one after the other in this run, with the same events, requests of the
same size and the same client; the databases write through to the disk. The peer's figure is that of the
fastest of its ways. And kill -9: what was acknowledged is there, once.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.figure import Figure
from benchmarks.kill import Toll, make_event, run_kills
from benchmarks.peer import make_otlp, serve_mlflow, time_fluent
from benchmarks.server import serve_api
from benchmarks.wire import make_request, send_all
from tests.postgres import find_postgres, run_postgres

REACH = 5.0
KILLS = 100
"""Of each database: 200 in all."""
_SENDERS = 32
_BATCH = 250
_BATCH_SENDERS = (1, 4)
Events = list[dict[str, object]]


def measure() -> list[Figure]:
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, _databases(Path(folder)) as databases:
        for name, make_url in databases.items():
            ours = _measure_ours(Path(folder) / name, make_url())
            peer = _measure_peer(make_url())
            for way, events in ours.items():
                ratio = events / peer[way]
                figures.append(
                    Figure(
                        name=f"ingest/{name}/{way}",
                        ours=round(events),
                        peer=round(peer[way], 1),
                        unit="events/s",
                        ratio=round(ratio, 1),
                        reach=f">= {REACH:g} x MLflow tracing",
                        met=ratio >= REACH,
                    )
                )
            toll = run_kills(Path(folder) / f"{name}-kill", make_url(), KILLS, seed=1, tell=print)
            figures += _tell_toll(name, toll)
    return figures


@contextmanager
def _databases(folder: Path) -> Iterator[dict[str, Callable[[], str]]]:
    """By name, what makes the URL of a new database that is durable."""
    programs = find_postgres()
    if programs is None:
        raise RuntimeError("there is no PostgreSQL under /usr/lib/postgresql/*/bin: install it to measure")
    made = iter(range(100))
    with run_postgres(programs, durable=True) as server:
        yield {
            "sqlite": lambda: f"sqlite:///{folder / f'{next(made)}.db'}",
            "postgresql": server.make_database,
        }


def _make_events(name: str, count: int) -> Events:
    return [make_event(f"{name}-{number}") for number in range(count)]


def _cut(events: Events) -> list[Events]:
    return [events[start : start + _BATCH] for start in range(0, len(events), _BATCH)]


def _measure_ours(home: Path, database_url: str) -> dict[str, float]:
    def make(body: object) -> bytes:
        return make_request("/data/events", json.dumps(body).encode(), Content_Type="application/json")

    with serve_api(home, database_url) as server:
        found = _measure(server.port, lambda events: make(events[0]), make, count=4000)
    _require_count(database_url, "traces", found.pop("sent"))
    return found


def _measure_peer(database_url: str) -> dict[str, float]:
    with serve_mlflow(database_url) as port:
        found = _measure(port, make_otlp, make_otlp, count=500)
    _require_count(database_url, "trace_info", found.pop("sent"))
    found["singles"] = max(found["singles"], time_fluent(database_url, _make_events("fluent", 420)))
    return found


def _measure(
    port: int, make_one: Callable[[Events], bytes], make_many: Callable[[Events], bytes], count: int
) -> dict[str, float]:
    """Events a second, one a request by many senders and many a request by few; and how many were sent."""
    warm = [make_one([event]) for event in _make_events("warm", 64)]
    send_all(port, warm, _SENDERS)
    singles = [make_one([event]) for event in _make_events("one", count)]
    alone = count / send_all(port, singles, _SENDERS)
    batched, sent = 0.0, len(warm) + count
    for senders in _BATCH_SENDERS:
        events = _make_events(f"many{senders}", max(2 * count, 8 * _BATCH))
        seconds = send_all(port, [make_many(some) for some in _cut(events)], senders)
        batched, sent = max(batched, len(events) / seconds), sent + len(events)
    return {"singles": alone, "batches": batched, "sent": sent}


def _require_count(database_url: str, table: str, count: float) -> None:
    """What was answered with 200 is in the database."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()
    engine.dispose()
    if found != count:
        raise RuntimeError(f"{count} events were answered, {found} are in {table} of {engine.url!r}")


def _tell_toll(name: str, toll: Toll) -> list[Figure]:
    reach = f"0 of {toll.acknowledged} events in {toll.kills} kills, {toll.hit} of them during a request"
    return [
        Figure(f"ingest/{name}/kill/lost", toll.lost, "events", reach=reach, met=toll.lost == 0),
        Figure(f"ingest/{name}/kill/doubled", toll.doubled, "events", reach=reach, met=toll.doubled == 0),
    ]
