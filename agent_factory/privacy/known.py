"""Where a value that is known to be personal stands in prose, in any of its spellings.

Model: names and addresses are found as whole words; numbers with or without blanks and dashes between their
digits; the last digits of a card only where the text speaks of a card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from agent_factory.privacy.label import Label, is_chinese, normalize
from agent_factory.privacy.rule.rule import CJK
from agent_factory.privacy.word import reads_as_code, reads_as_name

_CARD_CONTEXT = (
    r"(?:card|visa|mastercard|amex|ending|ends|last four|digits|\*{2,}|x{4,}|•+|尾号|末四位|后四位|卡)[^.\n]{0,24}?"
)
_NUMBERS: frozenset[Label] = frozenset(["PHONE", "CARD", "IBAN", "SSN", "NATIONAL_ID"])
_MIN_DIGITS = 7
_LETTER = rf"[^\W{CJK}]"  # of a script that parts words by blanks


class Known(NamedTuple):
    """A spelling to look for in prose: where it matches, group ``value`` is personal."""

    label: Label
    text: str
    exact_case: bool = False
    as_name: bool = False
    card_digits: bool = False


def find_known(known: Known, text: str) -> Iterator[tuple[int, int]]:
    """Where a known spelling stands in prose, as whole words."""
    number = _number_of(known)
    if number:
        if not _may_hold(number, text):
            return
    elif known.text not in text and (known.exact_case or known.text.casefold() not in text.casefold()):
        return
    for match in _pattern(known).finditer(text):
        start, end = match.span("value" if match["value"] else "before")
        if known.as_name and not reads_as_name(text, start, end):
            continue
        if known.label == "PERSON" and reads_as_code(text[start:end]) and text[start:end] != known.text:
            continue
        yield start, end


def _may_hold(number: str, text: str) -> bool:
    """Whether the last two of a number's digits are in a text, and its last letter."""
    end = number[-2:] if number[-2:].isdigit() else number[-1]
    return end in text or end.lower() in text


@lru_cache(maxsize=20_000)
def _number_of(known: Known) -> str:
    """The digits (and letters) of a number long enough to be looked for without its separators, else nothing."""
    form = normalize(known.label, known.text) if known.label in _NUMBERS and not known.card_digits else ""
    return form if len(form) >= _MIN_DIGITS else ""


@lru_cache(maxsize=20_000)
def _pattern(known: Known) -> re.Pattern[str]:
    number = _number_of(known)
    if number:
        spaced = r"[ ().\-/]{0,2}".join(number)
        prefix = r"(?:\(?\+?\d{1,4}\)?[ .-]{0,2}\(?0?\)?[ ]?)?\(?" if known.label == "PHONE" else ""
        return re.compile(
            rf"(?<![\w$€£])(?P<value>{prefix}{spaced})(?P<before>)(?!\w|[.,]\d)", re.IGNORECASE | re.ASCII
        )
    words = r"\s+".join(re.escape(word) for word in known.text.split())
    if is_chinese(known.text):
        return re.compile(rf"(?P<value>{words})(?P<before>)")
    whole = rf"(?<![\w$€£.,-]){words}(?!\w|[.,]\d)" if known.text.isdigit() else rf"(?<!{_LETTER}){words}(?!{_LETTER})"
    if known.card_digits:
        return re.compile(rf"{_CARD_CONTEXT}(?P<value>{whole})|(?P<before>{whole})(?=\s+card)", re.IGNORECASE)
    flags = re.NOFLAG if known.exact_case else re.IGNORECASE
    return re.compile(rf"(?P<value>{whole})(?P<before>)", flags)
