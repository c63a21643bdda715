"""Names that are told: introduced, greeted, signed, titled, or named as a customer's or a relative's.

Model: a cue says where a name begins; from there capitalised words are read until one is too common to be a
name. ``least`` is how many words the cue needs: "my name is" needs one, "this is" needs two, since much that
is not a name follows it. A name that nothing introduces is found only where it is known or common.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import regex

from agent_factory.privacy.rule.rule import LIKELY, Finding, Look
from agent_factory.privacy.word import is_common, is_place

_CAPITAL = r"\p{Lu}[\p{L}'’]+(?:-\p{L}[\p{L}'’]*)*"
_PARTICLE = r"(?:van|von|de|der|den|da|di|del|della|la|le|bin|ibn|al|el|dos|ten|ter|zu)"
_PART = regex.compile(
    rf"[ \t]*(?:(?P<initial>\p{{Lu}}\.)|(?:{_PARTICLE}[ \t]+)*(?P<word>{_CAPITAL})(?!\w|@))",
)
_LOWER = regex.compile(r"[ \t]*(?P<word>\p{Ll}[\p{Ll}'’-]+)(?![\p{L}\d@])")
_AND = regex.compile(r"(?:[ \t]*[,;&/][ \t]*(?:and[ \t]+)?|[ \t]+(?:and|und|et|y)[ \t]+|[ \t]*[和与及、][ \t]*)")
_MAX_WORDS = 4
_BRANDS = frozenset(["martens", "pepper", "oetker", "scholl", "coffee", "clean", "muscle", "bean", "beats"])  # Dr. …

_RELATIVE_WORDS = (
    "husband wife partner fiance fiancé fiancee fiancée son daughter brother sister mother father mum mom dad boss"
    " friend neighbor neighbour colleague flatmate roommate landlord landlady assistant lawyer doctor uncle aunt cousin"
    " nephew niece grandmother grandfather"
)
_RELATIVE = "|".join(_RELATIVE_WORDS.split())
_HOLDERS = """
    holder cardholder accountholder policyholder passenger traveller traveler customer client patient guest recipient
    tenant beneficiary employee applicant payee caller subscriber student contact consignee sender manager owner agent
    driver buyer seller teacher nurse supervisor member requester reporter assignee director founder resident visitor
    candidate attendee participant spouse starter
