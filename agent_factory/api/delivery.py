"""Idempotency: what a key has made, so that a repeated POST is answered with the same thing.

Invariant: the work of a key is done once; a repeat gets the first answer, a key with another body
is refused, and a key whose work failed may be tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Literal, TypeVar

from pydantic import BaseModel

from agent_factory.api.context import Context
from agent_factory.contracts.record import Instant, Json, Record
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.error import BusyError, ConflictError

Answer = TypeVar("Answer", bound=BaseModel)
_ABANDONED = timedelta(minutes=10)


class Delivery(Record):
    """A request that came with a key, and what it was answered."""

    request_digest: str
    state: Literal["working", "done", "failed"]
    claimed_at: Instant
    claim: str
    answer: Json | None = None


def once(
    context: Context, key: str | None, path: str, body: Json, kind: type[Answer], make: Callable[[], Answer]
) -> Answer:
    """What ``make`` returns, made once for the key (each time where there is none)."""
    if key is None:
        return make()
    claim = _claim(context, key, path, body)
    if claim.answer is not None:
        return kind.model_validate(claim.answer)
    try:
        answer = make()
    except BaseException:
        context.store.put(claim.model_copy(update={"state": "failed"}), replace=True)
        raise
    done = claim.model_copy(update={"state": "done", "answer": answer.model_dump(mode="json")})
    context.store.put(done, replace=True)
    return answer


def _claim(context: Context, key: str, path: str, body: Json) -> Delivery:
    now = clock.now()
    claim = Delivery(
        id=f"delivery-{digest_json([context.project, path, key])[:32]}",
        project=context.project,
        created_at=now,
        request_digest=digest_json(body),
        state="working",
        claimed_at=now,
        claim=clock.new_id("claim"),
    )
    known = context.store.peek(Delivery, claim.id)
    if known is None:
        try:
            context.store.put(claim)
        except ConflictError as error:
            raise BusyError(f"the request with key {key!r} is being worked on; ask again") from error
        return claim
    if known.request_digest != claim.request_digest:
        raise ConflictError(f"the Idempotency-Key {key!r} was used for another body; use a new key for a new request")
    if known.state == "done":
        return known
    if known.state == "working" and now - known.claimed_at < _ABANDONED:
        raise BusyError(f"the request with key {key!r} is being worked on; ask again")
    context.store.put(claim, replace=True)
    return claim
