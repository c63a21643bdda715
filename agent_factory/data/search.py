"""Looks for a person in all that is kept of a project: raw traces, clean ones, records of single sessions, quarantine.

Invariant: what is found is told by ids; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import select

from agent_factory.core.artifact import Artifacts
from agent_factory.core.aside import Aside, read_body
from agent_factory.core.day import day_path
from agent_factory.core.erasure import count_records, find_records
from agent_factory.core.error import NotFoundError
from agent_factory.core.recipe import load_recipe
from agent_factory.core.store import Store
from agent_factory.core.table import traces
from agent_factory.data.importing.removal import find_quarantined
from agent_factory.data.subject import Subject
from agent_factory.data.value import fold, read_values
from agent_factory.privacy.redactor import Redactor, open_redactor

_CHUNK = 400


class Found(NamedTuple):
    """Ids of a person's traces with their days, their recipes, sessions, and other records as ``<kind>:<id>``.

    ``unreadable`` traces were searched as text alone; ``searched`` is how many traces there are at all, ``kept`` how
    many records of single traces and sessions.
    """

    traces: dict[str, str]
    recipes: set[str | None]
    sessions: set[str]
    records: set[str]
    matched: dict[str, int]
    unreadable: int
    searched: int = 0
    kept: int = 0


class _Row(NamedTuple):
    """A trace as it is kept: its place, and its body as text."""

    id: str
    day: str
    recipe: str | None
    session_id: str | None
    body: str


def search(store: Store, artifacts: Artifacts, project: str, subjects: Sequence[Subject]) -> Found:
    """All that is about one of the subjects; of a session all traces, for each repeats the ones before it."""
    found = Found({}, set(), set(), set(), {}, 0)
    matched: dict[str, set[str]] = {}
    cleaned: set[str] = set()
    arrived = 0
    for row in _read_clean(artifacts, project):
        cleaned.add(row.id)
        _take(row, _names_in(row.body, subjects), found, matched)
    redactor_of = lru_cache(_open_redactor)
    aside = Aside()
    for row in _read_inbox(store, project):
        arrived += 1
        names = _names_in(row.body, subjects)
        if not names and row.id not in cleaned:
            names = _names_once_redacted(row, subjects, redactor_of(row.recipe), aside)
        _take(row, names, found, matched)
    _add_records(store, artifacts, project, subjects, found)
    for row in _read_inbox(store, project) if found.sessions else ():
        if row.session_id in found.sessions:
            _take(row, ["session"], found, matched)
    counts = {name: len(ids) for name, ids in sorted(matched.items())}
    sizes = {"searched": max(arrived, len(cleaned)), "kept": count_records(store, project)}
    return found._replace(matched=counts, unreadable=aside.tell().count, **sizes)


def _take(row: _Row, names: Sequence[str], found: Found, matched: dict[str, set[str]]) -> None:
    if not names:
        return
    for name in names:
        matched.setdefault(name, set()).add(row.id)
    found.traces[row.id] = row.day
    found.recipes.add(row.recipe)
    if row.session_id is not None:
        found.sessions.add(row.session_id)


def _names_in(text: str, subjects: Sequence[Subject]) -> list[str]:
    values = read_values(text)
    return [subject.name for subject in subjects if subject.is_in(text, values)]


def _names_once_redacted(row: _Row, subjects: Sequence[Subject], redactor: Redactor, aside: Aside) -> list[str]:
    """For a trace that was never cleaned: as whom redaction would know those in it, or in its text."""
    trace = read_body(row.id, row.body, f"day {row.day}", aside)
    if trace is None:
        session = redactor.open_session()
        redactor.redact_text(row.body, session)
        hashes = set(session.hashes.values())
    else:
        hashes = set(redactor.redact_trace(trace).pseudonyms.values())
    return [subject.name for subject in subjects if subject.hash in hashes]


def _read_clean(artifacts: Artifacts, project: str) -> Iterator[_Row]:
    for day in artifacts.list_folders(f"projects/{project}/days"):
        path = day_path(project, day, "clean_events")
        if artifacts.exists(path):
            for row in artifacts.read_rows(path, ("id", "recipe", "session_id", "body")):
                yield _Row(row["id"], day, row["recipe"], row["session_id"], row["body"])


def _read_inbox(store: Store, project: str) -> Iterator[_Row]:
    columns = traces.c
    query = select(columns.id, columns.day, columns.recipe, columns.session_id, columns.body)
    query = query.where(columns.project == project).execution_options(yield_per=_CHUNK)
    with store.begin(read_only=True) as connection:
        for row in connection.execute(query):
            yield _Row(*row)


def _add_records(store: Store, artifacts: Artifacts, project: str, subjects: Sequence[Subject], found: Found) -> None:
    """Sessions and quarantined rows that tell of the person, and what speaks of a trace or a session of theirs."""
    for kind, name in find_records(store, project, lambda text, _: bool(_names_in(text, subjects))):
        if kind == "Session":
            found.sessions.add(name)
        found.records.add(f"{kind}:{name}")
    tells = lambda text: any(subject.is_in(text, fold(text)) for subject in subjects)  # noqa: E731
    found.records.update(":".join(told) for told in find_quarantined(store, artifacts, project, tells))
    own = {*found.traces, *found.sessions}
    for kind, name in find_records(store, project, lambda _, body: not own.isdisjoint(_strings(body))):
        found.records.add(f"{kind}:{name}")


def _strings(value: Any) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _open_redactor(recipe: str | None) -> Redactor:
    try:
        return open_redactor(load_recipe(recipe) if recipe else None)
    except NotFoundError:
        return open_redactor()
