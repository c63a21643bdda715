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

from agent_factory.privacy.known import Known, to_know
from agent_factory.privacy.label import PLACEHOLDER, Label, is_chinese, normalize, spellings, street_of
from agent_factory.privacy.rule.chinese_name import split_chinese_name
from agent_factory.privacy.word import is_ordinary

_HASH_LENGTH = 16


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
        for label, number in PLACEHOLDER.findall(text) if "<" in text else ():
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
                self._look_for(to_know(label, spelling))
        ordinary = label == "PERSON" and is_ordinary(value)
        self._look_for(to_know(label, value.strip(), exact_case=ordinary, as_name=ordinary))

    def learn_card_digits(self, digits: str) -> None:
        """Know the last digits of a card: looked for only where the text speaks of a card."""
        self._values.setdefault("CARD", {}).setdefault(digits, digits)
        self._look_for(to_know("CARD", digits, card_digits=True))

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
        if parts is None:
            return None
        return parts[1] + parts[0] if is_chinese(parts[0] + parts[1]) else " ".join(parts)

    def _learn_person(self, form: str, value: str, parts: tuple[str, str] | None) -> None:
        forms = self._values["PERSON"]
        forms[form] = form
        if parts is None:
            parts = _part_name(value)
            if parts is None:
                return
        self._parts[form] = parts
        last = parts[1].split()[-1]
        for part, alias in ((parts[0], normalize("PERSON", parts[0])), (last, normalize("PERSON", last))):
            self._rename(alias, form)
            if alias and alias not in forms:
                forms[alias] = form
                ordinary = is_ordinary(part)
                self._look_for(to_know("PERSON", part, exact_case=part is last or ordinary, as_name=ordinary))

    def _learn_address(self, form: str, value: str) -> None:
        forms = self._values["ADDRESS"]
        street = street_of(value) or form
        forms[form] = forms.setdefault(street, street)
        for text in (value, value.split(",")[0]):
            if any(letter.isdigit() for letter in text):  # "Home" is too common to be looked for
                self._look_for(to_know("ADDRESS", text.strip()))

    def _rename(self, part: str, form: str) -> None:
        """A part of a name that was met alone turns out to be this person's."""
        forms = self._values["PERSON"]
        if part == form or forms.get(part) != part:
            return
        forms[part] = form
        placeholder = self._placeholders.pop(("PERSON", part), None)
        if placeholder is not None:
            self._placeholders["PERSON", form] = placeholder
            self._canonical[placeholder] = ("PERSON", form)

    def _look_for(self, known: Known) -> None:
        if len(known.text) > 1:
            self._known.setdefault(known.text, known)


def _part_name(value: str) -> tuple[str, str] | None:
    """First and last name of a full one; None where it is one word."""
    if is_chinese(value.strip()):
        return split_chinese_name(value.strip())
    words = value.split()
    return (words[0], " ".join(words[1:])) if len(words) > 1 else None


def hash_value(key: bytes, label: Label, form: str) -> str:
    """Keyed hash (HMAC-SHA256, first 16 hex digits) of a normal form."""
    return hmac.new(key, f"{label}:{form}".encode(), hashlib.sha256).hexdigest()[:_HASH_LENGTH]
