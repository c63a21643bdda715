"""A checkout of τ²-bench (github.com/sierra-research/tau2-bench, MIT): its tasks, databases and tools.

Its package pins LiteLLM, which is kept out of here. Invariants: only files of the checkout are loaded; what asks
for LiteLLM while it is loaded is refused by name, never given a stand-in. Of what its tools import, ``loguru`` and
``addict`` have stand-ins for that moment where they are not installed; ``addict`` serves there to change a database by
a task's initial state, which is not done here.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import sys
import tomllib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from agent_factory.core.error import InputError, StorageError


class Checkout:
    """One checkout, by its folder; InputError where it does not look like one."""

    def __init__(self, folder: Path) -> None:
        self.source, self._domains = folder / "src", folder / "data" / "tau2" / "domains"
        if not (self.source / "tau2").is_dir() or not self._domains.is_dir():
            raise InputError(
                f"{str(folder)!r} is no checkout of tau2-bench: expected src/tau2 and data/tau2/domains there. "
                "Clone sierra-research/tau2-bench and name its folder in [environment.settings.tau2] checkout"
            )

    def policy(self, domain: str) -> str:
        """The domain's policy: the system prompt of its agent."""
        return (self._folder(domain) / "policy.md").read_text(encoding="utf-8")

    def tasks(self, domain: str) -> dict[str, dict[str, Any]]:
        """The domain's tasks by id, in the file's order."""
        path = self._folder(domain) / "tasks.json"
        try:
            return {str(task["id"]): task for task in json.loads(path.read_text(encoding="utf-8"))}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path} holds no list of tasks with ids: {error!r}") from error

    def make_toolkit(self, domain: str) -> Any:
        """The domain's tools over a database of their own, as the file has it."""
        kit = self._find_toolkit(domain)
        database = get_type_hints(kit).get("db")
        if database is None:
            raise InputError(f"{kit.__module__}.{kit.__name__} has no annotation of its db: it cannot be filled")
        return kit(database.model_validate(self._read_database(domain)))

    def _find_toolkit(self, domain: str) -> Any:
        self._folder(domain)
        module = self._import(f"tau2.domains.{domain}.tools")
        made = [found for found in vars(module).values() if getattr(found, "__module__", None) == module.__name__]
        kits = [kit for kit in made if hasattr(kit, "get_tools") and "User" not in kit.__name__]
        if len(kits) != 1:
            raise InputError(f"{module.__file__} has {len(kits)} toolkits for the agent, expected one")
        return kits[0]

    def _read_database(self, domain: str) -> dict[str, Any]:
        folder = self._folder(domain)
        toml = folder / "db.toml"
        path = toml if toml.is_file() else folder / "db.json"
        try:
            text = path.read_text(encoding="utf-8")
            return tomllib.loads(text) if path == toml else json.loads(text)
        except (OSError, ValueError) as error:
            raise StorageError(f"{path} cannot be read: {error}") from error

    def _folder(self, domain: str) -> Path:
        known = sorted(path.name for path in self._domains.iterdir() if (path / "tasks.json").is_file())
        if domain not in known:
            raise InputError(f"the checkout has no domain {domain!r} with tasks.json; it has: {', '.join(known)}")
        return self._domains / domain

    def _import(self, name: str) -> ModuleType:
        if str(self.source) not in sys.path:
            sys.path.append(str(self.source))
        try:
            with _refuse_litellm(), _stand_in():
                module = importlib.import_module(name)
        except ImportError as error:
            raise InputError(f"{name} in {self.source} cannot be loaded: {error}. Install what is missing.") from error
        if not Path(module.__file__ or "").is_relative_to(self.source):
            raise InputError(
                f"{name} was loaded from {module.__file__!r}, expected {self.source}: the index's is another"
            )
        return module


class _NoLiteLlm:
    """Finds nothing, and refuses one name."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] == "litellm":
            raise InputError(
                "the checkout's tools import 'litellm', which is kept out: use a checkout whose tools do not"
            )
        return None


@contextmanager
def _refuse_litellm() -> Generator[None]:
    guard = _NoLiteLlm()
    sys.meta_path.insert(0, guard)
    try:
        yield
    finally:
        sys.meta_path.remove(guard)


@contextmanager
def _stand_in() -> Generator[None]:
    held = {"loguru": {"logger": logging.getLogger("tau2")}, "addict": {"Dict": dict}}
    missing = {name: content for name, content in held.items() if importlib.util.find_spec(name) is None}
    for name, content in missing.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(content)
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
