"""What a fault does to an answer that did come: its body cut, broken, shaped otherwise or added to.

Invariant: the same body with the same draw gives the same damage; None says that there was nothing to
damage, and then the call counts as spared.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

_OWN_FIELD = "note"
"""Where an injected text stands if the result has no field of text."""


def break_body(body: bytes) -> bytes | None:
    """JSON that is none any more: what a proxy in a bad state makes of it."""
    return body[:-1] + b",,<" if body else None


def truncate_body(body: bytes, draw: Random) -> bytes | None:
    """The beginning of a body, as of a connection that was lost."""
    return body[: draw.randrange(1, len(body))] if len(body) > 1 else None


def drift_body(body: bytes, field: str | None, draw: Random) -> bytes | None:
    """One field renamed, of another type, or one level deeper: in every object of a list alike."""
    document = _read(body)
    rows = _objects(document)
    names = sorted({name for row in rows for name in row if field in (None, name)})
    if not names:
        return None
    name, change = draw.choice(names), draw.choice((_rename, _retype, _nest))
    for row in rows:
        if name in row:
            _replace(row, name, *change(name, row[name]))
    return _write(document)


def inject_text(body: bytes, text: str, field: str | None, draw: Random) -> bytes | None:
    """A text placed behind what a field of text says, or in a field of its own."""
    document = _read(body)
    rows = _objects(document)
    if not rows:
        return _write(f"{document} {text}") if isinstance(document, str) else None
    row = rows[0]
    names = sorted(name for name, value in row.items() if isinstance(value, str))
    name = field or (draw.choice(names) if names else _OWN_FIELD)
    before = row.get(name)
    row[name] = f"{before} {text}" if isinstance(before, str) else text
    return _write(document)


def _rename(name: str, value: Any) -> tuple[str, Any]:
    first, *rest = name.split("_")
    camel = first + "".join(part.capitalize() for part in rest)
    return (camel if camel != name else f"{name}_value"), value


def _retype(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, str):
        return name, [value]
    if isinstance(value, (list, dict)):
        return name, json.dumps(value, ensure_ascii=False)
    return name, json.dumps(value)  # a number, true, null: as text


def _nest(name: str, value: Any) -> tuple[str, Any]:
    return name, {"value": value}


def _replace(row: dict[str, Any], old: str, new: str, value: Any) -> None:
    # The order of the fields stays, as a new version of a service would keep it.
    items = [(new, value) if name == old else (name, kept) for name, kept in row.items()]
    row.clear()
    row.update(items)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:  # not JSON: nothing with fields
        return None


def _objects(document: Any) -> list[dict[str, Any]]:
    rows = document if isinstance(document, list) else [document]
    return [row for row in rows if isinstance(row, dict)]


def _write(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
