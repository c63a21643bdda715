"""How far an episode has followed a case's reference, turn by turn.

BFCL checks after each of the user's turns that (1) the public attributes of all instances equal the
reference's after that turn and (2) the answers so far contain those of the reference's turn, in any order.
An environment does not hear the user, so a turn counts as reached at the first moment, after the turns
before it, at which both hold. Invariant: what BFCL's checker finds valid has reached all turns; a turn
whose reference is empty is not asked for, as there.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from agent_factory.agent.argument import ArgumentCheck
from agent_factory.contracts.message import ToolCall
from agent_factory.contracts.record import Json
from agent_factory.environment.bfcl.call import parse_call
from agent_factory.environment.bfcl.instance import Instances
from agent_factory.environment.bfcl.package import Case, Package


class TurnEnd(NamedTuple):
    """Where the reference stands after one turn: its number from 1, the state, the answers of the turn."""

    number: int
    state: Json
    answers: Counter[str]


class Reference(NamedTuple):
    """The reference replayed: its calls with named arguments, its turns that call anything, its final state."""

    calls: tuple[ToolCall, ...]
    turns: tuple[TurnEnd, ...]
    state: Json


def replay_reference(package: Package, case: Case, arguments: ArgumentCheck) -> Reference:
    """Run the reference on instances of its own; InputError or ToolError where a call of it cannot be made."""
    instances = Instances(package, case, arguments)
    calls: list[ToolCall] = []
    turns: list[TurnEnd] = []
    for number, texts in enumerate(case.reference, start=1):
        answers: Counter[str] = Counter()
        for text in texts:
            parsed = parse_call(text)
            call = ToolCall(id=f"r{len(calls)}", name=parsed.name, arguments=instances.bind(parsed))
            calls.append(call)
            answers[instances.call(call.name, call.arguments).text] += 1
        if texts:
            turns.append(TurnEnd(number, instances.state(), answers))
    return Reference(tuple(calls), tuple(turns), instances.state())


class Progress:
    """The turns that an episode has reached."""

    def __init__(self, turns: tuple[TurnEnd, ...]) -> None:
        self._turns = turns
        self._reached = 0
        self._answers: Counter[str] = Counter()

    def add(self, answer: str, state: Json) -> None:
        """Count an answer, and the turns that are reached with it."""
        self._answers[answer] += 1
        while self._reached < len(self._turns) and self._holds(self._turns[self._reached], state):
            self._reached += 1

    def _holds(self, turn: TurnEnd, state: Json) -> bool:
        return turn.answers <= self._answers and turn.state == state

    def to_json(self) -> Json:
        """Whether each turn that is asked for was reached, by ``turn <number>``."""
        return {f"turn {turn.number}": i < self._reached for i, turn in enumerate(self._turns)}
