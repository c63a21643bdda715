"""The program's folder: the files that an episode begins with, and what it holds, as JSON.

Invariants: a folder is a JSON object of its entries, so that the paths of grading are the paths of the
files; what is no short text is told by its digest; reading never leaves the folder.
"""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.digest import digest_bytes
from agent_factory.core.error import InputError

Files = dict[str, tuple[int, str]]
"""Mode and content (base64) by path."""
MOST_TEXT = 64 * 1024
"""Bytes of a file that is kept as text."""
MOST_READ = 256 * 2**20
"""Bytes of all files that are read; sparse files may say that they are larger than any disk."""
MOST_DEPTH = 30


def read_template(folder: Path, most: int) -> Files:
    """The files of a recipe's folder; InputError where it is none, holds a link or more than ``most`` bytes."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {str(folder)!r}, which [environment.settings.terminal] folder names")
    found: Files = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        if "__pycache__" in path.parts or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file():
            raise InputError(f"{str(path)!r} is no plain file: a program's folder holds files and folders")
        content = path.read_bytes()
        size += len(content)
        found[path.relative_to(folder).as_posix()] = (path.stat().st_mode & 0o755, _pack(content))
    if size > most:
        raise InputError(f"{str(folder)!r} has {size} bytes, [environment.settings.terminal] disk_mib allows {most}")
    return found


def read_files(scenario: Scenario) -> Files:
    """The scenario's own files: its state is ``{"files": {name: text or folder}}``; InputError where it is not."""
    files = scenario.state.get("files", {})
    if not isinstance(files, Mapping) or set(scenario.state) - {"files"}:
        raise InputError(
            f"scenario {scenario.id!r}: its state has {sorted(scenario.state)}, expected "
            '{"files": {name: text, or an object for a folder}}'
        )
    return {path: (0o644, _pack(text.encode())) for path, text in _walk(scenario, files, PurePosixPath())}


def _walk(scenario: Scenario, files: Mapping[str, Any], place: PurePosixPath) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in files.items():
        path = place / name
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise InputError(f"scenario {scenario.id!r}: {name!r} is no name of a file")
        if isinstance(value, Mapping):
            found += _walk(scenario, value, path)
        elif isinstance(value, str):
            found.append((str(path), value))
        else:
            raise InputError(f"scenario {scenario.id!r}: the file {str(path)!r} is {value!r}, expected text")
    return found


def _pack(content: bytes) -> str:
    return base64.b64encode(content).decode()


def read_state(folder: int) -> Json:
    """All entries below an open folder; the sandbox bounds how many there can be."""
    return _Reader().read(folder, 0)


class _Reader:
    def __init__(self) -> None:
        self._bytes = MOST_READ

    def read(self, folder: int, depth: int) -> Json:
        found: Json = {}
        for name in sorted(os.listdir(folder)):
            with suppress(FileNotFoundError):  # removed since it was listed
                found[_as_text(name)] = self._read_entry(folder, name, depth)
        return found

    def _read_entry(self, folder: int, name: str, depth: int) -> Any:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            return f"link to {_as_text(os.readlink(name, dir_fd=folder))}"
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            return "special file"
        if depth == MOST_DEPTH:
            return f"more than {MOST_DEPTH} folders deep"
        try:
            entry = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError:
            raise
        except OSError:  # its mode forbids it, or it has just become a link
            return "unreadable"
        try:
            folder_now = stat.S_ISDIR(os.fstat(entry).st_mode)
            return self.read(entry, depth + 1) if folder_now else self._read_file(entry)
        finally:
            os.close(entry)

    def _read_file(self, entry: int) -> str:
        size = os.fstat(entry).st_size
        self._bytes -= size
        if self._bytes < 0:
            return f"{size} bytes, not read"
        with os.fdopen(entry, "rb", closefd=False) as file:
            content = file.read(size)
        if size > MOST_TEXT:
            return f"sha256:{digest_bytes(content)} ({size} bytes)"
        try:
            return content.decode()
        except UnicodeDecodeError:
            return f"sha256:{digest_bytes(content)} ({size} bytes)"


def _as_text(name: str) -> str:
    return os.fsencode(name).decode(errors="backslashreplace")
