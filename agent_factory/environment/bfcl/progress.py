"""How well an episode follows a case's reference, turn by turn, as BFCL's ``multi_turn_checker`` sees it.

At the end of each of the user's turns (1) something must have been called in it, (2) the public attributes of
all instances must equal the reference's, and (3) the answers so far must contain those of the reference's turn,
in any order. A turn whose reference calls nothing is not asked for, as there.
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


class ReferenceTurn(NamedTuple):
    """What the reference calls in one turn, with arguments by name, what is answered, and how it then stands."""

    calls: tuple[ToolCall, ...]
    answers: Counter[str]
    state: Json


def replay_reference(package: Package, case: Case, arguments: ArgumentCheck) -> tuple[ReferenceTurn, ...]:
    """Run the reference on instances of its own; InputError or ToolError where a call of it cannot be made."""
    instances = Instances(package, case, arguments)
    turns: list[ReferenceTurn] = []
    for number, texts in enumerate(case.reference, start=1):
        calls: list[ToolCall] = []
        answers: Counter[str] = Counter()
        for i, text in enumerate(texts, start=1):
            parsed = parse_call(text)
            call = ToolCall(id=f"turn{number}-{i}", name=parsed.name, arguments=instances.bind(parsed))
            calls.append(call)
            answers[instances.call(call.name, call.arguments).text] += 1
        turns.append(ReferenceTurn(tuple(calls), answers, instances.state()))
    return tuple(turns)


class Progress:
    """Which turns of the reference an episode has met so far."""

    def __init__(self, reference: tuple[ReferenceTurn, ...]) -> None:
        self._reference = reference
        self._met: list[bool] = []
        self._answers: Counter[str] = Counter()
        self._acted = False

    def add(self, answer: str) -> None:
        """Count the answer of a call."""
        self._answers[answer] += 1
        self._acted = True

    def end_turn(self, state: Json) -> None:
        """The agent has answered in words: compare; what is said beyond the case's turns counts for nothing."""
        if len(self._met) < len(self._reference):
            turn = self._reference[len(self._met)]
            self._met.append(self._acted and turn.state == state and turn.answers <= self._answers)
        self._acted = False

    def to_json(self) -> Json:
        """Whether each turn that is asked for was met, by ``turn <number>`` from 1."""
        met = [*self._met, *[False] * (len(self._reference) - len(self._met))]
        return {f"turn {i + 1}": met[i] for i, turn in enumerate(self._reference) if turn.calls}
