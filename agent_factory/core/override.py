"""Overrides: what one order changes of its recipe's files, and which of the two a wrong value came from.

Invariants: what the recipe is stays as its folder says, for every build and every day; an error names
the override or the file, whichever set the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, cast

from pydantic import ValidationError

from agent_factory.core.buildfile import RecipeSettings
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe

Overrides = Mapping[str, Any]
FIXED = ("recipe", "privacy", "return_traces")
"""Sections that are read from the folder by all that goes on in it, days and live sessions included."""


def merge(recipe: Recipe, overrides: Overrides) -> dict[str, Any]:
    """``build.toml`` with ``overrides`` over it, ``training`` by kind; InputError where there is no such section."""
    merged = deepcopy(recipe.settings)
    for section, values in overrides.items():
        _require_open(recipe, section)
        known = merged.setdefault(section, {}) if section in RecipeSettings.model_fields else None
        if not isinstance(known, dict):
            raise InputError(
                f"override {section!r} is no section of {recipe.folder / 'build.toml'}; "
                f"there are: {', '.join(sorted(set(merged) - set(FIXED)))}, and 'gate'"
            )
        if section == "training":
            _merge_stages(recipe, cast("dict[str, Any]", known), read_table(values, section))
        else:
            table = read_table(values, section)
            if section == "environment":
                _require_kind_alone(recipe, table)
            known.update(table)
    return merged


def read_table(value: Any, where: str) -> dict[str, Any]:
    """An override that must be a table of settings; InputError where it is none."""
    if not isinstance(value, Mapping):
        raise InputError(f"override {where!r} is {value!r}, expected a table of settings")
    return dict(cast("Mapping[str, Any]", value))


def explain(
    where: str,
    error: ValidationError,
    overrides: Overrides | None = None,
    *section: str,
    known: Iterable[str] = (),
) -> InputError:
    """Every wrong value by its key, and whether ``where`` set it or one of ``overrides``.

    The keys of ``where`` are those of ``section`` in the overrides; ``known`` are the keys that there may be.
    """
    told: dict[bool, list[str]] = {True: [], False: []}
    for item in error.errors():
        place = (*section, *map(str, item["loc"]))
        override = _reaches(overrides or {}, place)
        key = ".".join(place if override else map(str, item["loc"])) or "value"
        told[override].append(f"{key}: {item['msg']}, got {item['input']!r}"[:300])
    parts = [f"{where} is not as expected: {'; '.join(told[False])}."] if told[False] else []
    if told[True]:
        parts.append(f"the order's override is not as expected: {'; '.join(told[True])}.")
    names = ", ".join(known)
    return InputError(" ".join((*parts, f"It may have: {names}." if names else "Correct these keys.")))


def _require_kind_alone(recipe: Recipe, table: Mapping[str, Any]) -> None:
    # Settings of a kind run programs, name addresses and secrets: whoever edits the recipe may say so, no order.
    beside = sorted(set(table) - {"kind"})
    if beside:
        raise InputError(
            f"[environment] {beside[0]} cannot be overridden, only its kind: what a kind runs and reaches is part of "
            f"recipe {recipe.name!r}. Edit {recipe.folder / 'build.toml'}, or order from a copy of the recipe."
        )


def _require_open(recipe: Recipe, section: str) -> None:
    if section in FIXED:
        raise InputError(
            f"[{section}] cannot be overridden: it is part of what recipe {recipe.name!r} is, for all its builds, "
            f"days and sessions. Edit {recipe.folder / 'build.toml'}, or order from a copy of the recipe."
        )


def _merge_stages(recipe: Recipe, training: dict[str, Any], overrides: Overrides) -> None:
    stages = {stage.get("kind"): stage for stage in training.get("stage", [])}
    for kind, parameters in overrides.items():
        if kind not in stages:
            raise InputError(
                f"override of training stage {kind!r}: recipe {recipe.name!r} has {', '.join(map(str, stages))}"
            )
        changed = read_table(parameters, f"training.{kind}")
        if "kind" in changed:
            raise InputError(f"override 'training.{kind}.kind': a stage's kind is its name here, and stays as it is")
        stages[kind].update(changed)


def _reaches(overrides: Overrides, place: tuple[str, ...]) -> bool:
    """Whether the overrides set the value at a place, or what it is part of."""
    found: Any = overrides
    for name in place:
        if not isinstance(found, Mapping):
            return True
        if name not in found:
            return False
        found = cast("Mapping[str, Any]", found)[name]
    return bool(place)
