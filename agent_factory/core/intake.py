"""What comes in at once: a parcel of traces, the receipt for it, and the key under which it may be sent again.

A body that is too long for one parcel comes in parts, numbered from 0; each part's digest is over the
body up to its end. Invariant: a part of a key has one digest, so that another body under the same key
is noticed before anything of the part in which it differs is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agent_factory.contracts.record import Count, Name, Part, Record
from agent_factory.contracts.trace import Trace
from agent_factory.core import clock
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError

Key = tuple[str, str]
"""A trace's project and id."""


NoticeKind = Literal["unknown_recipe", "unknown_tool", "unreadable_recipe"]


class Notice(Part):
    """Something of ``events`` that is not known here; ``tool`` is None where it is about the recipe as a whole."""

    kind: NoticeKind
    recipe: str
    tool: str | None = None
    events: Count
    message: str


class Notices(Part):
    """The most frequent notices; ``left_out`` is of how many events the others are."""

    listed: tuple[Notice, ...] = ()
    left_out: Count = 0


class Receipt(Part):
    """What became of traces that came in: newly kept, and already there with the same content.

    ``warnings`` say what of them is not known here; they are there only where something is.
    """

    accepted: Count
    duplicates: Count
    warnings: Notices = Notices()


class Claim(Part):
    """The key of a request, and which part of its body this is; ``last`` where nothing follows it."""

    project: Name
    key: str
    part: Count
    digest: str
    last: bool

    @property
    def id(self) -> str:
        """Of what is kept under the key for this part."""
        return f"intake-{digest_json([self.project, self.key, self.part])[:40]}"


class Intake(Record):
    """That a part was taken in, and the receipt that was given for it: a repeat is answered with the same."""

    claim: Claim
    receipt: Receipt

    def answer(self, claim: Claim) -> Receipt | ConflictError:
        """What the same part is answered when it comes again."""
        if claim == self.claim:
            return self.receipt
        return ConflictError(
            f"the Idempotency-Key {claim.key!r} was used for another body: part {claim.part} had the digest "
            f"{self.claim.digest}, it has {claim.digest} now. Use a new key for a new request"
        )


@dataclass(frozen=True)
class Parcel:
    """Traces that are kept all or not at all, as rows of the table ``traces``; made by ``pack``."""

    rows: dict[Key, dict[str, Any]]
    count: int
    claim: Claim | None = None
    warnings: Notices = field(default_factory=Notices)


def pack(traces: Sequence[Trace], claim: Claim | None = None, warnings: Notices | None = None) -> Parcel:
    """A parcel; ConflictError where an id stands twice in it with different content."""
    rows: dict[Key, dict[str, Any]] = {}
    for trace in traces:
        row = _to_row(trace)
        known = rows.setdefault((trace.project, trace.id), row)
        if known["digest"] != row["digest"]:
            raise ConflictError(
                f"trace {trace.id!r} stands twice in the batch with different content: its digests are "
                f"{known['digest']} and {row['digest']}. Send changed content under another id."
            )
    return Parcel(rows, len(traces), claim, warnings or Notices())


def _to_row(trace: Trace) -> dict[str, Any]:
    return {
        "id": trace.id,
        "project": trace.project,
        "day": trace.day,
        "source": trace.source,
        "recipe": trace.recipe,
        "session_id": trace.session_id,
        "received_at": clock.now(),
        # The time of arrival is the record's, not the content's.
        "digest": digest_json(trace.content()),
        "body": trace.model_dump_json(),
    }
