"""What a live session leaves behind: each turn with its steps, and what is needed to go on after a restart.

Invariant: a turn's steps are shielded text, as the model saw them; what is personal is in
``SessionMemory`` only, and is erased when the session is closed.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent_factory.contracts.message import Message
from agent_factory.contracts.record import Count, Instant, Json, Name, Part, Record
from agent_factory.contracts.trace import Step

TurnState = Literal["running", "answered", "failed", "interrupted"]


class SessionTurn(Record):
    """One message of the user's and what came of it; ``id`` is ``<session>-<number>``, from 1.

    A turn whose process ended stays "interrupted", and the message is said again as another turn.
    ``steps`` grows while the turn runs, so that a killed process loses nothing that was done: ``calling``
    says that the tools of the last one are being called, ``closing`` is what they have answered since.
    ``runner`` names the process that runs it. ``request_digest`` is over the key and the text.
    ``fault`` says whose the failure is, "agent" or "engine".
    """

    session: Name
    agent: Name
    build: Name | None = None
    number: Count
    key: str | None
    request_digest: str
    state: TurnState
    runner: str
    updated_at: Instant
    ends_by: Instant
    steps: tuple[Step, ...] = ()
    calling: bool = False
    closing: tuple[Message, ...] = ()
    pseudonyms: dict[str, str] = Field(default_factory=dict)
    trace: Name | None = None
    failure: str | None = None
    fault: Literal["agent", "engine"] | None = None


class Heard(Part):
    """One text that the privacy shield was shown, in order: by which of its methods and from which source."""

    method: Literal["message", "text", "json"]
    text: str
    source: str = ""


class SessionMemory(Record):
    """The state of a session after its last finished turn; ``id`` is ``<session>-memory``.

    ``turns`` is the number of the last turn, ``trace`` holds the conversation up to the last finished one,
    or up to one that was interrupted after a live service had acted.
    ``world`` is a snapshot of the session's own world where a simulator answers its tools. ``heard``
    rebuilds the shield, ``pseudonyms`` proves that it was rebuilt the same; ``answers`` are the
    revealed answers by number of turn, ``keys`` the numbers by idempotency key.
    """

    session: Name
    turns: Count = 0
    trace: Name | None = None
    world: Json | None = None
    heard: tuple[Heard, ...] = ()
    pseudonyms: dict[str, str] = Field(default_factory=dict)
    answers: dict[str, str] = Field(default_factory=dict)
    keys: dict[str, Count] = Field(default_factory=dict)
