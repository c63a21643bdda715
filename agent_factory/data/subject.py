"""A person as they are asked for: by e-mail, name, phone number or another id, and how traces tell of them.

Model: clean text holds keyed hashes, raw text the value itself in some spelling; a subject matches both.
Invariant: a subject is never written down; its ``name`` is a label and a keyed hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, cast

from agent_factory.core.error import InputError
from agent_factory.privacy.label import LABELS, Label, normalize, street_of
from agent_factory.privacy.redactor import Redactor

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[\d\s().\-/]{7,}")
_DIGITS: tuple[Label, ...] = ("PHONE", "CARD", "IBAN", "SSN", "NATIONAL_ID")
_NO_PERSON: tuple[Label, ...] = ("BIRTHDATE", "SECRET", "IP")
_GAP = r"[\s().\-/]*"


class Subject(NamedTuple):
    """One way to name a person; ``pattern`` finds it in raw text."""

    label: Label
    hash: str
    pattern: re.Pattern[str]

    @property
    def name(self) -> str:
        """``EMAIL:<keyed hash>``, as it stands in datasets."""
        return f"{self.label}:{self.hash}"

    def is_in(self, text: str) -> bool:
        """Whether a trace's or record's text tells of the person, in the clear or by keyed hash."""
        return self.hash in text or self.pattern.search(text) is not None


def read_subjects(texts: Iterable[str], redactor: Redactor) -> list[Subject]:
    """The ways in which a person is named, as ``mia@shop.example`` or ``PERSON:Mia Li``.

    InputError for what names nobody.
    """
    return [_read(text.strip(), redactor) for text in texts]


def _read(text: str, redactor: Redactor) -> Subject:
    head, colon, rest = text.partition(":")
    label = cast("Label", head.upper()) if colon and head.upper() in LABELS else _guess(text)
    value = rest.strip() if colon and head.upper() in LABELS else text
    if label in _NO_PERSON:
        raise InputError(f"a {label} names no person by itself: give an e-mail, a full name, a phone number or an id")
    form = normalize(label, value)
    if label == "ADDRESS":
        form = street_of(value) or form
    if len(form) < 3 or (label == "PERSON" and len(form.split()) < 2):
        # The value itself is not told: messages are logged.
        raise InputError(
            f"this {label} of {len(value)} characters is too short to name one person: give an e-mail, a full name, "
            "a phone number or an id (as in --subject 'PERSON:Mia Li')"
        )
    return Subject(label, redactor.hash_of(label, form), _pattern(label, value, form))


def _guess(text: str) -> Label:
    if _EMAIL.fullmatch(text):
        return "EMAIL"
    if _PHONE.fullmatch(text) and sum(letter.isdigit() for letter in text) >= 7:
        return "PHONE"
    return "PERSON" if len(text.split()) > 1 else "USER"


def _pattern(label: Label, value: str, form: str) -> re.Pattern[str]:
    if label in _DIGITS:
        letters = _GAP.join(re.escape(letter) for letter in form)
        country = rf"(?:\+?\d{{1,3}}{_GAP})?0?" if label == "PHONE" else ""
        return re.compile(rf"(?<!\d){country}{letters}(?!\d)", re.IGNORECASE)
    # In JSON a line break is written as a backslash and a letter.
    words = r"(?:[\s,.]|\\[nrt])+".join(re.escape(word) for word in (form if label == "PERSON" else value).split())
    return re.compile(rf"(?<![\w.+-]){words}(?![\w-]|\.\w)", re.IGNORECASE)
