"""Labels and preferences as they stand: given, changed, withdrawn, and the newest word of each labeler.

Invariant: of one labeler about one thing only the newest word counts, whichever way it came.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from agent_factory.contracts.trace import Feedback
from agent_factory.core import clock, table
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.data.labelling.record import Choice, Preference, make_id, to_score

MAX_TAGS = 20
MAX_TAG_LENGTH = 60
MAX_COMMENT_LENGTH = 4000


class Preferred(NamedTuple):
    """What people say of two traces: ``better`` over ``worse``, or neither (``tie``)."""

    better: str
    worse: str
    tie: bool
    votes: int


def read_tags(given: str | Iterable[str]) -> tuple[str, ...]:
    """Tags from a list or a text with commas: trimmed, in lower case, each once, in order; InputError for long ones."""
    parts = given.split(",") if isinstance(given, str) else given
    found = sorted({" ".join(part.split()).lower() for part in parts} - {""})
    too_long = [tag for tag in found if len(tag) > MAX_TAG_LENGTH]
    if len(found) > MAX_TAGS or too_long:
        raise InputError(
            f"{len(found)} tags, of them longer than {MAX_TAG_LENGTH} characters: {too_long!r}; "
            f"at most {MAX_TAGS} short tags are taken"
        )
    return tuple(found)


def read_comment(text: str | None) -> str | None:
    """A trimmed comment, None for an empty one; InputError for one that is too long."""
    found = (text or "").replace("\r\n", "\n").strip()
    if len(found) > MAX_COMMENT_LENGTH:
        raise InputError(f"the comment has {len(found)} characters, at most {MAX_COMMENT_LENGTH} are taken")
    return found or None


def make_feedback(
    project: str,
    trace_id: str,
    reviewer: str,
    rating: float,
    *,
    comment: str | None = None,
    tags: Iterable[str] = (),
    kind: str = "person",
    at: datetime | None = None,
) -> Feedback:
    """A label by ``reviewer`` with a rating from 1 to 5; see ``make_scored``."""
    return make_scored(project, trace_id, reviewer, to_score(rating), comment=comment, tags=tags, kind=kind, at=at)


def make_scored(
    project: str,
    trace_id: str,
    reviewer: str,
    score: float,
    *,
    comment: str | None = None,
    tags: Iterable[str] = (),
    kind: str = "person",
    at: datetime | None = None,
) -> Feedback:
    """A label by ``reviewer`` with a score from 0 to 1; the same reviewer's next one has the same id."""
    body = {"trace_id": trace_id, "labeler": reviewer, "kind": kind, "score": score, "comment": comment}
    name = make_id("label", project, trace_id, kind, reviewer)
    return Feedback.model_validate(
        {"id": name, "project": project, "created_at": at or clock.now(), **body, "tags": read_tags(tags)}
    )


def make_preference(
    project: str,
    shown: tuple[str, str],
    choice: Choice,
    reviewer: str,
    *,
    comment: str | None = None,
    tags: Iterable[str] = (),
    kind: str = "person",
    at: datetime | None = None,
) -> Preference:
    """A preference among two traces; ``choice`` is in their order as given. InputError for one trace twice."""
    if shown[0] == shown[1]:
        raise InputError(f"trace {shown[0]!r} cannot be compared with itself: name two traces")
    first, second = sorted(shown)
    if first != shown[0] and choice != "tie":
        choice = "second" if choice == "first" else "first"
    body = {"first": first, "second": second, "choice": choice, "labeler": reviewer, "kind": kind, "comment": comment}
    name = make_id("preference", project, first, second, kind, reviewer)
    return Preference.model_validate(
        {"id": name, "project": project, "created_at": at or clock.now(), **body, "tags": read_tags(tags)}
    )


def keep(store: Store, word: Feedback | Preference) -> bool:
    """Write a labeler's word over their earlier one; False where this or a newer one stands there already."""
    with take_turn(store, word.project) as turn:
        return keep_in(store, turn, word)


def keep_in(store: Store, turn: Turn, word: Feedback | Preference) -> bool:
    """``keep`` as part of a turn."""
    known = store.peek(type(word), word.id)
    if known is not None and known.created_at > word.created_at:
        return False
    return store.put_in(turn.connection, word, replace=True, arrival=turn.number)


class Turn(NamedTuple):
    """A transaction that is alone with a project's labelling, and its number: of two turns the later has the larger."""

    connection: Connection
    number: int


@contextmanager
def take_turn(store: Store, project: str) -> Generator[Turn]:
    """Whoever writes a project's words or assignments takes a turn, so that their order is one for all."""
    name = f"labelling.{digest_json(project)[:24]}"
    column = table.counters.c
    with store.begin(read_only=True) as connection:
        known = connection.execute(select(column.value).where(column.name == name)).scalar() is not None
    if not known:
        store.next_number(name)
    with store.begin() as connection:
        yield Turn(connection, store.next_number_in(connection, name))


def read_feedback(store: Store, project: str) -> dict[str, list[Feedback]]:
    """The labels that count, by trace: of each labeler the newest, in the order of labelers."""
    newest: dict[tuple[str, str, str], Feedback] = {}
    for feedback in store.find(Feedback, project=project):
        newest[feedback.trace_id, feedback.kind, feedback.labeler] = feedback
    found: dict[str, list[Feedback]] = {}
    for key in sorted(newest):
        if newest[key].state == "given":
            found.setdefault(key[0], []).append(newest[key])
    return found


def read_votes(store: Store, project: str, kind: str = "person") -> list[Preference]:
    """The preferences that count, ordered by pair and labeler."""
    found = (one for one in store.find(Preference, project=project) if one.kind == kind and one.state == "given")
    return sorted(found, key=lambda one: (one.first, one.second, one.labeler))


def read_preferences(store: Store, project: str) -> list[Preferred]:
    """What people prefer, one a pair of traces, in order of ids: what most say; a draw among them is a tie."""
    balance: dict[tuple[str, str], list[int]] = {}
    for vote in read_votes(store, project):
        value = {"first": 1, "second": -1, "tie": 0}[vote.choice]
        balance.setdefault((vote.first, vote.second), []).append(value)
    pairs: list[Preferred] = []
    for (first, second), votes in sorted(balance.items()):
        total = sum(votes)
        better, worse = (second, first) if total < 0 else (first, second)
        pairs.append(Preferred(better, worse, total == 0, len(votes)))
    return pairs


class Said(NamedTuple):
    """That a label was given, changed or withdrawn: its place in the order of arrival, when it was said, of what."""

    arrival: int
    at: datetime
    trace_id: str


def find_said(store: Store, project: str, after: int) -> list[Said]:
    """The labels that came, or came anew, after that number, in the order of their coming; after -1 came all."""
    columns = table.records.c
    query = select(columns.arrival, columns.body).where(
        columns.kind == Feedback.__name__, columns.project == project, columns.arrival > after
    )
    with store.begin(read_only=True) as connection:
        rows: list[Any] = list(connection.execute(query.order_by(columns.arrival, columns.id)))
    found = [(row.arrival, Feedback.model_validate_json(row.body)) for row in rows]
    return [Said(arrival, word.created_at, word.trace_id) for arrival, word in found]
