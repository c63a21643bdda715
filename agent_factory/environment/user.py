"""Who talks to the agent: a scripted user, which answers where a rule of the scenario knows the answer.

Invariants: each rule is used once, so that an agent that asks for ever comes to an end; a rule is somebody
else's regular expression, so that to read it takes little and to search for it ends at a deadline.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import regex

from agent_factory.contracts.scenario import Reply, Scenario
from agent_factory.core.error import InputError, UserError

SEARCH_SECONDS = 1.0
"""How long all rules of a scripted user together may search one answer."""
_MOST_REPEATS = 10_000
_REPEATS = re.compile(r"\{(\d+)")


class User(Protocol):
    """Who talks to the agent in one episode, after the opening."""

    async def reply(self, agent_says: str) -> str | None:
        """What the user says to that, or None where the conversation is over."""
        ...


MakeUser = Callable[[Scenario, int], User]
"""Makes the user of an episode, from its scenario and its seed."""


class _Rule(NamedTuple):
    number: int
    pattern: regex.Pattern[str]
    says: str


class ScriptedUser:
    """The user whose lines are the scenario's replies; InputError where an ``asks`` is no regular expression."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self._rules = [_Rule(number, _compile(number, one.asks), one.says) for number, one in enumerate(replies, 1)]

    async def reply(self, agent_says: str) -> str | None:
        """See ``User``; UserError where a rule is not through within ``SEARCH_SECONDS``."""
        end = time.monotonic() + SEARCH_SECONDS
        for i, rule in enumerate(self._rules):
            if _search(rule, agent_says, end - time.monotonic()):
                del self._rules[i]
                return rule.says
        return None


def _compile(number: int, asks: str) -> regex.Pattern[str]:
    """The pattern in the dialect of ``re``, by ``regex``, whose search can be given an end."""
    told = f"reply {number}: its 'asks' {asks!r}"
    try:
        re.compile(asks, re.IGNORECASE)  # refuses what only regex has, recursion above all, which eats the memory
        repeats = math.prod(max(1, int(count)) for count in _REPEATS.findall(asks))
        if repeats > _MOST_REPEATS:
            raise InputError(f"{told} repeats {repeats} times in all, expected {_MOST_REPEATS} at most; mend it")
        return regex.compile(asks, regex.IGNORECASE)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise InputError(f"{told} is not a regular expression: {error}; mend it in the scenario") from error


def _search(rule: _Rule, text: str, seconds: float) -> bool:
    try:
        # concurrent: other threads go on meanwhile.
        return rule.pattern.search(text, timeout=max(seconds, 0.001), concurrent=True) is not None
    except TimeoutError as error:
        raise UserError(
            f"reply {rule.number}: its 'asks' {rule.pattern.pattern!r} was not searched for within "
            f"{SEARCH_SECONDS:g} s in {len(text)} characters; write it without repeats of repeats"
        ) from error


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
