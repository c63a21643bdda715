"""Lines of the form ``key: value``, in a list, a table of two columns or a form: the key tells what the value is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from agent_factory.privacy.field import FieldKind, kind_of_key
from agent_factory.privacy.label import Label
from agent_factory.privacy.rule.chinese_name import is_chinese_name
from agent_factory.privacy.rule.name import read_name
from agent_factory.privacy.rule.rule import LIKELY, Finding, Look

_MARK = r"[*_`\"']{0,3}"
_LINE = re.compile(
    rf"^[ \t>]*(?:[-*+•|][ \t]*|\d+[.)][ \t]+)?{_MARK}(?P<key>[^\W\d_][^:=|*`\"'\n]{{0,28}}?){_MARK}[ \t]*[:=|]"
    rf"{_MARK}[ \t]*{_MARK}(?P<value>[^\s|*`\"'](?:[^|\n]*[^\s|*_`\"',])?)[*_`\"',]{{0,3}}[ \t]*(?:\||$)",
    re.MULTILINE,
)
LABELS: dict[FieldKind, Label] = {"FIRST_NAME": "PERSON", "LAST_NAME": "PERSON"}
READ = frozenset(["PERSON", "FIRST_NAME", "LAST_NAME", "ADDRESS", "SECRET", "USER", "NATIONAL_ID"])
_LONGEST = 120
_IDENTITY = re.compile(r"[A-Za-z0-9](?:[ ().-]?[A-Za-z0-9]){4,22}\)?", re.ASCII)


def find_lines(look: Look) -> Iterator[Finding]:
    """Values of lines whose key names something personal and whose value fits it."""
    text, plain = look.text, look.plain
    if ":" not in plain and "=" not in plain and "|" not in plain:
        return
    for match in _LINE.finditer(plain):
        value = match["value"]
        if len(value) > _LONGEST or "<" in value:
            continue
        kind = kind_of_key(match["key"], value)
        if kind not in READ or not is_whole(kind, value):
            continue
        label = LABELS.get(kind) or cast(Label, kind)
        yield Finding(label, *match.span("value"), text[slice(*match.span("value"))], LIKELY)


def is_whole(kind: FieldKind, value: str) -> bool:
    """Whether the value is nothing but what its key names: a line may go on in prose."""
    if kind in ("PERSON", "FIRST_NAME", "LAST_NAME"):
        _, end, count = read_name(value, 0)
        return (count > 0 and end == len(value)) or is_chinese_name(value)
    if kind == "ADDRESS":
        return any(map(str.isdigit, value)) and "://" not in value
    if kind == "NATIONAL_ID":
        return _IDENTITY.fullmatch(value) is not None
    return " " not in value
