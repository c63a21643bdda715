"""How long rows are: in tokens of a named tokenizer, or in characters where no tokenizer is known.

Invariant: a length always says what it counts; what is counted are the texts of messages and calls,
without the chat template.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.model import ModelManifest
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError
from agent_factory.core.store import Store
from agent_factory.data.row import Row

_FILE = "tokenizer.json"
_CONVERSATIONS = ("messages", "prompt", "chosen", "rejected", "reference")


class Ruler(NamedTuple):
    """Measures texts; ``name`` is the tokenizer's, or None where characters are counted."""

    name: str | None
    unit: Literal["tokens", "characters"]
    length: Callable[[str], int]

    def measure(self, row: Row) -> int:
        """The length of a row: all its conversations."""
        return sum(self.length(text) for name in _CONVERSATIONS if name in row for text in _texts(row[name]))


def open_ruler(
    store: Store, artifacts: Artifacts, project: str, tokenizer: str | None, build: str | None = None
) -> Ruler:
    """The ruler of ``tokenizer`` (a model's number or a folder), else of the build's base model where that is known.

    InputError where a tokenizer was named and there is none.
    """
    if tokenizer is not None:
        return _open(tokenizer, _find_folder(store, artifacts, project, tokenizer))
    spec = None if build is None else store.peek(BuildSpec, build)
    if spec is None:
        return Ruler(None, "characters", len)
    made = [model for model in store.find(ModelManifest, project=project, build=build) if model.stage == "base"]
    if made:
        return _open(made[-1].id, artifacts.local(made[-1].path))
    folder = Path(spec.base_model)
    return _open(spec.base_model, folder) if (folder / _FILE).is_file() else Ruler(None, "characters", len)


def _find_folder(store: Store, artifacts: Artifacts, project: str, tokenizer: str) -> Path:
    model = store.peek(ModelManifest, tokenizer) if "/" not in tokenizer else None
    if model is not None and model.project == project:
        return artifacts.local(model.path)
    return Path(tokenizer)


def _open(name: str, folder: Path) -> Ruler:
    from tokenizers import Tokenizer

    path = folder / _FILE
    if not path.is_file():
        raise InputError(
            f"there is no tokenizer {name!r}: expected the number of a model of this project, or a folder "
            f"with a {_FILE}"
        )
    tokenizer: Any = Tokenizer.from_file(str(path))
    return Ruler(name, "tokens", lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))


def _texts(conversation: str) -> list[str]:
    """What is said and called in a conversation that is given as JSON."""
    told: list[str] = []
    for message in json.loads(conversation):
        told.append(message.get("content") or "")
        for call in message.get("tool_calls") or ():
            told += [call["function"]["name"], call["function"]["arguments"]]
    return told
