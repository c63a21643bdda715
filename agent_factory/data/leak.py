"""Looks for held-out scenarios in training rows: by name, by wording, and by the people in them.

Two openings are near where at least 70 % of their word triples are shared, numbers and placeholders
masked; so a template that was filled in anew counts, or one of twenty words changed, a greeting in common
does not (of the shipped recipes' openings for training and held out the nearest two share 64 %). Rows pass through:
what is in memory grows with the scenarios alone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from agent_factory.contracts.scenario import Scenario, ScenarioSet
from agent_factory.core.artifact import Artifacts
from agent_factory.data.clean import redactor_of_recipe
from agent_factory.data.dataset import read_scenario_set
from agent_factory.data.row import Row
from agent_factory.data.word import list_triples, split_words
from agent_factory.privacy.label import PLACEHOLDER, label_of
from agent_factory.privacy.redactor import Redactor, open_redactor

NEAR = 0.7
_KEPT = 10_000
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_PEOPLE = ("PERSON:", "EMAIL:", "USER:")


class Leak(NamedTuple):
    """A row that is too close to a held-out scenario, told as ``<set>/<id>``, and in what."""

    row: int
    scenario: str
    how: str


def find_leaks(artifacts: Artifacts, rows: Iterable[Row], held_out: Sequence[ScenarioSet]) -> Iterator[Leak]:
    """Leaks of the scenarios of all these sets, in the order of rows, at most one a row."""
    names: dict[str, str] = {}
    people: dict[str, str] = {}
    wording = _Wording()
    for scenario_set in held_out:
        # Where the recipe is gone, people are still found by the rules that hold for all.
        redactor = redactor_of_recipe(scenario_set.recipe) or open_redactor()
        for scenario in read_scenario_set(artifacts, scenario_set):
            name = f"{scenario_set.id}/{scenario.id}"
            names.setdefault(scenario.id, name)
            session = redactor.open_session()
            redactor.redact_json(scenario.state, session)
            wording.add(name, " ".join(_openings_of(scenario, redactor)))
            for placeholder, found in session.hashes.items():
                people.setdefault(f"{label_of(placeholder)}:{found}", name)
    for index, row in enumerate(rows):
        yield from _first_leak(index, row, names, people, wording)


def opening_of(messages: list[dict[str, Any]]) -> str:
    """What the user said before the agent first spoke."""
    said: list[str] = []
    for message in messages:
        if message["role"] == "assistant":
            break
        if message["role"] == "user":
            said.append(message["content"] or "")
    return " ".join(said)


def _first_leak(
    index: int, row: Row, names: dict[str, str], people: dict[str, str], wording: _Wording
) -> Iterator[Leak]:
    if row.get("task") in names:
        yield Leak(index, names[row["task"]], "same scenario")
        return
    for opening in _openings_in(row):
        if found := wording.find(opening):
            yield Leak(index, *found)
            return
    for subject in row.get("subjects") or ():
        if subject.startswith(_PEOPLE) and subject in people:
            yield Leak(index, people[subject], "same customer")
            return


def _openings_in(row: Row) -> set[str]:
    if "messages" in row:
        return {opening_of(json.loads(row["messages"]))}
    prompt = json.loads(row["prompt"])
    return {opening_of([*prompt, *json.loads(row[side])]) for side in ("chosen", "rejected")}


def _openings_of(scenario: Scenario, redactor: Redactor) -> Iterable[str]:
    session = redactor.open_session()
    return [redactor.redact_message(message, session).content or "" for message in scenario.opening]


class _Wording:
    """Openings of scenarios, found by equality or by shared word triples."""

    def __init__(self) -> None:
        self._exact: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._with: dict[str, list[str]] = {}
        self.find = lru_cache(_KEPT)(self._look)

    def add(self, name: str, opening: str) -> None:
        """Remember an opening."""
        self._exact.setdefault(_plain(opening), name)
        triples = _triples(opening)
        self._sizes[name] = len(triples)
        for triple in triples:
            self._with.setdefault(triple, []).append(name)

    def _look(self, opening: str) -> tuple[str, str] | None:
        """The scenario that an opening is equal or near to, and which of the two."""
        if not opening.strip():
            return None
        if same := self._exact.get(_plain(opening)):
            return same, "same opening"
        triples = _triples(opening)
        shared = Counter(name for triple in triples for name in self._with.get(triple, ()))
        alike = {name: count / (len(triples) + self._sizes[name] - count) for name, count in shared.items()}
        nearest = max(alike, key=alike.__getitem__, default=None)
        return (nearest, "near opening") if nearest is not None and alike[nearest] >= NEAR else None


def _plain(text: str) -> str:
    return " ".join(split_words(text.casefold()))


def _triples(text: str) -> set[str]:
    return set(list_triples(_NUMBER.sub("0", PLACEHOLDER.sub(lambda found: found[1], text)).casefold()))
