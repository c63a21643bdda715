"""The scripted user: answers an agent's question where a rule of the scenario knows the answer.

Invariant: each rule is used once, so that an agent that asks for ever comes to an end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent_factory.contracts.scenario import Reply
from agent_factory.core.error import InputError


class ScriptedUser:
    """The user of one episode."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        try:
            self._rules = [(re.compile(reply.asks, re.IGNORECASE), reply.says) for reply in replies]
        except re.error as error:
            raise InputError(
                f"a reply's 'asks' is not a regular expression: {error}; mend it in the scenario"
            ) from error

    def reply(self, agent_says: str) -> str | None:
        """What the user says to that, or None where the conversation is over."""
        for i, (pattern, says) in enumerate(self._rules):
            if pattern.search(agent_says):
                del self._rules[i]
                return says
        return None
