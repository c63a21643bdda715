"""A task for an agent: what the user says, the world it happens in, and what counts as solved.

Invariant: success is judged by the final state and by what the answer must say, never by
comparing transcripts. ``solution`` exists so that a scenario can be proved solvable.
"""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from agent_factory.contracts.fault import Fault
from agent_factory.contracts.message import Message, ToolCall
from agent_factory.contracts.record import Count, Json, Name, Part, Record

Level = Literal["L1", "L2", "L3", "L4", "L5"]
LEVELS: tuple[Level, ...] = ("L1", "L2", "L3", "L4", "L5")
Split = Literal["train", "eval"]


class Reply(Part):
    """A line of the scripted user: said when an agent's message without tool calls contains ``asks``.

    ``asks`` is a case-insensitive regular expression.
    """

    asks: str = Field(max_length=500)
    says: str


class Persona(Part):
    """Who a model plays where it plays the user: what they want, what they know, when they stop.

    ``knows`` is told when it is asked for, by what it is (``{"order number": "4417"}``). ``withholds`` are texts
    that they never say. ``turns`` is how many lines they have after the opening. Never the solution: the user
    asks, and does not know how it is done.
    """

    wants: str = Field(min_length=1)
    knows: dict[str, str] = Field(default_factory=dict)
    manner: str | None = None
    stops_when: str = "what you want is done, or the assistant has told you for good that it cannot be done"
    withholds: tuple[str, ...] = ()
    turns: int = Field(default=8, ge=1, le=50)


class SuccessRules(Part):
    """What must be true at the end.

    ``state`` is the expected difference of the world's state: a map from path ("orders/4417/status")
    to the value there at the end; every other path must be as it was at the start.
    Each of ``says`` is a tuple of alternatives, one of which must stand in the final answer
    (case-insensitive, whole words); none of ``must_not_say`` may; no tool of ``must_not_call`` may
    have been called with success, which counts as a violation of the policy.
    """

    state: Json = Field(default_factory=dict)
    says: tuple[tuple[str, ...], ...] = ()
    must_not_say: tuple[str, ...] = ()
    must_not_call: tuple[str, ...] = ()


class Solution(Part):
    """A reference solution: the calls in order and the final answer."""

    calls: tuple[ToolCall, ...]
    answer: str
    asks: str | None = None


class Scenario(Record):
    """A task; ``kind`` names the sort of request, ``template`` the wording that it was made from.

    After the opening, ``replies`` are a script's lines; a ``user`` is played by a model in their place.
    ``origin`` is the trace that the task was made from.
    """

    recipe: Name
    level: Level
    kind: str
    template: str
    split: Split
    seed: Count
    opening: tuple[Message, ...] = Field(min_length=1)
    replies: tuple[Reply, ...] = ()
    user: Persona | None = None
    tools: tuple[str, ...]
    state: Json
    faults: tuple[Fault, ...] = ()
    rules: SuccessRules
    solution: Solution
    origin: Name | None = None

    @model_validator(mode="after")
    def _check_user(self) -> Self:
        if self.user is None:
            return self
        if self.replies:
            raise ValueError("replies are a script's lines and user is played by a model: give one of the two")
        told = self.user.model_dump_json().lower()
        solved = [self.solution.answer.lower(), *(call.name.lower() for call in self.solution.calls)]
        given = [text for text in solved if text and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", told)]
        if given:
            raise ValueError(f"user tells {given[0]!r}, which is the solution's: a user knows what they want, not how")
        return self


class ScenarioSet(Record):
    """A versioned, digested set of scenarios kept as one JSON-lines artifact at ``path``."""

    recipe: Name
    build: Name | None = None
    split: Split
    seed: Count
    count: Count
    per_level: dict[str, int]
    path: str
    digest: str
