"""The key of pseudonyms and of what is left of the forgotten: 32 random bytes in a file that only its owner can read.

Invariant: the first process to link the file wins and all others read the same key; the key is
never logged and never leaves the home folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from agent_factory.core.error import StorageError

KEY_BYTES = 32
FILE_NAME = "pseudonym.key"


def read_key(home: Path) -> bytes:
    """The key of ``home``, made once with mode 0600; StorageError if it cannot be made or is damaged."""
    path = home / FILE_NAME
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise StorageError(f"the pseudonym key {str(path)!r} could not be made or read: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise StorageError(
            f"the pseudonym key {str(path)!r} has {len(key)} bytes, expected {KEY_BYTES}. "
            "Restore it from a backup; a new key would part the pseudonyms from those of earlier traces."
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A link fails where the name is taken, so that of two processes at once one key stays.
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
