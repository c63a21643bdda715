"""Recognizers that a recipe plugs in: ``[privacy] recognizers`` of ``build.toml``.

Model: an entry is ``"package.module:Class"`` or a table ``{class = "package.module:Class", …}`` whose other keys
are the class's arguments; a leading dot means a module of the recipe's own folder. The class is one of
Presidio's kind (``EntityRecognizer``), such as its GLiNER and Hugging Face recognizers or our ``SpacyNames``.
Invariant: what an entry names is checked when the recipe is opened; a model is loaded when the first text is
looked at, and nothing is ever downloaded unless the class that a user named does so.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe

if TYPE_CHECKING:
    from agent_factory.privacy.presidio import EntityRecognizer


class Plug(NamedTuple):
    """One recognizer to be made: ``entry`` says which, as JSON."""

    entry: str
    make: Callable[[], EntityRecognizer]


_MODEL_MODULES = "presidio_analyzer.predefined_recognizers.ner."


def read_plugs(recipe: Recipe) -> tuple[Plug, ...]:
    """What makes the recognizers of a recipe; InputError names the entry that is none, and why."""
    entries = recipe.settings.get("privacy", {}).get("recognizers", [])
    if not isinstance(entries, list):
        raise _refused(recipe, entries, "it is no list")
    return tuple(_read(recipe, entry) for entry in cast(list[Any], entries))


def _read(recipe: Recipe, entry: Any) -> Plug:
    options = dict(cast(dict[str, Any], entry)) if isinstance(entry, dict) else {"class": entry}
    target = options.pop("class", None)
    if not isinstance(target, str) or target.count(":") != 1:
        raise _refused(recipe, entry, "it names no class")
    made = _load(recipe, target)
    from agent_factory.privacy.presidio import EntityRecognizer

    if not isinstance(made, type) or not issubclass(made, EntityRecognizer):
        raise _refused(recipe, entry, f"{target!r} is not a subclass of presidio_analyzer.EntityRecognizer")

    def make() -> EntityRecognizer:
        try:
            return made(**options)
        except (TypeError, ValueError, OSError, ImportError) as error:
            raise _refused(recipe, entry, f"it could not be made: {error}") from error

    return Plug(json.dumps(entry, sort_keys=True), make)


def _load(recipe: Recipe, target: str) -> Any:
    if target.startswith("."):
        return recipe.load(target[1:])
    # Presidio first: imported by the recognizer's module instead, it would load every model library there is.
    importlib.import_module("agent_factory.privacy.presidio")
    module, _, name = target.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise _refused(recipe, target, str(error)) from error
    home = getattr(found, "__module__", "")
    if home.startswith(_MODEL_MODULES):  # imported while its libraries were kept out
        return getattr(importlib.reload(sys.modules[home]), name)
    return found


def _refused(recipe: Recipe, entry: Any, reason: str) -> InputError:
    return InputError(
        f"[privacy] recognizers in {recipe.folder / 'build.toml'} holds {entry!r}, but {reason}. "
        'Expected "package.module:Class" or {class = "package.module:Class", option = …}.'
    )
