"""JSON files, line by line or whole, plain or packed by gzip.

Invariant: of a file of lines one line is held at a time, LINE_BYTES of it at most.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from agent_factory.core.error import InputError
from agent_factory.data.importing.row import Row
from agent_factory.data.ingest import BOM, parse_json

LINE_BYTES = 16 * 2**20
_LOOKED_AT = 50


def read_lines(path: Path) -> Iterator[Row]:
    """A row for each line that holds something; one that is no JSON, or too long, has a ValueError as its value."""
    size = max(path.stat().st_size, 1)
    with path.open("rb") as raw, _unpack(raw, path) as file:
        number = 0
        while line := _read_line(file, path):
            number += 1
            value = line.strip() if isinstance(line, bytes) else line
            if isinstance(value, bytes):
                if not value.removeprefix(BOM):
                    continue
                value = parse_json(value)
            yield Row(f"line {number}", value, min(raw.tell() / size, 1.0))


def read_document(path: Path) -> Any:
    """The one JSON value of a file; InputError where it is none."""
    with path.open("rb") as raw, _unpack(raw, path) as file:
        try:
            found = parse_json(file.read())
        except (OSError, EOFError) as error:
            raise InputError(f"{str(path)!r} cannot be read: {error}") from error
    if isinstance(found, ValueError):
        raise InputError(f"{str(path)!r} cannot be read: {found}")
    return found


def read_head(path: Path, size: int = 65_536) -> bytes:
    """The first bytes of what a file holds, unpacked."""
    with path.open("rb") as raw, _unpack(raw, path) as file:
        try:
            return file.read(size).removeprefix(BOM)
        except (OSError, EOFError) as error:
            raise InputError(f"{str(path)!r} cannot be read: {error}") from error


def is_lines(path: Path) -> bool:
    """Whether a file holds a JSON value a line, or nothing; else it is one document."""
    return next(read_objects(path), None) is not None or not read_head(path).strip()


def read_objects(path: Path) -> Iterator[dict[str, Any]]:
    """The objects among the first lines that are one by themselves; none where the file is one document.

    A bad line tells nothing about the others: a file is of lines where one of its first is an object, and
    those up to it are not how a document begins.
    """
    begun = ""
    lines = False
    with path.open("rb") as raw, _unpack(raw, path) as file:
        for _ in range(_LOOKED_AT):
            line = _read_line(file, path)
            if not line or len(begun) > LINE_BYTES:
                return
            if isinstance(line, ValueError):
                lines = lines or not begun
                continue
            text = line.removeprefix(BOM).decode(errors="replace").strip()
            found = _parse(text)
            if isinstance(found, dict) and (lines or not begun or not _is_begun(begun + text)):
                lines = True
                yield cast("dict[str, Any]", found)
            if text and not lines:
                begun += f"{text}\n"


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_begun(text: str) -> bool:
    """Whether a JSON value is the text, or would be it and more."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text)
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
