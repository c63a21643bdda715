"""The package ``bfcl-eval`` in a folder of its own: its cases, its function documents, its classes.

It is no dependency: its own (numpy 1.26.4 among them) contradict ours, so it is installed without them
beside the environment (``make bfcl``) and imported from there. Invariants: only cases and classes of that
folder are ever read or run; nothing of it is imported before a case asks for its classes.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from agent_factory.contracts.message import Tool
from agent_factory.contracts.record import Json
from agent_factory.core.digest import digest_json
from agent_factory.core.error import InputError, StorageError
from agent_factory.environment.bfcl.function import to_tool

DEFAULT_FOLDER = Path(sys.prefix) / "bfcl"
CATEGORIES = ("multi_turn_base", "multi_turn_miss_param", "multi_turn_long_context")
"""What can be played; in ``multi_turn_miss_func`` tools appear in mid-conversation, which an environment has not."""

_CONFIG = "bfcl_eval.constants.executable_backend_config"


class Case(NamedTuple):
    """One case: what the user says turn by turn, the classes with their state, and the reference's calls by turn."""

    id: str
    turns: tuple[str, ...]
    classes: tuple[str, ...]
    config: Json
    excluded: tuple[str, ...]
    reference: tuple[tuple[str, ...], ...]
    digest: str

    @property
    def category(self) -> str:
        """Which of ``CATEGORIES`` it is of."""
        return self.id.rpartition("_")[0]

    @property
    def long_context(self) -> bool:
        """Whether the classes pad what they tell."""
        return "long_context" in self.category


class Package:
    """What the folder holds, read when it is first asked for."""

    def __init__(self, folder: Path = DEFAULT_FOLDER) -> None:
        self.folder = folder
        self._cases: dict[str, dict[str, Case]] = {}
        self._tools: dict[str, tuple[Tool, ...]] = {}
        if not (folder / "bfcl_eval").is_dir():
            raise InputError(
                f"there is no package bfcl_eval in {str(folder)!r}. "
                f"`make bfcl` installs it into {str(DEFAULT_FOLDER)!r}; "
                "where it is elsewhere, build.toml names its folder: [environment.settings.bfcl] folder"
            )

    def cases(self, category: str) -> dict[str, Case]:
        """The cases of a category by id, in the file's order; InputError where it is none of ``CATEGORIES``."""
        if category not in CATEGORIES:
            raise InputError(f"there is no BFCL category {category!r} to play; there are: {', '.join(CATEGORIES)}")
        if category not in self._cases:
            told = self._read(f"BFCL_v4_{category}.json")
            solved = self._read(f"possible_answer/BFCL_v4_{category}.json")
            self._cases[category] = {name: _to_case(entry, solved.get(name, {})) for name, entry in told.items()}
        return self._cases[category]

    def case(self, name: str) -> Case:
        """The case of that id; InputError where there is none."""
        cases = self.cases(name.rpartition("_")[0])
        if name not in cases:
            raise InputError(
                f"there is no BFCL case {name!r}; there are {len(cases)}, from {next(iter(cases), None)!r}"
            )
        return cases[name]

    def tools(self, class_name: str) -> tuple[Tool, ...]:
        """The documented functions of a class."""
        if class_name not in self._tools:
            mapping: Mapping[str, str] = self._config.MULTI_TURN_FUNC_DOC_FILE_MAPPING
            documents = self._read(f"multi_turn_func_doc/{_find(mapping, class_name)}", key="name")
            self._tools[class_name] = tuple(to_tool(document) for document in documents.values())
        return self._tools[class_name]

    def find_class(self, class_name: str) -> type[Any]:
        """The class itself."""
        mapping: Mapping[str, str] = self._config.CLASS_FILE_PATH_MAPPING
        return getattr(self._import(_find(mapping, class_name)), class_name)

    def is_stateless(self, class_name: str) -> bool:
        """Whether the class takes no initial state."""
        return class_name in self._config.STATELESS_CLASSES

    @cached_property
    def _config(self) -> Any:
        return self._import(_CONFIG)

    def _import(self, module: str) -> ModuleType:
        place = str(self.folder)
        if place not in sys.path:
            sys.path.append(place)  # at the end: what it holds hides nothing of ours
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            raise InputError(
                f"BFCL's {module} in {place!r} cannot be loaded: {error}. `make bfcl` installs what it needs."
            ) from error
        if not Path(found.__file__ or "").is_relative_to(self.folder):
            raise InputError(
                f"{module} was loaded from {found.__file__!r}, expected it in {place!r}: keep one copy of it"
            )
        return found

    def _read(self, name: str, key: str = "id") -> dict[str, dict[str, Any]]:
        path = self.folder / "bfcl_eval" / "data" / name
        try:
            entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            return {entry[key]: entry for entry in entries}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{path} cannot be read as JSON lines with {key!r}: {error}. Run `make bfcl`."
            ) from error


def _find(mapping: Mapping[str, str], class_name: str) -> str:
    if class_name not in mapping:
        raise InputError(f"BFCL has no class {class_name!r}; it has: {', '.join(mapping)}")
    return mapping[class_name]


def _to_case(entry: Mapping[str, Any], solved: Mapping[str, Any]) -> Case:
    try:
        case = Case(
            id=entry["id"],
            turns=tuple("\n".join(message["content"] for message in turn) for turn in entry["question"]),
            classes=tuple(entry["involved_classes"]),
            config=entry["initial_config"],
            excluded=tuple(entry.get("excluded_function", ())),
            reference=tuple(tuple(calls) for calls in solved["ground_truth"]),
            digest=digest_json([entry, solved])[:16],
        )
    except (KeyError, TypeError) as error:
        raise StorageError(f"BFCL's case {entry.get('id')!r} is malformed: {error!r}. Run `make bfcl`.") from error
    if len(case.turns) != len(case.reference):
        raise StorageError(
            f"BFCL's case {case.id!r} has {len(case.turns)} turns and {len(case.reference)} of reference"
        )
    return case
