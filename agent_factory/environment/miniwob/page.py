"""An observation of the browser kind, read back: the elements of its tree in order.

Invariant: nothing is known of a page but the text that an agent reads.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_LINE = re.compile(r'^\s*- (?:\'((?:[^\']|\'\')*)\'|([a-z]+(?: "(?:[^"\\]|\\.)*")?(?: \[[^\]]*\])*))(?:: ?(.*))?$')
_KEY = re.compile(r'^([a-z]+)(?: ("(?:[^"\\]|\\.)*"))?((?: \[[^\]]*\])*)(?:: ?(.*))?$')


class Element(NamedTuple):
    """One element: its role, its name, the text or value that it holds, its reference, its box."""

    role: str
    name: str
    text: str
    ref: str
    box: tuple[float, float, float, float]

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle in pixels."""
        left, top, width, height = self.box
        return left + width / 2, top + height / 2


class Page:
    """The elements of an observation."""

    def __init__(self, observation: str) -> None:
        lines = observation.partition("tree:\n")[2].splitlines()
        self.elements = [element for element in map(_read, lines) if element is not None]

    def all(self, role: str, name: str | None = None, text: str | None = None) -> list[Element]:
        """The elements of a role, by name and text where they are given."""
        return [
            e
            for e in self.elements
            if e.role == role and (name is None or e.name == name) and (text is None or e.text == text)
        ]

    def one(self, role: str, name: str | None = None, text: str | None = None) -> Element:
        """The first of these; LookupError where there is none."""
        found = self.all(role, name, text)
        if not found:
            raise LookupError(f"there is no {role} {name or text or ''!r} on the page")
        return found[0]

    def bare_place(self, button: Element) -> tuple[float, float]:
        """Where a button may be pressed: its middle, or near a corner where another one covers that."""
        left, top, width, height = button.box
        corners = [(left + width * x, top + height * y) for x in (0.1, 0.9) for y in (0.1, 0.9)]
        others = [other.box for other in self.all("button") if other != button]
        for x, y in (button.middle, *corners):
            if not any(a <= x <= a + w and b <= y <= b + h for a, b, w, h in others):
                return x, y
        raise LookupError(f"the button {button.name!r} is covered by others")


def _read(line: str) -> Element | None:
    match = _LINE.match(line)
    if match is None:
        return None
    quoted, plain, told = match.groups()
    parts = _KEY.match(quoted.replace("''", "'") if quoted is not None else plain)
    if parts is None:
        return None
    role, name, flags, more = parts.groups()
    marks = dict(re.findall(r"\[(ref|box)=([^\]]*)\]", flags))
    left, top, width, height = map(float, marks.get("box", "0,0,0,0").split(","))
    return Element(
        role,
        json.loads(name) if name else "",
        _unquote(told or more or ""),
        marks.get("ref", ""),
        (left, top, width, height),
    )


def _unquote(text: str) -> str:
    if text.startswith('"'):
        return json.loads(text)
    return text[1:-1].replace("''", "'") if text.startswith("'") else text
