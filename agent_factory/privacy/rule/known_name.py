"""Names that are known beforehand: whole words in any case; neighbours that are both names are one person.

A name that is also an ordinary word ("Will", "Rose") counts beside another name, or where a capital shows
that it is one. A Chinese name counts wherever its characters stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agent_factory.privacy.rule.rule import CJK, LATIN_WORD, SURE, Finding, Look
from agent_factory.privacy.word import is_ordinary, reads_as_code, reads_as_name

_WORD = re.compile(rf"[^\W\d_{CJK}]+(?:['’-][^\W\d_{CJK}]+)*")
_CHINESE = re.compile(rf"[{CJK}]{{2,}}")
_POSSESSIVE = 2


class NameList:
    """A deny list of names."""

    def __init__(self, names: Iterable[str]) -> None:
        told = tuple(names)
        self.names = frozenset(word.casefold() for name in told for word in _WORD.findall(name))
        self._parts = frozenset(part for name in told for part in LATIN_WORD.findall(name.casefold()))
        chinese = sorted({found for name in told for found in _CHINESE.findall(name)}, key=len, reverse=True)
        self._chinese = re.compile("|".join(chinese)) if chinese else None

    def find(self, look: Look) -> Iterator[Finding]:
        """One finding for each run of names."""
        text, plain = look.text, look.plain
        if self._chinese is not None:
            yield from (
                Finding("PERSON", *m.span(), text[m.start() : m.end()], SURE) for m in self._chinese.finditer(plain)
            )
        if self._parts.isdisjoint(look.words):
            return
        for run in self._runs(plain):
            start, end = run[0][0], run[-1][1]
            if len(run) > 1 or _stands_alone(plain, start, end):
                yield Finding("PERSON", start, end, text[start:end], SURE)

    def _runs(self, text: str) -> list[list[tuple[int, int]]]:
        runs: list[list[tuple[int, int]]] = []
        for match in _WORD.finditer(text):
            start, end = match.span()
            if match.group()[-_POSSESSIVE:].casefold() in ("'s", "’s"):
                end -= _POSSESSIVE
            if text[start:end].casefold() not in self.names:
                continue
            if runs and text[runs[-1][-1][1] : start] in (" ", ". ", "  ") and _may_join(text, runs[-1][-1]):
                runs[-1].append((start, end))
            else:
                runs.append([(start, end)])
        return runs


def _stands_alone(text: str, start: int, end: int) -> bool:
    word = text[start:end]
    return not reads_as_code(word) and (not is_ordinary(word) or reads_as_name(text, start, end))


def _may_join(text: str, before: tuple[int, int]) -> bool:
    # "J. Smith" is one person; "Thanks, Mia. Will you" is not.
    return text[before[1]] != "." or before[1] - before[0] == 1
