"""Walks JSON: learns what its keys call personal, and puts placeholders in their place.

A dictionary as Python prints it counts as JSON and stays Python; a list of rows under a first row of keys is walked
as objects. Invariant: what is replaced is a string or number under a key, or a string's content; the structure,
booleans and nulls stay, so that the result is JSON of the same shape. JSON inside a string, and JSON that
stands in prose, is walked too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from agent_factory.privacy.field import FieldKind, is_key, kind_of, name_part, names_thing, snake
from agent_factory.privacy.label import PLACEHOLDER, Label
from agent_factory.privacy.literal import is_python, read_python
from agent_factory.privacy.pseudonym import Pseudonyms

Redact = Callable[[str, bool], str]
"""Redacts a string; the flag says that its key names a thing, so that shapes alone do not count."""

_LABELS: dict[FieldKind, Label] = {"FIRST_NAME": "PERSON", "LAST_NAME": "PERSON", "CARD_DIGITS": "CARD"}
_MAX_DEPTH = 100
_MAX_EMBEDDED = 50
_LONG_NUMBER = 10**8
_INDENT = re.compile(r"[{\[]\r?\n([ \t]+)")
_WORDS = re.compile(r"\s.*[^\W\d_]{3}|[^\W\d_]{3}.*\s", re.DOTALL)
_DECODER = json.JSONDecoder()


def load_json(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or array that a text is, or None where it is prose (or nested deeper than 100 levels)."""
    stripped = text.lstrip()
    if not stripped.startswith(("{", "[")):
        return None
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):  # prose that begins with a bracket, or Python
        begin = len(text) - len(stripped)
        found = read_python(text, begin)
        if found is None or text[found[1] :].strip():
            return None
        value = found[0]
    return value if _depth_within(value, _MAX_DEPTH) else None


def split_json(text: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The pieces of a text in order: prose with None, and each JSON object that stands in it with its value."""
    at = begin = 0
    for _ in range(_MAX_EMBEDDED):
        begin = text.find("{", begin)
        if begin < 0 or ('"' not in text and "'" not in text):
            break
        try:
            value, end = _DECODER.raw_decode(text, begin)
        except (ValueError, RecursionError):
            found = read_python(text, begin)
            if found is None:
                begin += 1
                continue
            value, end = found
        if value and _depth_within(value, _MAX_DEPTH):
            yield text[at:begin], None
            yield text[begin:end], cast(dict[str, Any], value)
            at = end
        begin = end
    yield text[at:], None


def write_like(text: str, value: Any) -> str:
    """JSON in the style of ``text``: indented or compact where that is, else with the usual blanks; or Python."""
    if is_python(text):
        return repr(value)
    indent = _INDENT.search(text)
    if indent is not None:
        return json.dumps(value, ensure_ascii=False, indent=indent[1])
    compact = '": ' not in text and '", ' not in text
    return json.dumps(value, ensure_ascii=False, separators=(",", ":") if compact else None)


def learn_fields(value: Any, session: Pseudonyms, parent: str) -> None:
    """Learn every value that its key calls personal, at any depth, also of JSON inside strings."""
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        _learn_full_name(fields, session)
        for key, item, kind in _classify(fields, parent):
            if kind == "CARD_DIGITS":
                session.learn_card_digits(str(item))
            elif kind is not None:
                session.learn(_LABELS.get(kind, cast(Label, kind)), str(item))
            else:
                learn_fields(item, session, snake(key) if not isinstance(item, str) else parent)
    elif isinstance(value, list):
        for item in _rows_of(cast(list[Any], value)) or cast(list[Any], value):
            learn_fields(item, session, parent)
    elif isinstance(value, str):
        learn_text(value, session, "")


def learn_text(text: str, session: Pseudonyms, parent: str) -> None:
    """Learn the fields of a text that is JSON or holds some."""
    if "{" not in text:
        return
    value = load_json(text)
    if value is not None:
        learn_fields(value, session, parent)
        return
    for _, found in split_json(text):
        if found is not None:
            learn_fields(found, session, parent)


def replace_fields(value: Any, session: Pseudonyms, parent: str, redact: Redact, thing: bool = False) -> Any:
    """The value with personal fields replaced by placeholders and every other string passed through ``redact``."""
    if isinstance(value, str):
        return redact(value, thing and _WORDS.search(value) is None)
    if isinstance(value, list):
        rows = _rows_of(cast(list[Any], value))
        items = [replace_fields(item, session, parent, redact, thing) for item in rows or cast(list[Any], value)]
        return [list(items[0]), *(list(row.values()) for row in items)] if rows else items
    if isinstance(value, int) and abs(value) >= _LONG_NUMBER and not thing:
        told = redact(str(value), thing)
        return value if told == str(value) else told
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for key, item, kind in _classify(cast(dict[str, Any], value), parent):
        told = _free_key(redact(key, False), result)
        if kind is not None:
            result[told] = session.give(_LABELS.get(kind, cast(Label, kind)), str(item))
        else:
            form = snake(key)
            result[told] = replace_fields(item, session, form, redact, names_thing(form))
    return result


def reveal_fields(value: Any, session: Pseudonyms, key: str = "") -> Any:
    """The value with placeholders replaced by what they stand for; a key for a part of a name gets that part."""
    if isinstance(value, str):
        return session.reveal(value, name_part(key))
    if isinstance(value, list):
        return [reveal_fields(item, session, key) for item in cast(list[Any], value)]
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        return {session.reveal(name): reveal_fields(item, session, name) for name, item in fields.items()}
    return value


def _rows_of(value: list[Any]) -> list[dict[str, Any]] | None:
    """The rows of a table as objects: lists of one length under a first one whose texts are keys, one of them known."""
    if len(value) < 2 or not isinstance(value[0], list):
        return None
    keys = cast(list[Any], value[0])
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys) or not any(map(is_key, keys)):
        return None
    if not all(isinstance(row, list) and len(cast(list[Any], row)) == len(keys) for row in value):
        return None
    return [dict(zip(keys, row, strict=True)) for row in value[1:]]


def _free_key(key: str, taken: Mapping[str, Any]) -> str:
    """The key, numbered where two keys became the same: a field must not vanish with its name."""
    number = 1
    free = key
    while free in taken:
        number += 1
        free = f"{key}#{number}"
    return free


def _classify(fields: dict[str, Any], parent: str) -> list[tuple[str, Any, FieldKind | None]]:
    keys = {key: snake(key) for key in fields}
    forms = tuple(keys.values())
    above = snake(parent)
    return [
        (key, item, kind_of(form, item, above, forms) if _may_be_personal(item) else None)
        for (key, item), form in zip(fields.items(), keys.values(), strict=True)
    ]


def _may_be_personal(item: Any) -> bool:
    if isinstance(item, str):
        return bool(item) and not PLACEHOLDER.search(item)
    return isinstance(item, int) and not isinstance(item, bool)


def _learn_full_name(fields: dict[str, Any], session: Pseudonyms) -> None:
    parts: dict[int, str] = {}
    for key, item in fields.items():
        part = name_part(key)
        if part is not None and isinstance(item, str) and item and not PLACEHOLDER.search(item):
            parts[part] = item
    if len(parts) == 2:
        session.learn("PERSON", f"{parts[0]} {parts[1]}", parts=(parts[0], parts[1]))


def _depth_within(value: Any, depth: int) -> bool:
    if depth == 0:
        return False
    if isinstance(value, dict):
        return all(_depth_within(item, depth - 1) for item in cast(dict[str, Any], value).values())
    if isinstance(value, list):
        return all(_depth_within(item, depth - 1) for item in cast(list[Any], value))
    return True


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
