"""The pseudonyms of one trace: which value has which placeholder, and back.

A value is first ``learn``-ed (it is known to be personal, wherever it stands) and gets its number
when it is first given a placeholder, so that numbers follow the order of appearance.
Invariant: within a trace a value has one placeholder, and a placeholder stands for one value; a
number that stands in the text already is never given again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from agent_factory.privacy.label import PLACEHOLDER, Label, normalize, spellings, street_of
from agent_factory.privacy.word import is_ordinary, reads_as_code, reads_as_name

_CARD_CONTEXT = r"(?:card|visa|mastercard|amex|ending|ends|last four|digits|\*{2,}|x{4,}|•+)[^.\n]{0,24}?"
_HASH_LENGTH = 16


class Known(NamedTuple):
    """A spelling to look for in prose: where it matches, group ``value`` is personal."""

    label: Label
    text: str
    exact_case: bool = False
    as_name: bool = False
    card_digits: bool = False


class Pseudonyms:
    """Placeholders of one trace; ``kept`` are pseudonyms that the trace has already."""

    def __init__(self, key: bytes, kept: Mapping[str, str] | None = None) -> None:
        self._key = key
        self._kept = dict(kept or {})
        self._values: dict[Label, dict[str, str]] = {}  # normal form -> canonical normal form
        self._placeholders: dict[tuple[Label, str], str] = {}
        self._surfaces: dict[str, str] = {}
        self._canonical: dict[str, tuple[Label, str]] = {}
        self._parts: dict[str, tuple[str, str]] = {}
        self._last: dict[str, int] = {}
        self._known: dict[str, Known] = {}
        for placeholder in self._kept:
            self.reserve(placeholder)

    @property
    def hashes(self) -> dict[str, str]:
        """Placeholder → keyed hash, equal for equal values in any trace under the same key."""
        own = {name: hash_value(self._key, *canonical) for name, canonical in self._canonical.items()}
        return {**self._kept, **own}

    def reserve(self, text: str) -> None:
        """Keep the numbers of placeholders that stand in ``text`` from being given to another value."""
        for label, number in PLACEHOLDER.findall(text):
            self._last[label] = max(self._last.get(label, 0), int(number))

    def learn(self, label: Label, value: str, *, parts: tuple[str, str] | None = None) -> None:
        """Know a value as personal from now on; ``parts`` are a person's first and last name."""
        form = normalize(label, value)
        forms = self._values.setdefault(label, {})
        if not form or form in forms:
            return
        if label == "PERSON":
            self._learn_person(form, value, parts)
        elif label == "ADDRESS":
            self._learn_address(form, value)
            return
        else:
            forms[form] = form
        if label == "BIRTHDATE":
            for spelling in spellings(form):
                self._look_for(Known(label, spelling))
        ordinary = label == "PERSON" and is_ordinary(value)
        self._look_for(Known(label, value.strip(), exact_case=ordinary, as_name=ordinary))

    def learn_card_digits(self, digits: str) -> None:
        """Know the last digits of a card: looked for only where the text speaks of a card."""
        self._values.setdefault("CARD", {}).setdefault(digits, digits)
        self._look_for(Known("CARD", digits, card_digits=True))

    def give(self, label: Label, value: str) -> str:
        """The placeholder of a value, made at its first appearance."""
        self.learn(label, value)
        form = normalize(label, value)
        canonical = self._values.get(label, {}).get(form, form)
        placeholder = self._placeholders.get((label, canonical))
        if placeholder is None:
            self._last[label] = self._last.get(label, 0) + 1
            placeholder = f"<{label}_{self._last[label]}>"
            self._placeholders[label, canonical] = placeholder
            self._canonical[placeholder] = (label, canonical)
            self._surfaces[placeholder] = value
        return placeholder

    def known(self) -> Iterator[Known]:
        """Every spelling to look for."""
        return iter(tuple(self._known.values()))

    def reveal(self, text: str, part: int | None = None) -> str:
        """The text with its placeholders replaced by values; ``part`` 0 asks for first names, 1 for last names."""

        def value(match: re.Match[str]) -> str:
            placeholder = match.group()
            canonical = self._canonical.get(placeholder)
            if canonical and part is not None and canonical[1] in self._parts:
                return self._parts[canonical[1]][part]
            return self._full_name(placeholder, canonical) or self._surfaces.get(placeholder, placeholder)

        return PLACEHOLDER.sub(value, text)

    def _full_name(self, placeholder: str, canonical: tuple[Label, str] | None) -> str | None:
        parts = self._parts.get(canonical[1]) if canonical and canonical[0] == "PERSON" else None
        return " ".join(parts) if parts else None

    def _learn_person(self, form: str, value: str, parts: tuple[str, str] | None) -> None:
        forms = self._values["PERSON"]
        words = form.split()
        forms[form] = form
        if len(words) == 1:
            return
        first, last = parts or (value.split()[0], value.split()[-1])
        self._parts[form] = parts or (first, " ".join(value.split()[1:]))
        self._rename(words[0], form)
        for part in (first, last):
            alias = normalize("PERSON", part)
            if alias and alias not in forms:
                forms[alias] = form
                ordinary = is_ordinary(part)
                self._look_for(Known("PERSON", part, exact_case=part is last or ordinary, as_name=ordinary))

    def _learn_address(self, form: str, value: str) -> None:
        forms = self._values["ADDRESS"]
        street = street_of(value) or form
        forms[form] = forms.setdefault(street, street)
        for text in (value, value.split(",")[0]):
            if any(letter.isdigit() for letter in text):  # "Home" is too common to be looked for
                self._look_for(Known("ADDRESS", text.strip()))

    def _rename(self, first: str, form: str) -> None:
        """A first name that was met alone turns out to be this person's."""
        forms = self._values["PERSON"]
        if forms.get(first) != first:
            return
        forms[first] = form
        placeholder = self._placeholders.pop(("PERSON", first), None)
        if placeholder is not None:
            self._placeholders["PERSON", form] = placeholder
            self._canonical[placeholder] = ("PERSON", form)

    def _look_for(self, known: Known) -> None:
        if len(known.text) > 1:
            self._known.setdefault(known.text, known)


def hash_value(key: bytes, label: Label, form: str) -> str:
    """Keyed hash (HMAC-SHA256, first 16 hex digits) of a normal form."""
    return hmac.new(key, f"{label}:{form}".encode(), hashlib.sha256).hexdigest()[:_HASH_LENGTH]


def find_known(known: Known, text: str) -> Iterator[tuple[int, int]]:
    """Where a known spelling stands in prose, as whole words."""
    if known.text not in text and (known.exact_case or known.text.casefold() not in text.casefold()):
        return
    for match in _pattern(known).finditer(text):
        start, end = match.span("value" if match["value"] else "before")
        if known.as_name and not reads_as_name(text, start, end):
            continue
        if known.label == "PERSON" and reads_as_code(text[start:end]) and text[start:end] != known.text:
            continue
        yield start, end


@lru_cache(maxsize=20_000)
def _pattern(known: Known) -> re.Pattern[str]:
    words = r"\s+".join(re.escape(word) for word in known.text.split())
    whole = rf"(?<![\w$€£.,-]){words}(?!\w|[.,]\d)" if known.text.isdigit() else rf"(?<!\w){words}(?!\w)"
    if known.card_digits:
        return re.compile(rf"{_CARD_CONTEXT}(?P<value>{whole})|(?P<before>{whole})(?=\s+card)", re.IGNORECASE)
    flags = re.NOFLAG if known.exact_case else re.IGNORECASE
    return re.compile(rf"(?P<value>{whole})(?P<before>)", flags)
