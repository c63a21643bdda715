"""Words as texts are compared by: a letter of Chinese or of Japanese kana is one, since no blanks divide them there."""

from __future__ import annotations

import re

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_SHINGLE = 3


def split_words(text: str) -> list[str]:
    """The words of a text in their order, without what stands between them."""
    return _WORD.findall(text)


def list_triples(text: str) -> list[str]:
    """Each three words that follow each other, with blanks between; of fewer words one piece, of none nothing."""
    words = split_words(text)
    return [" ".join(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1))] if words else []
