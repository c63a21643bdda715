"""Where a value that is known to be personal stands in prose, in any of its spellings.

Model: names and addresses are found as whole words; numbers with or without blanks and dashes between their
digits; the last digits of a card only where the text speaks of a card.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import regex

from agent_factory.privacy.label import Label, is_chinese, normalize
from agent_factory.privacy.rule.rule import CJK
from agent_factory.privacy.word import reads_as_code, reads_as_name

_CARD_CONTEXT = (
    r"(?:card|visa|mastercard|amex|ending|ends|last four|digits|\*{2,}|x{4,}|•+|尾号|末四位|后四位|卡)[^.\n]{0,24}?"
)
_NUMBERS: frozenset[Label] = frozenset(["PHONE", "CARD", "IBAN", "SSN", "NATIONAL_ID"])
_MIN_DIGITS = 7
_SEPARATORS = re.compile(r"[ ().\-/]+")
_LETTER = rf"[^\W{CJK}]"  # of a script that parts words by blanks


class Known(NamedTuple):
    """A spelling to look for in prose: where it matches, group ``value`` is personal.

    ``needle`` is what a text must hold for it to match: the text in small letters, or the ``number`` without
    separators.
    """

    label: Label
    text: str
    needle: str
    number: bool = False
    exact_case: bool = False
    as_name: bool = False
    card_digits: bool = False


def to_know(
    label: Label, text: str, *, exact_case: bool = False, as_name: bool = False, card_digits: bool = False
) -> Known:
    """A spelling of a value; a number long enough is looked for whatever separates its digits."""
    number = normalize(label, text) if label in _NUMBERS and not card_digits else ""
    if len(number) >= _MIN_DIGITS:
        return Known(label, text, number, number=True)
    return Known(label, text, text.casefold(), exact_case=exact_case, as_name=as_name, card_digits=card_digits)


def find_all_known(known: Iterable[Known], text: str) -> Iterator[tuple[Known, int, int]]:
    """Where known spellings stand in prose, as whole words."""
    low = text.casefold()
    tight: str | None = None
    for item in known:
        if item.number:
            if tight is None:
                tight = _SEPARATORS.sub("", text).upper()
            if item.needle not in tight:
                continue
        elif item.needle not in low:
            continue
        for start, end in _find(item, text):
            yield item, start, end


def _find(known: Known, text: str) -> Iterator[tuple[int, int]]:
    for match in _pattern(known).finditer(text):
        start, end = match.span("value" if match["value"] else "before")
        if known.as_name and not reads_as_name(text, start, end):
            continue
        if known.label == "PERSON" and reads_as_code(text[start:end]) and text[start:end] != known.text:
            continue
        yield start, end


@lru_cache(maxsize=20_000)
def _pattern(known: Known) -> regex.Pattern[str]:
    # Each value is a pattern of its own, and ``re`` takes milliseconds to compile a class of letters in any case.
    if known.number:
        spaced = r"[ ().\-/]{0,2}".join(known.needle)
        prefix = r"(?:\(?\+?\d{1,4}\)?[ .-]{0,2}\(?0?\)?[ ]?)?\(?" if known.label == "PHONE" else ""
        return regex.compile(
            rf"(?<![\w$€£])(?P<value>{prefix}{spaced})(?P<before>)(?!\w|[.,]\d)", regex.IGNORECASE | regex.ASCII
        )
    words = r"\s+".join(re.escape(word) for word in known.text.split())
    if is_chinese(known.text):
        return regex.compile(rf"(?P<value>{words})(?P<before>)")
    whole = rf"(?<![\w$€£.,-]){words}(?!\w|[.,]\d)" if known.text.isdigit() else rf"(?<!{_LETTER}){words}(?!{_LETTER})"
    if known.card_digits:
        return regex.compile(rf"{_CARD_CONTEXT}(?P<value>{whole})|(?P<before>{whole})(?=\s+card)", regex.IGNORECASE)
    flags = 0 if known.exact_case else regex.IGNORECASE
    return regex.compile(rf"(?P<value>{whole})(?P<before>)", flags)
