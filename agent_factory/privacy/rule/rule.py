"""A rule: a shape, a check of what it matched, and the words beside it that tell for or against it.

Model: text is matched in its plain form (full-width letters, odd blanks and dashes as ASCII, placeholders blotted
out, place for place), so that offsets hold in the text as written. What is personal is the group ``value``, or
the whole match where there is none. Invariant: a rule never matches a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from agent_factory.privacy.label import PLACEHOLDER, Label

SURE, LIKELY = 0.9, 0.5
CJK = r"\u3400-\u4dbf\u4e00-\u9fff"
LATIN = r"A-Za-z\u00c0-\u024f"

_BEFORE, _AFTER = 72, 20
LATIN_WORD = re.compile(rf"[{LATIN}]+")
_DIGIT = re.compile(r"\d", re.ASCII)
_CHINESE = re.compile(rf"[{CJK}]")
_GONE = "\ufffc"  # in the place of a placeholder, whose label must not pass for a word of the text
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if code != 0xFF0C}  # "，" parts, "," may not
_BLANKS = dict.fromkeys((0xA0, 0x2002, 0x2003, 0x2009, 0x202F, 0x3000), " ")
_DASHES = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), "-")
_PLAIN: dict[int, int | str] = {**_HALF_WIDTH, **_BLANKS, **_DASHES}


class Finding(NamedTuple):
    """Personal data at ``start:end`` of a text."""

    label: Label
    start: int
    end: int
    text: str
    score: float


class Rule(NamedTuple):
    """One shape of one sort of personal data.

    ``context`` must be found within some words before it (or just after), ``against`` must not be found just before it.
    """

    label: Label
    pattern: Any
    score: float = LIKELY
    check: Callable[[str], bool] | None = None
    context: re.Pattern[str] | None = None
    against: re.Pattern[str] | None = None


class Look:
    """A text and what a first look at it tells, taken once for all rules.

    ``plain`` is as long as ``text``; ``low`` is in small letters; ``words`` are the words of Latin letters in it.
    """

    __slots__ = ("chinese", "digits", "low", "plain", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = _to_plain(text)
        self.low = self.plain.casefold()
        self.words = frozenset(LATIN_WORD.findall(self.low))
        self.digits = _DIGIT.search(self.plain) is not None
        self.chinese = not self.plain.isascii() and _CHINESE.search(self.plain) is not None

    def has(self, *pieces: str) -> bool:
        """Whether one of the pieces, in small letters, stands in the text."""
        low = self.low
        for piece in pieces:  # noqa: SIM110 (any() with a generator takes three times as long)
            if piece in low:
                return True
        return False


class Family(NamedTuple):
    """Rules that share what a text must hold for any of them to match."""

    trigger: Callable[[Look], Any]
    rules: tuple[Rule, ...]


def apply_rules(families: Iterable[Family], look: Look) -> Iterator[Finding]:
    """Every match of the rules whose trigger the text holds; they may overlap."""
    for family in families:
        if family.trigger(look):
            for rule in family.rules:
                yield from _apply(rule, look.text, look.plain)


def where_digits(pattern: str, flags: int = 0) -> Callable[[Look], Any]:
    """A trigger: the text has a digit and matches the pattern."""
    search = re.compile(pattern, flags | re.ASCII).search
    return lambda look: look.digits and search(look.plain)


def where_words(text: str, *, digits: bool = False) -> Callable[[Look], Any]:
    """A trigger: one of the words (in small letters, parted by blanks) stands in the text as a whole word."""
    wanted = frozenset(text.split())
    return lambda look: (look.digits or not digits) and not wanted.isdisjoint(look.words)


def where_named(names: str) -> Callable[[Look], Any]:
    """A trigger: the text has a digit and one of the names, whole where they are of Latin letters."""
    latin = frozenset(name for name in names.split() if name.isascii())
    other = tuple(name for name in names.split() if not name.isascii())
    return lambda look: look.digits and (not latin.isdisjoint(look.words) or look.has(*other))


def where(*pieces: str) -> Callable[[Look], Any]:
    """A trigger: one of the pieces, in small letters, stands in the text."""
    return lambda look: look.has(*pieces)


def words(text: str, *, end: bool = False) -> re.Pattern[str]:
    """A pattern of the words that ``text`` separates by ``|``, whole and in any case; ``end`` wants them last."""
    whole = "|".join(rf"(?<![A-Za-z]){word}(?![A-Za-z])" if word.isascii() else word for word in text.split("|"))
    return re.compile(
        rf"(?:{whole})[\W_]{{0,4}}(?:is|are|was|no|nr|number|code|id|[号是为码])?[\W_]{{0,4}}$" if end else whole, re.I
    )


def _to_plain(text: str) -> str:
    plain = text if text.isascii() else text.translate(_PLAIN)
    return PLACEHOLDER.sub(lambda found: _GONE * len(found[0]), plain) if "<" in plain else plain


def _before(plain: str, start: int) -> str:
    """The line up to ``start``, and where nothing stands on it also the line above; some words at most."""
    above, _, line = plain[max(0, start - _BEFORE) : start].rpartition("\n")
    return line if line.strip() else f"{above}\n{line}"


def _apply(rule: Rule, text: str, plain: str) -> Iterator[Finding]:
    named = "value" in rule.pattern.groupindex
    for match in rule.pattern.finditer(plain):
        start, end = match.span("value" if named else 0)
        if start == end or (rule.check is not None and not rule.check(plain[start:end])):
            continue
        before = _before(plain, start)
        if rule.against is not None and rule.against.search(before):
            continue
        if rule.context is not None and not rule.context.search(f"{before} \0 {plain[end : end + _AFTER]}"):
            continue
        yield Finding(rule.label, start, end, text[start:end], rule.score)
