"""A recipe: the folder that describes one agent, read and checked at the border.

``build.toml`` orders the build, ``gate.toml`` says what it must show, ``policy.md`` and
``openapi.yaml`` are what the agent is given; the folder is also a Python package whose modules
make the world (``simulator``), the tasks (``scenarios``) and the first traffic (``predecessor``),
and may judge what comes of them (``judge``).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tomllib
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from agent_factory.contracts.record import NAME_PATTERN
from agent_factory.core.digest import digest_bytes, digest_folder, digest_json
from agent_factory.core.error import FactoryError, InputError, NotFoundError, RecipeError
from agent_factory.core.settings import get_settings

# What no answer of a tool comes from: orders, bounds, names for redaction; and the parts that draw, play or judge.
_NO_WORLD = frozenset({"build.toml", "gate.toml", "names.txt", "__pycache__"})
_NO_WORLD_PARTS = ("scenarios", "predecessor", "judge", "from_trace")
_MAX_OPENAPI = 2_000_000
"""Characters of an openapi.yaml: beyond that, reading it takes minutes, and no agent has so many tools."""


class Recipe:
    """One recipe folder; files are read when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    @cached_property
    def digest(self) -> str:
        """Digest over all files of the folder."""
        return digest_folder(self.folder)

    @cached_property
    def world(self) -> dict[str, str]:
        """Digests of what answers the tools (openapi.yaml, the simulator), by file or folder: a trace keeps them."""
        targets = (self.target_of(part) for part in _NO_WORLD_PARTS)
        others = {self.source_of(target).name for target in targets if isinstance(target, str)}
        found = [path for path in sorted(self.folder.iterdir()) if path.name not in _NO_WORLD | others]
        return {
            path.name: (digest_folder(path) if path.is_dir() else digest_bytes(path.read_bytes()))[:16]
            for path in found
            if path.suffix != ".md"
        }

    @cached_property
    def settings(self) -> dict[str, Any]:
        """``build.toml`` as read; InputError names the line that is not TOML."""
        return self._read_toml("build.toml")

    @cached_property
    def gate(self) -> dict[str, Any]:
        """``gate.toml`` as read."""
        return self._read_toml("gate.toml")

    @cached_property
    def policy(self) -> str:
        """``policy.md``: the system prompt."""
        return self._read("policy.md")

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """``openapi.yaml`` as read; what it must hold is checked by ``agent.openapi``."""
        text = self._read("openapi.yaml")
        if len(text) > _MAX_OPENAPI:
            raise InputError(
                f"{self.folder / 'openapi.yaml'} has {len(text)} characters, {_MAX_OPENAPI} at most are read; "
                "leave out the operations that are no tools of the agent"
            )
        try:
            found = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError) as error:
            raise InputError(f"{self.folder / 'openapi.yaml'} is not YAML: {error}") from error
        if not isinstance(found, dict):
            raise InputError(f"{self.folder / 'openapi.yaml'} holds {type(found).__name__}, expected a mapping")
        return found

    @cached_property
    def names(self) -> tuple[str, ...]:
        """``names.txt``: names of persons that redaction must know, one a line."""
        lines = self._read("names.txt").splitlines()
        return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))

    def load(self, target: str) -> Callable[..., Any]:
        """A function of the recipe's code, named ``module:function`` as in ``simulator:create_app``.

        InputError tells what is missing, or file, line and error where the code raised when it was loaded.
        """
        module_name, _, attribute = target.partition(":")
        try:
            module = importlib.import_module(f"{self._package().__name__}.{module_name}")
        except InputError:
            raise
        except (Exception, SystemExit) as error:  # the recipe's code is its author's: whatever it raises is theirs
            raise InputError(
                f"recipe {self.name!r} names {target!r} in build.toml, but {self._place(error)}"
            ) from error
        found = getattr(module, attribute, None) if attribute else None
        if not callable(found):
            raise InputError(
                f"recipe {self.name!r} names {target!r} in build.toml, but {module.__file__} has no function "
                f'{attribute!r}: expected "module:function"'
            )
        return found

    def load_part(self, part: str) -> Callable[..., Any]:
        """The function that ``[recipe] <part>`` in build.toml names; InputError where it names none."""
        target = self.target_of(part)
        if not isinstance(target, str):
            raise InputError(
                f"recipe {self.name!r}: [recipe] {part} in build.toml is {target!r}, "
                f'expected "module:function", as in {part} = "module:function"'
            )
        return self.load(target)

    def target_of(self, part: str) -> Any:
        """What ``[recipe] <part>`` in build.toml holds, None where it is left out."""
        return self.settings.get("recipe", {}).get(part)

    def source_of(self, target: str) -> Path:
        """The file that holds what ``module:function`` names, or the folder where the module is (in) a package."""
        place = self.folder / target.partition(":")[0].partition(".")[0]
        return place if place.is_dir() else place.with_suffix(".py")

    @contextmanager
    def blame(self, part: str) -> Generator[None]:
        """RecipeError for what the code of a ``part`` (its simulator, its scenarios) raises while it runs."""
        try:
            yield
        except FactoryError:
            raise  # says itself whose it is
        except (Exception, SystemExit) as error:
            raise RecipeError(
                f"recipe {self.name!r}: its {part} raised an error at {self._place(error)}. Mend it in {self.folder}"
            ) from error

    def _place(self, error: BaseException) -> str:
        """An error of the recipe's code with its file and line, where it has them."""
        told = f"{type(error).__name__}: {error}"
        if isinstance(error, SyntaxError):
            return told  # names file and line itself
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).is_relative_to(self.folder)]
        if not own:
            return told
        where = "" if own[-1].name == "<module>" else f", in {own[-1].name}"
        return f"{own[-1].filename}, line {own[-1].lineno}{where}: {told}"

    def _package(self) -> ModuleType:
        # Folders of the same name are packages of their own, and so is a folder that was edited since: a process
        # that lives long, as the API does, runs what the folder holds.
        place = digest_json([str(self.folder.resolve()), self.digest])
        name = f"recipe_{self.name}_{place[:12]}"
        if name not in sys.modules:
            init = self.folder / "__init__.py"
            if not init.is_file():
                raise InputError(f"there is no {init}: the folder of a recipe is a Python package, add the file")
            spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(self.folder)])
            if spec is None or spec.loader is None:
                raise InputError(f"recipe {self.name!r} has no importable {init}")
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]  # a package that broke while it was loaded must not be found the next time
                raise
        return sys.modules[name]

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise InputError(f"recipe {self.name!r} has no file {self.folder / name}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{self.folder / name} is not UTF-8 text: {error}") from error

    def _read_toml(self, name: str) -> dict[str, Any]:
        try:
            return tomllib.loads(self._read(name))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{self.folder / name} is not TOML: {error}") from error


def load_recipe(name: str, recipes: Path | None = None) -> Recipe:
    """The recipe of that name; NotFoundError lists the ones there are."""
    root = recipes or get_settings().recipes
    known = sorted(path.parent.name for path in root.glob("*/build.toml"))
    if not NAME_PATTERN.fullmatch(name) or name not in known:
        raise NotFoundError(f"there is no recipe {name!r} in {root}; there are: {', '.join(known) or 'none'}")
    return Recipe(root / name)
