"""The sorts of personal data, and when two spellings are the same value.

Invariant: ``normalize`` is what decides sameness: equal normal forms get one placeholder in a trace
and one keyed hash across traces.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Literal, get_args

Label = Literal[
    "PERSON",
    "EMAIL",
    "PHONE",
    "ADDRESS",
    "CARD",
    "IBAN",
    "IP",
    "SSN",
    "NATIONAL_ID",
    "BIRTHDATE",
    "USER",
    "SECRET",
    "REF",
]
"""``SECRET`` is a password, key or token; ``REF`` a reference number of the recipe's own, such as an order's: it
leads to a person.
"""
LABELS: tuple[Label, ...] = get_args(Label)
PLACEHOLDER = re.compile(rf"<({'|'.join(LABELS)})_([1-9]\d*)>")

_WORD = re.compile(r"\w+")
_BLANK = re.compile(r"\s+")
_WRITTEN_AT = re.compile(r"\s*[\[({]\s*at\s*[\])}]\s*", re.IGNORECASE)
_WRITTEN_DOT = re.compile(r"\s*[\[({]\s*dot\s*[\])}]\s*|\s+dot\s+", re.IGNORECASE)
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_STREETS = {
    "st": "street",
    "str": "street",
    "ave": "avenue",
    "rd": "road",
    "blvd": "boulevard",
    "ln": "lane",
    "dr": "drive",
    "ct": "court",
    "sq": "square",
    "pl": "place",
}
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}
DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = {
    **{word: str(n) for n, word in enumerate(DIGIT_NAMES)},
    **{word: str(n) for n, word in enumerate("零一二三四五六七八九")},
    **dict.fromkeys(("oh", "〇", "○"), "0"),
    "幺": "1",
}
_DIGIT_WORD = re.compile("|".join(rf"\b{word}\b" if word.isascii() else word for word in _DIGITS), re.IGNORECASE)
_NATIONAL_DIGITS = 10  # what is left of a phone number without its country's prefix, at most


def normalize(label: Label, value: str) -> str:
    """The form in which equal values are equal: case, blanks, punctuation and date order removed."""
    text = value.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if label == "PHONE":
        return re.sub(r"\D", "", _spell_digits(text)).lstrip("0")[-_NATIONAL_DIGITS:]
    if label in ("CARD", "IBAN", "SSN", "NATIONAL_ID"):
        return re.sub(r"\W", "", text).upper()
    if label == "SECRET":
        return text
    if label == "EMAIL":
        return _BLANK.sub("", _WRITTEN_DOT.sub(".", _WRITTEN_AT.sub("@", text))).casefold()
    if label == "BIRTHDATE":
        return _normalize_date(text)
    if label == "PERSON":
        return _normalize_person(text)
    if label == "ADDRESS":
        return " ".join(_STREETS.get(match.group(), match.group()) for match in _WORD.finditer(text.casefold()))
    return text.casefold()


def _spell_digits(text: str) -> str:
    """The text with digits that are written as words (English, Chinese) as digits."""
    return _DIGIT_WORD.sub(lambda found: _DIGITS[found.group().casefold()], text)


def is_chinese(text: str) -> bool:
    """Whether a text is written in Chinese characters alone."""
    return _CHINESE.fullmatch(text) is not None


def label_of(placeholder: str) -> str:
    """``PERSON`` of ``<PERSON_1>``."""
    return placeholder[1:].rsplit("_", 1)[0]


def street_of(address: str) -> str | None:
    """The normal form of an address up to its first comma, where that holds a house number and a street."""
    street = normalize("ADDRESS", address.split(",")[0].split("\n")[0])
    words = street.split()
    has_number = any(word[0].isdigit() for word in words)
    return street if has_number and len(words) > 1 else None


def spellings(day: str) -> tuple[str, ...]:
    """Other ways to write a date given as YYYY-MM-DD; none where it is not one."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return ()
    month = found.strftime("%B")
    numbers = (f"{found:%m/%d/%Y}", f"{found.month}/{found.day}/{found.year}")
    chinese = (f"{found.year}年{found.month}月{found.day}日", f"{found:%Y年%m月%d日}")
    return (f"{month} {found.day}, {found.year}", f"{found.day} {month} {found.year}", *numbers, *chinese)


def _normalize_person(text: str) -> str:
    """Lower case, without possessive, dots and the initials between a first and a last name."""
    words = _POSSESSIVE.sub("", text).replace(".", " ").casefold().split()
    return " ".join(
        word for i, word in enumerate(words) if len(word) > 1 or i in (0, len(words) - 1) or is_chinese(word)
    )


def _normalize_date(text: str) -> str:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if re.fullmatch(r"(?:19|20)\d{6}", text):
        numbers = [int(text[:4]), int(text[4:6]), int(text[6:])]
    month = next((m for name, m in _MONTHS.items() if re.search(rf"\b{name}", text.casefold())), None)
    try:
        if month is not None and len(numbers) == 2:
            return date(max(numbers), month, min(numbers)).isoformat()
        if len(numbers) == 3:
            first, second, third = numbers
            if first > 31:
                return date(first, second, third).isoformat()
            day, month = (first, second) if first > 12 else (second, first)
            return date(third if third > 99 else third + (1900 if third > 30 else 2000), month, day).isoformat()
    except ValueError:  # no such day: then the text itself is the value
        pass
    return text.casefold()
