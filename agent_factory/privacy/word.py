"""Names that are also ordinary English words: alone they are a name only where they are written as one."""

from __future__ import annotations

import re

_WORDS = """
    amber april art august autumn bailey baker banks bell bill black bond brook brooks brown carter chance chase
    christian cook crystal daisy dawn day dean drew eve faith field fields fisher forest frank garden gardener gay
    gene grace grant gray green grey guy hall hazel hill holly hope hunter iris ivory ivy jack jade jasmine joy june
    king knight lane lily long love mark marshall mason mat max may miles mint mercy moon noble olive page paige
    park parker parks pat pearl penny pierce poppy porter price prince queen ray reed rich rob robin rock rod rose
    ruby rush sage sandy savannah scarlet scout sharp short skip sky smart son spring stark stone sue summer sunny
    terry tiger trace trust victor viola violet wade ward waters webb west white will winter wood woods worth young
"""
_ORDINARY = frozenset(_WORDS.split())
_CODE_LETTERS = 3
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n>*\"“(\[-])\s*$")


def is_ordinary(word: str) -> bool:
    """Whether the word is also an ordinary English one."""
    return word.casefold() in _ORDINARY


def reads_as_name(text: str, start: int, end: int) -> bool:
    """Whether an ordinary word at ``start:end`` is written as a name: a capital that no sentence start explains."""
    word = text[start:end]
    return word[:1].isupper() and not word.isupper() and not _SENTENCE_START.search(text[:start])


def reads_as_code(word: str) -> bool:
    """Whether a word is written like an airport's or a currency's code, not like a name: "MIA"."""
    return len(word) <= _CODE_LETTERS and word.isupper()
