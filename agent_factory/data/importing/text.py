"""JSON files, line by line or whole, plain or packed by gzip.

Invariant: of a file of lines one line is held at a time, LINE_BYTES of it at most.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from agent_factory.core.error import InputError
from agent_factory.data.importing.row import Row
from agent_factory.data.ingest import parse_json

LINE_BYTES = 16 * 2**20
_BOM = b"\xef\xbb\xbf"


def read_lines(path: Path) -> Iterator[Row]:
    """A row for each line that holds something; one that is no JSON, or too long, has a ValueError as its value."""
    size = max(path.stat().st_size, 1)
    with path.open("rb") as raw, _unpack(raw, path) as file:
        number = 0
        while line := _read_line(file, path):
            number += 1
            value = line.strip() if isinstance(line, bytes) else line
            if isinstance(value, bytes):
                value = value.removeprefix(_BOM) if number == 1 else value
                if not value:
                    continue
                value = parse_json(value)
            yield Row(f"line {number}", value, min(raw.tell() / size, 1.0))


def read_document(path: Path) -> Any:
    """The one JSON value of a file; InputError where it is none."""
    with path.open("rb") as raw, _unpack(raw, path) as file:
        try:
            found = parse_json(file.read().removeprefix(_BOM))
        except (OSError, EOFError) as error:
            raise InputError(f"{str(path)!r} cannot be read: {error}") from error
    if isinstance(found, ValueError):
        raise InputError(f"{str(path)!r} cannot be read: {found}")
    return found


def read_head(path: Path, size: int = 65_536) -> bytes:
    """The first bytes of what a file holds, unpacked."""
    with path.open("rb") as raw, _unpack(raw, path) as file:
        try:
            return file.read(size).removeprefix(_BOM)
        except (OSError, EOFError) as error:
            raise InputError(f"{str(path)!r} cannot be read: {error}") from error


def is_lines(path: Path) -> bool:
    """Whether the first line that holds something is a JSON value by itself."""
    with path.open("rb") as raw, _unpack(raw, path) as file:
        while line := _read_line(file, path):
            if isinstance(line, ValueError):
                return False
            if line.strip().removeprefix(_BOM):
                try:
                    return isinstance(json.loads(line.strip().removeprefix(_BOM)), dict)
                except (ValueError, RecursionError):
                    return False
    return True


def _unpack(raw: IO[bytes], path: Path) -> IO[bytes]:
    return gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw  # type: ignore[return-value]


def _read_line(file: IO[bytes], path: Path) -> bytes | ValueError:
    """The next line, b"" at the end; a ValueError for one that is too long, which is passed over."""
    try:
        line = file.readline(LINE_BYTES)
        if len(line) < LINE_BYTES or line.endswith(b"\n"):
            return line
        while piece := file.readline(LINE_BYTES):
            if piece.endswith(b"\n"):
                break
    except (OSError, EOFError) as error:
        raise InputError(f"{str(path)!r} cannot be read to its end: {error}. What came before is kept") from error
    return ValueError(f"it has more than {LINE_BYTES} bytes: split the episode into sessions")
