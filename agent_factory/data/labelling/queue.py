"""The work queue of reviewers: the most informative item that a reviewer has not had and nobody else holds.

An item is wanted by one person, and by ``overlap_reviewers`` where it falls into the policy's overlap
(which items do follows from their ids). Invariants: a reviewer answers an item once and never gets it
again; at one time an item is in no more hands than it is wanted by. To hold that, whoever changes a
project's assignments takes a turn (``feedback.take_turn``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import Connection, select

from agent_factory.contracts.record import Count, Part
from agent_factory.contracts.trace import Feedback
from agent_factory.core import clock, table
from agent_factory.core.artifact import Artifacts
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.data.labelling.candidate import Candidate, item_id, read_candidates
from agent_factory.data.labelling.feedback import Turn, keep, keep_in, read_feedback, read_votes, take_turn
from agent_factory.data.labelling.record import Assignment, ItemKind, LabelPolicy, Preference, make_id


class Progress(Part):
    """How far a kind of work has come: by everyone, and for the reviewer who asks."""

    items: Count
    answered: Count
    in_hand: Count
    yours: Count
    skipped_by_you: Count
    left_for_you: Count


class _State(NamedTuple):
    """Who has had what: by item the reviewers who answered, who hold it now, and who passed it on."""

    answered: dict[str, set[str]]
    held: dict[str, set[str]]
    skipped: dict[str, set[str]]

    def is_free(self, candidate: Candidate, reviewer: str, policy: LabelPolicy) -> bool:
        answered = self.answered.get(candidate.item, set())
        held = self.held.get(candidate.item, set()) - answered
        if reviewer in answered or reviewer in self.skipped.get(candidate.item, set()):
            return False
        return len((answered | held) - {reviewer}) < wanted_by(candidate.item, policy)


def read_policy(store: Store, project: str) -> LabelPolicy:
    """The project's policy; what it does not say has the defaults."""
    name = make_id("labelpolicy", project)
    return store.peek(LabelPolicy, name) or LabelPolicy(id=name, project=project, created_at=clock.now())


def wanted_by(item: str, policy: LabelPolicy) -> int:
    """How many people an item is for."""
    share = int(digest_json(item)[:8], 16) / 2**32
    return policy.overlap_reviewers if share < policy.overlap else 1


def take(store: Store, artifacts: Artifacts, project: str, reviewer: str, kind: ItemKind) -> Assignment | None:
    """Hand the reviewer an item: the one in their hands already, else the next; None where none is left.

    It is theirs until ``expires_at``; asking again gives the same one for as long again.
    """
    policy = read_policy(store, project)
    candidates = read_candidates(store, artifacts, project, kind, policy.days)
    words = set(_words(store, project, kind))
    with take_turn(store, project) as turn:
        now = clock.now()
        assignments = _read(turn.connection, project, kind)
        ends = now + timedelta(seconds=policy.lease_seconds)
        open_ones = [one for one in assignments if one.reviewer == reviewer and one.state == "open"]
        mine = [one for one in open_ones if one.expires_at > now and (one.item, reviewer) not in words]
        if mine:
            held = max(mine, key=lambda one: (one.expires_at, one.id))
            held = held.model_copy(update={"expires_at": ends})
            store.put_in(turn.connection, held, replace=True)
            return held
        state = _sort(assignments, words, now)
        free = next((one for one in candidates if state.is_free(one, reviewer, policy)), None)
        if free is None:
            return None
        made = _assign(project, free.kind, free.trace_ids, reviewer, ends)
        store.put_in(turn.connection, made, replace=True)
    return made


def answer(store: Store, word: Feedback | Preference) -> bool:
    """Keep a word and mark its labeler's item as done, both or neither: the one way in for what people say.

    False where the word or a newer one stands there already. A word that comes after the lease has ended counts
    like any other; that of a model or a rule is no item's.
    """
    if word.kind != "person":
        return keep(store, word)
    kind: ItemKind = "score" if isinstance(word, Feedback) else "compare"
    ids = (word.trace_id,) if isinstance(word, Feedback) else (word.first, word.second)
    with take_turn(store, word.project) as turn:
        kept = keep_in(store, turn, word)
        if kept:
            _close(store, turn, _assign(word.project, kind, ids, word.labeler), "done")
    return kept


def skip(store: Store, project: str, reviewer: str, kind: ItemKind, trace_ids: Sequence[str]) -> Assignment:
    """Pass an item on: this reviewer does not get it again. ConflictError where they have answered it."""
    made = _assign(project, kind, tuple(trace_ids), reviewer)
    with take_turn(store, project) as turn:
        word = find_word(store, project, made)
        if word is not None and word.state == "given":
            raise ConflictError(f"{reviewer!r} has answered {list(trace_ids)} already; undo it before it is skipped")
        return _close(store, turn, made, "skipped")


