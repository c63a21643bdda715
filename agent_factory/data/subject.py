"""A person as they are asked for: by e-mail, name, phone number or another id, and how traces tell of them.

Model: clean text holds keyed hashes, raw text the value itself in some spelling; a subject matches both. What is
given without a label is looked for as everything that its form allows: a hash is of one label, and nobody who
asks knows which one cleaning gave; what is an ordinary word names nobody. Invariant: a subject is never written
down; its ``name`` is a label and a keyed hash.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast
from urllib.parse import unquote

from agent_factory.core.error import InputError
from agent_factory.data.value import FIELDS, fold
from agent_factory.privacy.label import LABELS, Label, is_chinese, normalize, street_of
from agent_factory.privacy.redactor import Redactor
from agent_factory.privacy.rule.chinese_name import begins_as_name, is_surname, split_chinese_name, write_pattern
from agent_factory.privacy.rule.rule import CJK
from agent_factory.privacy.word import is_common

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[\d\s().\-/]{7,}")
_IDENTITY = re.compile(r"[A-Za-z0-9](?:[ ().\-/]?[A-Za-z0-9]){4,22}\)?", re.ASCII)
_ACCOUNT = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = r"(?:[T\s,]+\d{1,2}(?::\d\d){0,2}(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
_CALENDAR = re.compile(
    rf"(?:(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2]|W\d\d|Q[1-4])(?:[-/.]\d{{1,2}})?{_TIME}"
    r"|(?:0?[1-9]|1[0-2])[-/.](?:19|20)\d\d|(?:19|20)\d\d年\d{1,2}月(?:\d{1,2}日)?|\d{1,2}:\d\d(?::\d\d)?)",
    re.IGNORECASE,
)
"""A month, a week, a day or a time of day: in half of all texts, and nobody's."""
_DIGITS: tuple[Label, ...] = ("PHONE", "CARD", "IBAN", "SSN", "NATIONAL_ID")
_LEAST_DIGITS: dict[Label, int] = {"PHONE": 7, "CARD": 12, "SSN": 9, "IBAN": 10, "NATIONAL_ID": 1, "REF": 1}
_LEAST_BARE = 5  # characters of an id that comes without a label
_MOST_WORDS = 5  # of a name that is looked for the other way round
_HOLDER = re.compile(rf"<?(?:{'|'.join(LABELS)})_\d+>?")
_JSON_WORDS = frozenset(["null", "none", "true", "false", "nan", "undefined"])
_NO_PERSON: tuple[Label, ...] = ("BIRTHDATE", "SECRET", "IP")
_GAP = r"[\s().\-/]*"
_UNSPACED = rf"{CJK}\u3040-\u30ff\uac00-\ud7af"  # scripts that part no words by blanks, or hang particles on them
_LETTER = rf"[^\W{_UNSPACED}]"


class Subject(NamedTuple):
    """One way to name a person; ``pattern`` finds it in folded text.

    ``sure`` is what can name hardly anything else: an e-mail, a number, or what it was said to be.
    """

    label: Label
    hash: str
    pattern: re.Pattern[str]
    sure: bool

    @property
    def name(self) -> str:
        """``EMAIL:<keyed hash>``, as it stands in datasets."""
        return f"{self.label}:{self.hash}"

    def is_in(self, text: str, values: str) -> bool:
        """Whether a record tells of the person: its text by keyed hash, its folded ``values`` in the clear."""
        return self.hash in text or self.pattern.search(values) is not None


def read_subjects(texts: Iterable[str], redactor: Redactor) -> list[Subject]:
    """The ways in which a person is named, as ``mia@shop.example`` or ``PERSON:Mia Li``.

    InputError for what names nobody.
    """
    return [subject for text in texts for subject in _read(text.strip(), redactor)]


def _read(text: str, redactor: Redactor) -> list[Subject]:
    head, *rest = re.split(r"\s*[:：]\s*", text, maxsplit=1)
    told = cast("Label", head.upper()) if rest and head.upper() in LABELS else None
    value = _unwrap(rest[0] if told else text)
    labels = (told,) if told else tuple(_guess(value))
    unfit = next((label for label in labels if label in _NO_PERSON), None)
    if unfit:
        raise InputError(f"a {unfit} names no person by itself: give an e-mail, a full name, a phone number or an id")
    subjects = [
        Subject(
            label,
            redactor.hash_of(label, form),
            _pattern(label, fold(value if form == whole else form), fold(form)),
            told is not None or label == "EMAIL" or _is_number(value),
        )
        for label in (() if _is_no_name(value, told=told is not None) else labels)
        for whole in (_form(label, value),)
        if not _is_short(label, whole)
        for form in _forms(label, whole)
    ]
    if not subjects:
        # The value itself is not told: messages are logged.
        raise InputError(
            f"this {told or 'text without a label'} of {len(value)} characters names no one person: give an e-mail, a "
            "full name ('Mia Li', 李雷雷), a phone number or a reference number of five characters or more, or say "
            "what it is (as in --subject PERSON:Hedwig, --subject USER:hedwig_k or --subject REF:4417)"
        )
    return subjects


