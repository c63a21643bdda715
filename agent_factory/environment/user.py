"""Who talks to the agent: a scripted user, which answers where a rule of the scenario knows the answer.

Invariant: each rule is used once, so that an agent that asks for ever comes to an end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from agent_factory.contracts.scenario import Reply, Scenario
from agent_factory.core.error import InputError


class User(Protocol):
    """Who talks to the agent in one episode, after the opening."""

    async def reply(self, agent_says: str) -> str | None:
        """What the user says to that, or None where the conversation is over."""
        ...


MakeUser = Callable[[Scenario, int], User]
"""Makes the user of an episode, from its scenario and its seed."""


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


class TellingUser:
    """Tells all that the persona knows, once: with them a scenario is proved, without a model."""

    def __init__(self, knows: Mapping[str, str]) -> None:
        self._lines = [" ".join(f"{name}: {value}." for name, value in knows.items()) or "That is all I know."]

    async def reply(self, agent_says: str) -> str | None:
        """See ``User``."""
        return self._lines.pop() if self._lines else None


def make_scripted(scenario: Scenario, seed: int) -> User:
    """The scripted user of a scenario; InputError where a model is to play it."""
    if scenario.user is not None:
        raise InputError(
            f"a model plays the user of scenario {scenario.id!r}, and none is named: give model and place in "
            "[environment.user] of build.toml"
        )
    return ScriptedUser(scenario.replies)


def make_telling(scenario: Scenario, seed: int) -> User:
    """A user without a model, who helps as much as one can."""
    return ScriptedUser(scenario.replies) if scenario.user is None else TellingUser(scenario.user.knows)
