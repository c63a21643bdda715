"""XML in prose: an element's name tells what its text is, its parent and siblings whose a ``name`` is.

Model: elements are followed by a stack; text that is not well formed costs the elements that are not closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, cast

from agent_factory.privacy.field import kind_of, snake
from agent_factory.privacy.label import Label
from agent_factory.privacy.rule.line import LABELS, READ, is_whole
from agent_factory.privacy.rule.rule import LIKELY, Finding, Look

_TAG = re.compile(r"<(?P<end>/?)(?:[A-Za-z][\w.-]*:)?(?P<name>[^\W\d][\w.-]*)(?:\s[^<>]*)?(?P<empty>/?)>")
_LONGEST, _DEEPEST = 120, 64


class _Element(NamedTuple):
    """An open element: its name, where its text begins, and its children without children by name and place."""

    name: str
    begin: int
    leaves: list[tuple[str, int, int]]


def find_elements(look: Look) -> Iterator[Finding]:
    """The text of elements whose name says that it is personal and that fits it."""
    if "</" not in look.plain:
        return
    open_elements = [_Element("", 0, [])]
    for tag in _TAG.finditer(look.plain):
        name = snake(tag["name"])
        if not tag["end"]:
            if not tag["empty"] and len(open_elements) < _DEEPEST:
                open_elements.append(_Element(name, tag.end(), []))
            continue
        if all(element.name != name for element in open_elements):
            continue
        while (closed := open_elements.pop()).name != name:
            yield from _read(look, closed)
        if closed.leaves:
            yield from _read(look, closed)
        elif "<" not in look.plain[closed.begin : tag.start()]:
            open_elements[-1].leaves.append((name, closed.begin, tag.start()))
    for element in open_elements:
        yield from _read(look, element)


def _read(look: Look, parent: _Element) -> Iterator[Finding]:
    siblings = tuple(name for name, _, _ in parent.leaves)
    for name, begin, end in parent.leaves:
        told = look.plain[begin:end]
        value = told.strip()
        kind = kind_of(name, value, parent.name, siblings) if 0 < len(value) <= _LONGEST else None
        if kind in READ and is_whole(kind, value):
            start = begin + told.index(value)
            place = slice(start, start + len(value))
            yield Finding(LABELS.get(kind) or cast(Label, kind), place.start, place.stop, look.text[place], LIKELY)