def undo(store: Store, project: str, reviewer: str, kind: ItemKind) -> Assignment:
    """Take back the reviewer's last answer or skip, and hand them that item again; NotFoundError for none."""
    policy = read_policy(store, project)
    with take_turn(store, project) as turn:
        closed = [one for one in _read(turn.connection, project, kind) if one.reviewer == reviewer and one.answered_at]
        if not closed:
            raise NotFoundError(
                f"{reviewer!r} has answered or skipped nothing of the kind {kind!r} that could be undone"
            )
        last = max(closed, key=lambda one: (str(one.answered_at), one.id))
        ends = clock.now() + timedelta(seconds=policy.lease_seconds)
        reopened = last.model_copy(update={"state": "open", "answered_at": None, "expires_at": ends})
        store.put_in(turn.connection, reopened, replace=True)
        word = find_word(store, project, last) if last.state == "done" else None
        if word is not None:
            withdrawn = word.model_copy(update={"state": "withdrawn", "created_at": clock.now()})
            store.put_in(turn.connection, withdrawn, replace=True, arrival=turn.number)
    return reopened


def read_progress(store: Store, artifacts: Artifacts, project: str, reviewer: str, kind: ItemKind) -> Progress:
    """How far the queue has come."""
    policy = read_policy(store, project)
    candidates = read_candidates(store, artifacts, project, kind, policy.days)
    with store.begin(read_only=True) as connection:
        assignments = _read(connection, project, kind)
    state = _sort(assignments, _words(store, project, kind), clock.now())
    known = {candidate.item for candidate in candidates}
    return Progress(
        items=len(candidates),
        answered=sum(1 for item in known if state.answered.get(item)),
        in_hand=sum(1 for item in known if state.held.get(item)),
        yours=sum(1 for people in state.answered.values() if reviewer in people),
        skipped_by_you=sum(1 for people in state.skipped.values() if reviewer in people),
        left_for_you=sum(1 for candidate in candidates if state.is_free(candidate, reviewer, policy)),
    )


def read_queue(store: Store, artifacts: Artifacts, project: str, kind: ItemKind, limit: int) -> list[Candidate]:
    """What is wanted and in nobody's hands, the most informative first."""
    policy = read_policy(store, project)
    with store.begin(read_only=True) as connection:
        assignments = _read(connection, project, kind)
    state = _sort(assignments, _words(store, project, kind), clock.now())
    candidates = read_candidates(store, artifacts, project, kind, policy.days)
    return [one for one in candidates if state.is_free(one, "", policy)][:limit]


def _close(store: Store, turn: Turn, made: Assignment, state: Literal["done", "skipped"]) -> Assignment:
    """The reviewer's assignment in that state, from when it first came into it."""
    known = next((one for one in _read(turn.connection, made.project, made.kind) if one.id == made.id), made)
    if known.state == state:
        return known
    closed = known.model_copy(update={"state": state, "answered_at": made.created_at})
    store.put_in(turn.connection, closed, replace=True)
    return closed


def _assign(
    project: str, kind: ItemKind, trace_ids: tuple[str, ...], reviewer: str, ends: datetime | None = None
) -> Assignment:
    now = clock.now()
    item = item_id(kind, project, trace_ids)
    return Assignment(
        id=make_id("assignment", project, item, reviewer),
        project=project,
        created_at=now,
        kind=kind,
        item=item,
        trace_ids=trace_ids,
        reviewer=reviewer,
        state="open",
        expires_at=ends or now,
    )


def _sort(assignments: Iterable[Assignment], words: Iterable[tuple[str, str]], now: datetime) -> _State:
    state = _State({}, {}, {})
    for item, reviewer in words:  # given here, or sent in by another way
        state.answered.setdefault(item, set()).add(reviewer)
    for one in assignments:
        if one.state == "done":
            state.answered.setdefault(one.item, set()).add(one.reviewer)
        elif one.state == "skipped":
            state.skipped.setdefault(one.item, set()).add(one.reviewer)
        elif one.state == "open" and one.expires_at > now:
            state.held.setdefault(one.item, set()).add(one.reviewer)
    return state


def _words(store: Store, project: str, kind: ItemKind) -> list[tuple[str, str]]:
    """Item and reviewer of all that people have said."""
    if kind == "compare":
        votes = read_votes(store, project)
        return [(item_id(kind, project, (vote.first, vote.second)), vote.labeler) for vote in votes]
    given = read_feedback(store, project)
    return [
        (item_id(kind, project, (trace_id,)), one.labeler)
        for trace_id, labels in given.items()
        for one in labels
        if one.kind == "person"
    ]


def find_word(store: Store, project: str, assignment: Assignment) -> Feedback | Preference | None:
    """What the reviewer of an assignment said of it, withdrawn or not."""
    if assignment.kind == "compare":
        first, second = sorted(assignment.trace_ids)
        return store.peek(Preference, make_id("preference", project, first, second, "person", assignment.reviewer))
    return store.peek(Feedback, make_id("label", project, assignment.trace_ids[0], "person", assignment.reviewer))


def _read(connection: Connection, project: str, kind: ItemKind) -> list[Assignment]:
    columns = table.records.c
    query = select(columns.body).where(columns.kind == Assignment.__name__, columns.project == project)
    found = [Assignment.model_validate_json(body) for body in connection.execute(query).scalars().all()]
    return [one for one in found if one.kind == kind]
