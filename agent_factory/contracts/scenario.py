"""A task for an agent: what the user says, the world it happens in, and what counts as solved.

Invariant: success is judged by the final state and by what the answer must say, never by
comparing transcripts. ``solution`` exists so that a scenario can be proved solvable.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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

    asks: str
    says: str


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
    """A task; ``kind`` names the sort of request, ``template`` the wording that it was made from."""

    recipe: Name
    level: Level
    kind: str
    template: str
    split: Split
    seed: Count
    opening: tuple[Message, ...] = Field(min_length=1)
    replies: tuple[Reply, ...] = ()
    tools: tuple[str, ...]
    state: Json
    faults: tuple[Fault, ...] = ()
    rules: SuccessRules
    solution: Solution


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
