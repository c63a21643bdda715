"""Scenarios written by hand: a file of JSON lines or of YAML, checked at the border with file, line and field.

What a writer may leave out: ``recipe``, ``split``, ``seed`` (0), ``template`` ("by hand"), ``created_at``,
``tools`` (all of the recipe's openapi.yaml; ``[]`` for a prompt without tools), and an ``opening`` that is one
text is the user's message. Invariant: nothing is kept of a file with a flaw, and every flaw is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import yaml
from pydantic import ValidationError

from agent_factory.agent.openapi import read_tools
from agent_factory.contracts.scenario import Scenario, Split
from agent_factory.core import clock
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe

MAX_CHARACTERS = 5_000_000
MAX_SCENARIOS = 5_000
_SHOWN = 10


class Entry(NamedTuple):
    """A scenario as it was written; ``lines`` tells the line of each field, by its place."""

    line: int
    value: Any
    lines: Mapping[tuple[str | int, ...], int]


class Written(NamedTuple):
    """A scenario and where it stands, as ``file.yaml, line 3``."""

    place: str
    scenario: Scenario


def read_written(text: str, name: str, recipe: Recipe, split: Split) -> list[Written]:
    """The scenarios of a file's text; ``name`` ends in .jsonl, .yaml or .yml. InputError lists what is wrong."""
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"{name} has {len(text)} characters, {MAX_CHARACTERS} at most are read; split it")
    entries = list(_read_yaml(text, name) if name.endswith((".yaml", ".yml")) else _read_lines(text, name))
    if not 0 < len(entries) <= MAX_SCENARIOS:
        raise InputError(f"{name} holds {len(entries)} scenarios, expected 1 to {MAX_SCENARIOS}")
    left_out = {"recipe": recipe.name, "split": split, "seed": 0, "template": "by hand"}
    found: list[Written] = []
    flaws: list[str] = []
    for entry in entries:
        try:
            found.append(Written(f"{name}, line {entry.line}", _read_entry(entry, left_out, recipe)))
        except ValidationError as error:
            flaws += [f"{name}, line {line}: {told}" for line, told in _tell(entry, error)]
        except ValueError as error:
            flaws.append(f"{name}, line {entry.line}: {error}")
    flaws += _find_strays(found, recipe, split)
    if flaws:
        more = f"; and {len(flaws) - _SHOWN} more" if len(flaws) > _SHOWN else ""
        raise InputError(f"{'; '.join(flaws[:_SHOWN])}{more}. Mend the file; nothing of it was kept.")
    return found


def _read_entry(entry: Entry, left_out: Mapping[str, Any], recipe: Recipe) -> Scenario:
    if not isinstance(entry.value, dict):
        raise ValueError(f"a {type(entry.value).__name__}, expected an object with the fields of a scenario")
    given = cast("dict[str, Any]", entry.value)
    told = {**left_out, "created_at": clock.now(), **given}
    if "tools" not in told:
        told["tools"] = [tool.name for tool in read_tools(recipe.openapi).tools]
    if isinstance(told.get("opening"), str):
        told["opening"] = [{"role": "user", "content": told["opening"]}]
    return Scenario.model_validate(told)


def _find_strays(found: Sequence[Written], recipe: Recipe, split: Split) -> Iterator[str]:
    """What is of another recipe or split, and what stands twice."""
    first: dict[str, str] = {}
    for place, scenario in found:
        if (scenario.recipe, scenario.split) != (recipe.name, split):
            given = f"recipe {scenario.recipe!r}, split {scenario.split!r}"
            yield f"{place}: {given}, expected {recipe.name!r}, {split!r}; leave them out"
        if scenario.id in first:
            yield f"{place}: id {scenario.id!r} stands already in {first[scenario.id]}"
        first.setdefault(scenario.id, place)


def _read_lines(text: str, name: str) -> Iterator[Entry]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield Entry(number, json.loads(line), {})
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}, line {number}: not JSON: {error}") from error


def _read_yaml(text: str, name: str) -> Iterator[Entry]:
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise InputError(f"{name}: aliases (*name) are not taken; write each scenario out")
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.SequenceNode):
            raise InputError(f"{name}: expected a list of scenarios (- id: …)")
        for node in root.value:
            yield Entry(node.start_mark.line + 1, loader.construct_object(node, deep=True), dict(_find_lines(node, ())))
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{name} is not YAML: {error}") from error


def _find_lines(node: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    yield place, node.start_mark.line + 1
    children: list[tuple[str | int, Any]] = []
    if isinstance(node, yaml.MappingNode):
        children = [(key.value, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = list(enumerate(node.value))
    for key, child in children:
        yield from _find_lines(child, (*place, key))


def _tell(entry: Entry, error: ValidationError) -> Iterator[tuple[int, str]]:
    """Each wrong field with its line, where that is known, else the scenario's."""
    for item in error.errors(include_url=False):
        place = tuple(item["loc"])
        known = next((place[:n] for n in range(len(place), 0, -1) if place[:n] in entry.lines), ())
        told = item["msg"].removeprefix("Value error, ")
        got = "" if item["type"] in ("missing", "value_error") else f", got {item['input']!r}"[:200]
        where = ".".join(map(str, place))
        yield entry.lines.get(known, entry.line), f"{where}: {told}{got}" if where else f"{told}{got}"
