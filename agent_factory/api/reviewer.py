"""A reviewer's name as it is kept, and which names look like it.

Model: a name is kept in Unicode's NFKC form with single blanks, so that what looks the same is the same; two names
with one ``skeleton`` look alike. Invariant: a name that is read has no invisible character, no word that mixes
scripts whose letters look alike, and is not of the form that the factory's own judges sign with. Of a name that
``is_comparable`` the skeleton is known to tell what it looks like.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

import regex
from fastapi import Header

from agent_factory.core.error import InputError

Who = Annotated[
    str | None,
    Header(alias="X-Reviewer", max_length=200, description="Who says so, where the body does not name them."),
]
_INVISIBLE = regex.compile(r"[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]")
_BETWEEN = regex.compile(r"[\p{P}\p{S}\s]+")
_WORD = regex.compile(r"[\p{L}\p{M}]+")
_ALIKE = frozenset(["LATIN", "CYRILLIC", "GREEK", "COPTIC", "ARMENIAN", "CHEROKEE", "LISU"])
_JUDGE = re.compile(r"^rule\s*:|,\s*prompt \w+$", re.IGNORECASE)
# Letters of Cyrillic, Greek and Armenian, and digits, that are drawn like Latin ones: the part of Unicode's list of
# confusables (UTS 39) that whole words can be written with. Capitals come first: Н is drawn like H, ν like v.
_CAPITALS = str.maketrans("АВЕКМНОРСТУХЅІЈҮԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTYXSIJYQWABEZHIKMNOPTYX")
_SMALL = str.maketrans(
    "авгеёкмнопрстухьѕіїјһԁԛԝӏүαβγεηικνορτυχωϲϳհոսցօ01|", "abreekmhonpctyxbsiijhdqwlyabyenikvoptuxwcjhnugooll"
)
# Latin letters that Unicode does not take apart into a plain one and a mark.
_LATIN = str.maketrans("øłđħŧıſĸŋɓƀƅɗƙƴəɛɔ", "oldhtlsknbbbdkyeeo")
_MARK = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_SCRIPTS = "Greek Cyrillic Armenian Georgian Hebrew Arabic Thaana Devanagari Bengali Gurmukhi Gujarati Oriya Tamil " + (
    "Telugu Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Khmer Ethiopic Hangul Hiragana Katakana Bopomofo Han"
)
_COMPARABLE = regex.compile(
    r"(?:[^\p{L}]|[a-zßæœþðøłđħŧıſĸŋɓƀƅɗƙƴəɛɔ]|\p{Script=Common}|"
    + "|".join(rf"\p{{{script}}}" for script in _SCRIPTS.split())
    + ")*"
)


def read_name(said: str) -> str:
    """The name as it is kept; InputError where it hides something or is a judge's of the factory."""
    name = " ".join(unicodedata.normalize("NFKC", said).split())
    if _INVISIBLE.search(name):
        raise InputError(
            f"the name {said!a} has invisible characters: write it without them, and where it is not ASCII in the "
            "body instead of a header"
        )
    for word in _WORD.findall(name):
        scripts = sorted({unicodedata.name(letter, "").partition(" ")[0] for letter in word} & _ALIKE)
        if len(scripts) > 1:
            raise InputError(
                f"the name {said!a} mixes letters of {' and '.join(map(str.title, scripts))} in one word, which "
                "look alike: write each word in one script"
            )
    if _JUDGE.search(name):
        raise InputError(
            f"{name!r} is a name that the factory's own judges sign with ('rule: …', '…, prompt <version>'): "
            "give another"
        )
    return name


def skeleton(name: str) -> str:
    """What a name looks like: equal for names that differ in case, blanks, marks or look-alike letters alone."""
    plain = _MARK.sub("", unicodedata.normalize("NFKD", name))
    drawn = plain.translate(_CAPITALS).casefold().translate(_LATIN).translate(_SMALL).replace("i", "l")
    return _BETWEEN.sub("", drawn)


def is_comparable(name: str) -> bool:
    """Whether all letters are of scripts in wide use (UAX 31), of Latin those in the names of living languages."""
    return _COMPARABLE.fullmatch(_MARK.sub("", unicodedata.normalize("NFKD", name)).casefold()) is not None
