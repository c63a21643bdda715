"""Text that a person does not see and a model reads: found, and brought to light.

Model: characters without width, tag letters and right-to-left overrides are taken off; HTML comments,
elements that are styled away and base64 are opened. Invariant: ``fold`` gives one spelling for what
looks alike; what is ordinary (a joiner in an emoji or in Persian, one stray space without width) is
no finding by itself; whatever the text, the time that it takes grows with its length alone.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from agent_factory.data.cleaning.injection import match_rule, unmark

_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff\u180e\u00ad]")
_BETWEEN = re.compile("(?<=[a-zA-Z\u4e00-\u9fff .,])[\u200b-\u200d\u2060\ufeff\u180e](?=[a-zA-Z\u4e00-\u9fff .,])")
_STRAY = 3
_TAGS = re.compile("(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_REVERSED = re.compile("\u202e([^\u202c]*)\u202c?")
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_STYLED_AWAY = re.compile(
    r"<(\w{1,30})\b[^<>]*?(?:(?<=[\s\"'])hidden(?=[\s>/=])|style\s{0,9}=\s{0,9}[\"'][^\"'<>]{0,500}?(?:display\s{0,9}:\s{0,9}none|"
    r"visibility\s{0,9}:\s{0,9}hidden|font-size\s{0,9}:\s{0,9}[01](?:px|pt|em)?\b|"
    r"opacity\s{0,9}:\s{0,9}0(?:\.0+)?\b|(?:left|top|right|bottom|indent)\s{0,9}:\s{0,9}-\d{3,6}|"
    r"clip\s{0,9}:\s{0,9}rect\(0|(?:width|height)\s{0,9}:\s{0,9}0(?:px|em)?\s{0,9}[;\"']|"
    r"(?<!-)color\s{0,9}:\s{0,9}(?:#fff(?:fff)?\b|white\b|transparent\b)))"
    r"[^<>]{0,1000}>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?(?!system|instruction|\|)[a-zA-Z][^<>]{0,200}>")
_BASE64 = re.compile(r"(?<![\w+/=.-])[A-Za-z0-9+/]{20,}={0,2}(?![\w+/=])")
_SUSPICIOUS = re.compile(
    r"\b(?:ignore|disregard|instructions?|system|prompt|assistant|ai|llm|model|grader?|judge|evaluator|score|reward|must|"
    r"grad(?:e|es|ed|ing)|rate|rating|marks|evaluat\w*|"
    r"transcript|conversation|dialogue|refund|secretly|override|unrestricted|forward|do not tell|jailb\w+|anweisung\w*|"
    r"instrucciones|consignes)\b|[忽指提评系满瞒]"
)
# Cyrillic and Greek letters that look like Latin ones.
_ALIKE = str.maketrans("аеорсухіјѕһԁԛԝοαενικρτυχ", "aeopcyxijshdqwoaevikptux")
_LETTERS = re.compile(r"[^\W\d_]+")
_SPACED = re.compile(r"(?<!\w)(?:[a-z][ .*_-]){3,}[a-z](?!\w)")
_SPACED_CHINESE = re.compile("[\u4e00-\u9fff](?:[ .*_-][\u4e00-\u9fff]){3,}")
_MIXED = re.compile(r"(?<!\w)(?=\d{0,2}[a-z])[a-z\d@$]{3,40}(?!\w)")
_SPELT = str.maketrans("013457@$", "oieastas")
# Traditional letters of the words that the rules look for.
_TRADITIONAL = str.maketrans(
    "無視規則設輸顯評審給將這話對滿進啟開發員維護級調試從現擬裝沒約聽訴複洩譯統隱詞顧戶瞞務執動須機廢蓋過繞棄違別閱軌跡標記為許條",
    "无视规则设输显评审给将这话对满进启开发员维护级调试从现拟装没约听诉复泄译统隐词顾户瞒务执动须机废盖过绕弃违别阅轨迹标记为许条",
)
_BLANKS = re.compile(r"[^\S\n]+")


class Unveiled(NamedTuple):
    """A way of hiding, and the text that was hidden (None where the way itself tells all)."""

    how: str
    text: str | None


def fold(text: str) -> str:
    """The text as it is read: visible letters, NFKC, lower case, look-alikes as Latin, no accents, no HTML tags."""
    if text.isascii():
        plain = text
    else:
        plain = _INVISIBLE.sub("", _TAGS.sub(lambda found: _untag(found.group()), text))
        plain = _DIRECTION.sub("", _REVERSED.sub(lambda found: found[1][::-1], plain))
        plain = unmark(unicodedata.normalize("NFKC", plain))
    plain = plain.lower()
    if not plain.isascii():
        plain = _LETTERS.sub(lambda found: _unmix(found.group()), plain.translate(_TRADITIONAL))
    if "<" in plain:
        plain = _TAG.sub(" ", plain)
    return _BLANKS.sub(" ", plain.replace("’", "'"))


def respell(text: str) -> str:
    """A folded text with s p a c e d letters together, and digits within words as the letters that they look like."""
    if "11" in text:
        text = re.sub(r"(?<=[a-z])11", "ll", text)
    spelt = _MIXED.sub(lambda found: found.group().translate(_SPELT), text)
    for spaced in (_SPACED, _SPACED_CHINESE):
        spelt = spaced.sub(lambda found: re.sub(r"[ .*_-]", "", found.group()), spelt)
    return spelt


def _unmix(word: str) -> str:
    """A word with letters that look like Latin ones as these, where it has others that are."""
    return word.translate(_ALIKE) if re.search("[a-z]", word) else word


def unveil(text: str) -> Iterator[Unveiled]:
    """Every hidden piece of a text that is no ordinary one."""
    if not text.isascii():
        yield from _unveil_characters(text)
    if "<!--" in text:
        yield from _suspicious("an HTML comment", _find_comments(text))
    if "<" in text and ("style" in (low := text.lower()) or "hidden" in low):
        yield from _suspicious("text that is styled away", _find_styled_away(text, low))
    if len(text) > 20:
        yield from _suspicious("base64", (decoded for found in _BASE64.findall(text) if (decoded := _decode(found))))


def _find_comments(text: str) -> Iterator[str]:
    """What stands in HTML comments; one that is not closed holds the rest."""
    end = 0
    while (start := text.find("<!--", end)) >= 0:
        end = text.find("-->", start)
        if end < 0:
            yield text[start + 4 :]
            return
        yield text[start + 4 : end]


def _find_styled_away(text: str, low: str) -> Iterator[str]:
    """What stands in elements that are not shown; one that is not closed holds the rest. ``low``: in small letters."""
    end = 0
    while found := _STYLED_AWAY.search(text, end):
        end = low.find(f"</{found[1].lower()}", found.end())
        if end < 0:
            yield text[found.end() :]
            return
        yield text[found.end() : end]


def _unveil_characters(text: str) -> Iterator[Unveiled]:
    if len(_BETWEEN.findall(text)) >= _STRAY:
        yield Unveiled("characters without width between letters", _INVISIBLE.sub("", text))
    for found in _TAGS.findall(text):
        yield Unveiled("tag characters", _untag(found))
    if _SELECTORS.search(text):
        yield Unveiled("a row of variation selectors", None)
    for found in _REVERSED.findall(text):
        if any((letter.isascii() and letter.isalpha()) or "\u4e00" <= letter <= "\u9fff" for letter in found):
            yield Unveiled("text that is written backwards", found[::-1])


def _suspicious(how: str, pieces: Iterator[str] | list[str]) -> Iterator[Unveiled]:
    for piece in pieces:
        text = fold(piece)
        if _SUSPICIOUS.search(text) or match_rule(text):
            yield Unveiled(how, piece)


def _untag(tags: str) -> str:
    return "".join(chr(ord(letter) - 0xE0000) for letter in tags)


def _decode(found: str) -> str | None:
    """The text that base64 spells, or None where it spells none."""
    try:
        text = base64.b64decode(found + "=" * (-len(found) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    letters = sum(letter.isalpha() or letter in " .,:!?" for letter in text)
    readable = all(letter.isprintable() or letter.isspace() for letter in text)
    return text if readable and letters >= 0.7 * len(text) else None
