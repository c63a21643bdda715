"""The scripted user: answers an agent's question where a rule of the scenario knows the answer.

Invariant: each rule is used once, so that an agent that asks for ever comes to an end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from agent_factory.contracts.scenario import Reply
from agent_factory.core.error import InputError


class User(Protocol):
    """Who talks to the agent in one episode, after the opening."""

    async def reply(self, agent_says: str) -> str | None:
        """What the user says to that, or None where the conversation is over."""
        ...


class ScriptedUser:
    """The user whose lines are the scenario's replies."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        try:
            self._rules = [(re.compile(reply.asks, re.IGNORECASE), reply.says) for reply in replies]
        except re.error as error:
            raise InputError(
                f"a reply's 'asks' is not a regular expression: {error}; mend it in the scenario"
            ) from error

    async def reply(self, agent_says: str) -> str | None:
        """See ``User``."""
        for i, (pattern, says) in enumerate(self._rules):
            if pattern.search(agent_says):
                del self._rules[i]
                return says
        return None