def _is_number(value: str) -> bool:
    """Whether digits make up half of what is no blank or sign."""
    return sum(map(str.isdigit, value)) * 2 >= sum(map(str.isalnum, value))


def _unwrap(value: str) -> str:
    """The address of a ``mailto:`` link; any other value as it is."""
    if not value.casefold().startswith("mailto:"):
        return value
    return unquote(value[len("mailto:") :].partition("?")[0])


def _is_no_name(value: str, *, told: bool) -> bool:
    """Whether a value is of placeholders, a field's name or of common words; a full name that is ``told`` may be."""
    words = value.casefold().split()
    if all(_HOLDER.fullmatch(word.upper()) for word in words) or (len(words) == 1 and words[0] in FIELDS):
        return True
    return not (told and len(words) > 1) and all(word in _JSON_WORDS or is_common(word) for word in words)


def _guess(text: str) -> Iterator[Label]:
    """Every label whose form a text has that comes without one."""
    digits = sum(letter.isdigit() for letter in text)
    letters = any(letter.isalpha() for letter in text)
    if _EMAIL.fullmatch(text):
        yield "EMAIL"
        return
    if _CALENDAR.fullmatch(text):
        return
    if _is_host(text):
        yield "IP"
    if _DAY.fullmatch(normalize("BIRTHDATE", text)) and not text.isdigit():
        yield "BIRTHDATE"
    if _PHONE.fullmatch(text) and digits >= 7:
        yield "PHONE"
    if digits:
        yield from _guess_number(text)
    elif len(text.split()) > 1 or begins_as_name(text):
        yield from ("PERSON", "USER") if len(text.split()) == 1 else ("PERSON",)
    if digits and letters and (" " in text or re.search(rf"[{CJK}]", text)):
        yield "ADDRESS"
    if digits and len(text.split()) == 1 and len(text) >= _LEAST_BARE:
        yield from ("USER", "REF")


def _guess_number(text: str) -> Iterator[Label]:
    number = normalize("NATIONAL_ID", text)
    if _IDENTITY.fullmatch(text) and (" " not in text or sum(map(str.isdigit, number)) * 2 >= len(number)):
        yield "NATIONAL_ID"
    if number.isdigit() and 12 <= len(number) <= 19:
        yield "CARD"
    if number.isdigit() and len(number) == 9:
        yield "SSN"
    if _ACCOUNT.fullmatch(number):
        yield "IBAN"


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _form(label: Label, value: str) -> str:
    joined = "".join(value.split())
    if label == "PERSON" and is_chinese(joined):
        return joined
    return (street_of(value) if label == "ADDRESS" else None) or normalize(label, value)


def _forms(label: Label, form: str) -> tuple[str, ...]:
    """The form, and for a name those of first and last name apart or the other way round: ``li, mia``."""
    if label != "PERSON":
        return (form,)
    parts = split_chinese_name(form)
    if parts:
        return (form, " ".join(parts), " ".join(reversed(parts)))
    if re.search(rf"[{_UNSPACED}]", form):
        return (form,)
    words = form.replace(",", " ").split()
    turned = [(" ".join(words[at:]), " ".join(words[:at])) for at in range(1, min(len(words), _MOST_WORDS))]
    others = [f"{last}{sign} {first}" for last, first in turned for sign in ("", ",")]
    return tuple(dict.fromkeys((form, " ".join(words), *others)))


def _is_short(label: Label, form: str) -> bool:
    """Whether a form has less than its label asks for: an e-mail's shape, a number's digits, a name's letters."""
    if label == "EMAIL":
        return _EMAIL.fullmatch(form) is None
    if label in _LEAST_DIGITS and sum(letter.isdigit() for letter in form) < _LEAST_DIGITS[label]:
        return True
    if label == "PERSON" and "_" in form:  # names of fields have it, and of people none
        return True
    if label == "PERSON" and re.search(rf"[{_UNSPACED}]", form):
        return len(form) < 2 or is_surname(form)
    return sum(letter.isalnum() for letter in form) < 3


def _pattern(label: Label, value: str, form: str) -> re.Pattern[str]:
    if label in _DIGITS:
        letters = _GAP.join(re.escape(letter) for letter in form)
        country = rf"(?:\+?\d{{1,3}}{_GAP})?0?" if label == "PHONE" else ""
        edge = r"\d" if form.isdigit() else "[A-Za-z0-9]"
        return re.compile(rf"(?<!{edge}){country}{letters}(?!{edge})", re.IGNORECASE)
    if label in ("PERSON", "USER") and is_chinese(form):
        return re.compile(write_pattern(form))
    # In the text of what could not be taken apart a line break is a backslash and a letter.
    words = r"(?:[\s,.]|\\[nrt])+".join(re.escape(word) for word in (form if label == "PERSON" else value).split())
    if label == "EMAIL":
        words = words.replace("@", "(?:@|%40)")
    if label == "PERSON" and re.search(rf"[{_UNSPACED}]", form):
        return re.compile(words, re.IGNORECASE)
    return re.compile(rf"(?<!{_LETTER})(?<![.+-]){words}(?!{_LETTER}|-|\.{_LETTER})", re.IGNORECASE)