"""
_HOLDER_WORDS = " ".join(f"{word} {word}s" for word in _HOLDERS.split())
_HOLDER = "|".join(_HOLDER_WORDS.split())
_TITLES = "mr mrs ms miss mx dr prof professor herr frau mme monsieur madame señor señora signor signora"
_TITLE = "|".join(_TITLES.title().split())
_CLOSING = (
    r"regards|wishes|thanks|thank you|cheers|sincerely|yours(?:[ \t]\w+)?|best|love|greetings|br|respectfully|take care"
    r"|signed"
)
_CHINESE = "我叫|我是|叫做|名叫|姓名|名字(?:是|叫)?|联系人|收件人|收货人|乘客|旅客|持卡人|户名|客户|用户"
_OWNER = r"(?i:my|his|her|their|our|your|whose|\p{L}['’]s)"
_AFTER_HOLDER = r"(?:[ \t]*[,:：=|][ \t*_|]*|[ \t]+(?:is|was|named|called)[ \t]+|[ \t]+)"
_LINE_START = r"(?:^|[\n.!?>*\"“][ \t]*)"


class Cue(NamedTuple):
    """Where a name begins (at the end of ``pattern``), how many words it must have, and what must follow it.

    A text without one of ``needs`` (words in small letters), or without one of ``phrases``, is not searched. With
    ``lower``, two words in small letters are a name too.
    """

    needs: frozenset[str]
    phrases: tuple[str, ...]
    pattern: Any
    least: int
    then: Any = None
    lower: bool = False


def _cue(needs: str, words: str, least: int, then: str | None = None, *, lower: bool = False) -> Cue:
    ends = regex.compile(then, regex.MULTILINE) if then else None
    told, _, phrases = needs.partition("|")
    texts = tuple(phrase for phrase in phrases.split("|") if phrase)
    return Cue(frozenset(told.split()), texts, regex.compile(words, regex.MULTILINE), least, ends, lower)


CUES = (
    _cue(
        "name", rf"\b{_OWNER} (?i:(?:full |last |first |given |real |legal )?name(?: is|'s|’s|:| as)) ", 1, lower=True
    ),
    _cue("go call", r"\b(?i:i go by|they call me|just call me) ", 1, lower=True),
    _cue(
        "name surname",
        r"\b(?i:(?:full|first|last|given|family|sur|middle|maiden|legal)[ _-]?name(?:[ \t]*[:=]| is)) ?",
        1,
    ),
    _cue("name", r"['’]s name ", 2),
    _cue("i this it here", r"\b(?:I am|I'm|I’m|[Tt]his is|[Ii]t's|[Hh]ere is|[Hh]ere's|[Ii] am called)[ \t]+", 2),
    _cue("name", r"\b[Nn]ame:[ \t]+", 1, r"[ \t]*(?:[,;.\n|<(]|$)"),
    _cue("name", r"\b(?i:under|in|for|by|on) the name(?: of|:)? ", 1),
    _cue(
        "behalf booked registered belong belongs addressed",
        r"\b(?i:on behalf of|booked (?:by|for)|registered (?:to|under|for)|belongs? to|addressed to) ",
        2,
    ),
    _cue(
        "signed attn c regards met cust reach contact",
        r"\b(?i:signed(?: by|:)|attn[.:]?|c/o|regards from|met(?: with)?|cust\.?|reach|contact) ",
        2,
    ),
    _cue(
        "ask asked speak speaking spoke talk talked talking",
        r"\b(?i:ask(?:ed)? for|sp(?:eak|oke)(?:ing)? (?:to|with)|talk(?:ed|ing)? (?:to|with)) ",
        2,
    ),
    _cue(
        "ship send sent deliver delivered mail mailed forward forwarded post|\n",
        r"\b(?i:ship|send|sent|deliver(?:ed)?|mail(?:ed)?|forward(?:ed)?|post)(?: \w+){0,3} to:?[ \t]*\n[ \t]*",
        2,
    ),
    _cue(_HOLDER_WORDS, rf"\b(?i:{_HOLDER}){_AFTER_HOLDER}", 2),
    _cue(_RELATIVE_WORDS, rf"\b(?i:my|his|her|their|our) (?i:{_RELATIVE})(?:,|:| is| called)?[ \t]+", 1),
    _cue(
        "dear hi hello hey hiya good",
        rf"{_LINE_START}(?i:dear|hi|hello|hey|hiya|good (?:morning|afternoon|evening))[ \t]+",
        1,
        r"[ \t]*(?:[,!.:;\n]|$| -|–)",
    ),
    _cue(_TITLES, rf"\b(?:{_TITLE})\b\.?[ \t]+", 1),
    _cue(
        "regards wishes thanks thank cheers sincerely yours best love greetings br respectfully take signed|\n",
        rf"(?i:^[ \t>]*(?:(?:kind|best|warm|many|with)[ \t]+)*(?:{_CLOSING})[^\n\p{{L}}]{{0,3}}\s*?\n)[ \t\n>*_–—-]*",
        1,
        r"[ \t*_]*(?:\n|$|,)",
    ),
    _cue(
        "thanks cheers regards best sincerely yours thank",
        r"\b(?i:thanks|cheers|regards|best|sincerely|yours truly|thank you)[,.!]?[ \t]+[-–—]?[ \t]*",
        1,
        r"[!,.]|\s*\Z",
    ),
    _cue("|-|–|—|~", r"(?:^|\n)[ \t]*(?:--+|[–—~])[ \t]*", 1, r"[ \t]*(?:\n|\Z)"),
)
_CHINESE_CUE = _cue("", rf"(?:{_CHINESE})[\s:：是为叫|*]{{0,5}}", 1)
_ABOVE = 120  # letters before an address that may hold the name
_ABOVE_ADDRESS = regex.compile(
    rf"(?<![\p{{L}}\d])(?P<value>{_CAPITAL}(?:[ \t]+(?:\p{{Lu}}\.|(?:{_PARTICLE}[ \t]+)?{_CAPITAL})){{1,3}})"
    r"(?:,[ \t]*|[ \t]*\n[ \t]*)$"
)
_BEFORE_WORD = (
    regex.compile(
        r"(?:^|[\n.!?,>][ \t]*)(?:(?i:hi|hey|hello|so|yes|ok)[,.!]?[ \t]+)?"
        rf"(?P<value>{_CAPITAL}(?:[ \t]+(?:\p{{Lu}}\.|{_CAPITAL})){{0,2}})[ \t]+(?:here|speaking)\b"
    ),
    regex.compile(
        rf"(?P<value>{_CAPITAL}(?:[ \t]+(?:\p{{Lu}}\.|(?:{_PARTICLE}[ \t]+)?{_CAPITAL})){{1,3}})"
        r"\"?[ \t]*[<(\[](?:mailto:)?[^\s<>@()]+@"
    ),
)


def find_names(look: Look) -> Iterator[Finding]:
    """Names behind cues, and the further names of a list that begins with one."""
    for cue in CUES:
        if (not cue.needs or not cue.needs.isdisjoint(look.words)) and (not cue.phrases or look.has(*cue.phrases)):
            yield from _follow(look, cue)
    if look.chinese:
        yield from _follow(look, _CHINESE_CUE)
    for trigger, pattern in zip((look.has("here", "speaking"), "@" in look.plain), _BEFORE_WORD, strict=True):
        for match in pattern.finditer(look.plain) if trigger else ():
            if not any(is_common(word) for word in match["value"].split()):
                yield _found(look.text, *match.span("value"))


def find_names_above(look: Look, found: Iterable[Finding]) -> Iterator[Finding]:
    """Names that stand before an address, on the same line or the one above, as on an envelope."""
    for finding in found:
        if finding.label != "ADDRESS":
            continue
        begin = max(0, finding.start - _ABOVE)
        match = _ABOVE_ADDRESS.search(look.plain, begin, finding.start)
        if match and not any(is_common(word) or is_place(word) for word in match["value"].split()):
            yield _found(look.text, *match.span("value"))


def read_name(plain: str, at: int, *, lower: bool = False) -> tuple[int, int, int]:
    """Start and end of the name that begins at ``at``, and how many words it has; none: (at, at, 0)."""
    start = end = at
    count = 0
    while count < _MAX_WORDS:
        match = _PART.match(plain, end)
        if match is None or (match["word"] and (is_common(match["word"]) or match["word"].casefold() in _BRANDS)):
            break
        if not match["word"] and not _PART.match(plain, match.end()):
            break  # an initial that no name follows ends a sentence
        if end == at:
            start = match.end() - len(match[0].lstrip())
        end, count = match.end(), count + bool(match["word"])
    if count == 0:
        return _read_lower(plain, at) if lower else (at, at, 0)
    return start, end - 2 if plain[start:end].endswith(("'s", "’s")) else end, count


def names_place(plain: str, start: int, end: int) -> bool:
    """Whether a name belongs to a place or a body: one of its words, or the next one, is "Airport" or the like."""
    following = _PART.match(plain, end)
    words = (*plain[start:end].split(), *((following["word"],) if following and following["word"] else ()))
    return any(is_place(word) for word in words)


def _follow(look: Look, cue: Cue) -> Iterator[Finding]:
    for match in cue.pattern.finditer(look.plain):
        yield from _read(look.text, look.plain, match.end(), cue)


def _read(text: str, plain: str, at: int, cue: Cue) -> Iterator[Finding]:
    start, end, count = read_name(plain, at, lower=cue.lower)
    if count < cue.least or (cue.then is not None and not cue.then.match(plain, end)):
        return
    if cue.least > 1 and names_place(plain, start, end):
        return
    yield _found(text, start, end)
    while (more := _AND.match(plain, end)) is not None:
        start, end, count = read_name(plain, more.end())
        if count < 2:
            return
        yield _found(text, start, end)


def _read_lower(plain: str, at: int) -> tuple[int, int, int]:
    start = end = at
    count = 0
    while count < 2 and (match := _LOWER.match(plain, end)) is not None and not is_common(match["word"]):
        start = start if count else match.start("word")
        end, count = match.end(), count + 1
    return start, end, count


def _found(text: str, start: int, end: int) -> Finding:
    return Finding("PERSON", start, end, text[start:end], LIKELY)
