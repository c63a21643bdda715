"""A model's folder, proved before it is used: what its digest says, and safetensors only.

Invariant: nothing is loaded from a folder that a digest contradicts, and no pickle is ever opened.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent_factory.core.digest import digest_folder
from agent_factory.core.error import ModelError

REMEDY = "Delete the folder and run the training stage that makes it again."


def verify_checkpoint(folder: Path, digest: str | None = None) -> None:
    """Raise ModelError unless the folder is a whole checkpoint with that digest (where one is given)."""
    if not folder.is_dir():
        raise ModelError(f"there is no model at {str(folder)!r}. {REMEDY}")
    if not (folder / "config.json").is_file():
        raise ModelError(f"the model at {str(folder)!r} has no config.json: it is not a checkpoint. {REMEDY}")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(f"the model at {str(folder)!r} has no *.safetensors; other formats are not opened. {REMEDY}")
    if digest is not None:
        found = digest_folder(folder)
        if found != digest:
            raise ModelError(
                f"the model at {str(folder)!r} is not what was made: its digest is {found}, expected {digest}. {REMEDY}"
            )
    for path in weights:
        _check_header(path)


def _check_header(path: Path) -> None:
    """A safetensors file says in its header how long it is."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(size)) if 0 < size < 100_000_000 else {}
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError(f"{str(path)!r} is not a safetensors file: {error}. {REMEDY}") from error
    expected = 8 + size + max(ends, default=0)
    found = path.stat().st_size
    if not ends or found != expected:
        raise ModelError(f"{str(path)!r} is {found} bytes long, its header asks for {expected}. {REMEDY}")


def load_causal_model(folder: Path, digest: str | None = None, **options: Any) -> Any:
    """The causal language model in the folder, verified first; ModelError if it cannot be loaded."""
    from transformers import AutoModelForCausalLM

    verify_checkpoint(folder, digest)
    try:
        return AutoModelForCausalLM.from_pretrained(str(folder), local_files_only=True, **options)
    except Exception as error:
        raise ModelError(f"the model at {str(folder)!r} could not be loaded: {error}. {REMEDY}") from error


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in the folder; ModelError if there is none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:
        raise ModelError(f"the tokenizer at {str(folder)!r} could not be loaded: {error}. {REMEDY}") from error


def read_closing_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Ids that end an assistant's turn: the tokenizer's end token first, then the generation settings'."""
    found: list[int] = [] if tokenizer.eos_token_id is None else [int(tokenizer.eos_token_id)]
    configured = model.generation_config.eos_token_id
    for token in configured if isinstance(configured, list) else [configured]:
        if token is not None and token not in found:
            found.append(int(token))
    if not found:
        raise ModelError(f"the model at {tokenizer.name_or_path!r} names no end token: its turns would never end")
    return tuple(found)
