"""Postal addresses: a house number and a street with what follows of unit, town, state and code.

The town alone is no address. Chinese addresses go from the large to the small and begin behind a word such
as "寄到" or "地址", or where no letter stands before them.
"""

from __future__ import annotations

import re

import regex

from agent_factory.privacy.rule.rule import CJK, SURE, Family, Rule, where, where_words, words

_SUFFIX = (
    r"(?:(?:Street|Avenue|Road|Boulevard|Lane|Drive|Court|Square|Place|Terrace|Way|Parkway|Circle|Highway|Crescent|"
    r"Close|Row|Walk|Alley|Grove|Gardens?|Quay|Mews|Loop|Trail|Plaza|Turnpike|Parade)\b|"
    r"(?:St|Ave|Rd|Blvd|Ln|Dr|Ct|Sq|Pl|Pkwy|Cir|Hwy|Ter|Trl)\b\.?)"
)
_STATES = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|"
    r"W[AIVY])"
)
_ZIP = r"\d{5}(?:-\d{4})?\b"
_POSTCODE = r"(?:[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]\d[A-Z] \d[A-Z]\d)\b"
_UNIT = r"(?:,?\s*(?:Suite|Ste|Apt|Apartment|Unit|Floor|Room|Flat|#)(?:\b\.?|(?<=#))\s*#?\w+)?"
_NO_CITY = r"(?!(?:Thanks?|Please|And|But|The|My|Is|Can|Could|It|We|You|If|Order|Phone|Not|Cheers|Regards)\b)"
_CITY = rf"{_NO_CITY}[A-Z][\w'’.-]*[a-z](?:[ ][A-Z][\w'’-]*[a-z][\w'’-]*){{0,2}}"
_CODE = rf"(?:{_ZIP}|{_POSTCODE})"
_NEXT = r"\s(?:on|by|at|in|and|is|was|for|since|before|after|from|to|please|as|or|instead|not)\b"
_PLACE = (
    rf"(?:,\s*{_CITY}(?=\s*(?:[,.;!?)\n\"|`]|$|\s\d|\s{_STATES}\b|\s{_POSTCODE}|{_NEXT})))?(?:,?\s+{_STATES}\b)?"
    rf"(?:,?\s+{_CODE}|[ \t]*\n[ \t]*{_CITY},?[ \t]+(?:{_STATES}[ \t]+)?{_CODE})?"
)
_STREET_WORD = r"(?:[A-Z][\w'’.-]*|\d{1,3}(?:st|nd|rd|th))"
_NO_NUMBER = r"(?<![\w$€£¥.,#-])"
_CONTINENTAL = r"(?:rue|avenue|av\.|boulevard|bd|place|chemin|all[ée]e|quai|impasse)"
_SOUTHERN = r"(?:Calle|C/|Avenida|Avda\.|Paseo|Plaza|Via|Viale|Piazza|Corso|Rua|Travessa|Largo)"
_SMALL = r"(?:de la|de l'|de|des|du|del|della|dei|di|da|do|dos|las|los|la|le)"

_STREETS = (
    Rule(
        "ADDRESS",
        regex.compile(
            rf"(?:(?:Flat|Apt|Apartment|Unit|Suite|Room)\.?\s*#?\w{{1,5}},\s*)?"
            rf"{_NO_NUMBER}(?<!order )\d{{1,5}}[A-Za-z]?"
            rf"(?:\s+[NSEW]{{1,2}}\.?)?(?:\s+{_STREET_WORD}){{1,4}}\s+{_SUFFIX}(?:\s+[NSEW]{{1,2}}\b)?{_UNIT}{_PLACE}",
            regex.MULTILINE,
        ),
        SURE,
    ),
)
_SMALL_STREETS = (
    Rule(
        "ADDRESS",
        regex.compile(
            rf"{_NO_NUMBER}\d{{1,5}}(?:\s+(?!the|my|a|on|in|to|of|this|that|at)[a-z]+){{1,2}}\s+"
            r"(?:street|avenue|road|boulevard|lane|drive)\b"
        ),
    ),
)
_ENDINGS = "straße strasse str. weg gasse platz allee gatan gaten vägen gränd gade vejen veien straat laan gracht"
_GERMANIC = (
    Rule(
        "ADDRESS",
        regex.compile(
            r"\b[A-ZÄÖÜ][\wäöüß-]*(?:straße|strasse|str\.|weg|gasse|platz|allee|gatan|gaten|vägen|gränd|"
            r"gade|vejen|veien|straat|laan|gracht)\s+\d{1,4}[a-z]?\b"
            r"(?:,?\s+(?:\d{5}|\d{3} \d\d|\d{4}(?: ?[A-Z]{2})?)\s+[A-ZÄÖÜÅØ][\wäöüßåø-]+)?"
        ),
        SURE,
    ),
)
_CONTINENTALS = (
    Rule(
        "ADDRESS",
        regex.compile(
            rf"{_NO_NUMBER}\d{{1,4}}(?: ?(?:bis|ter))?,? {_CONTINENTAL} (?:{_SMALL} ?)*[A-ZÀ-Ý][\w'’-]+"
            rf"(?:[ -](?:{_SMALL} )?[A-ZÀ-Ý][\w'’-]+){{0,3}}(?:,?\s+\d{{5}}\s+[A-ZÀ-Ý][\w'’-]+)?"
        ),
    ),
)
_SOUTHERNS = (
    Rule(
        "ADDRESS",
        regex.compile(
            rf"\b{_SOUTHERN} (?:{_SMALL} )*[A-ZÀ-Ý][\w'’-]+(?: (?:{_SMALL} )?[A-ZÀ-Ý][\w'’-]+){{0,3}},? "
            r"(?:n[º°.] ?)?\d{1,4}\b"
            r"(?:,?\s+\d{4,5}(?:-\d{3})?\s+[A-ZÀ-Ý][\w'’-]+)?"
        ),
    ),
)
_MILITARY = (
    Rule(
        "ADDRESS",
        regex.compile(r"\b(?:PSC|CMR|Unit) \d{3,5},? Box \d{1,5}(?:,?\s+[ADF]PO,? A[AEP] \d{5}(?:-\d{4})?)?"),
    ),
)
_BOXES = (
    Rule(
        "ADDRESS",
        regex.compile(rf"\bP\.?\s?O\.?\s?Box\s+\d{{1,6}}\b{_PLACE}", regex.MULTILINE | regex.IGNORECASE),
        SURE,
    ),
)
_STATE_CODES = (
    Rule(
        "ADDRESS",
        regex.compile(rf"\b{_STATES}\s+\d{{5}}(?:-\d{{4}})?\b(?![ -]\d)"),
        against=words(
            r"caller|user|order|customer|ticket|client|account|session|your|my|the|product|item|employee|member",
            end=True,
        ),
    ),
)
_CODES = (
    Rule(
        "ADDRESS",
        regex.compile(rf"{_NO_NUMBER}\d{{5}}(?:-\d{{4}})?(?![\w-]|[.,]\d)|(?<!\w){_POSTCODE}"),
        context=words(r"zip|zip ?codes?|post ?codes?|postal"),
    ),
)

_ADMIN = rf"(?:[{CJK}]{{1,9}}?(?:省|自治区|自治州|市|地区|区|區|县|縣|旗|镇|鎮|乡|鄉|街道))"
_ROAD = rf"(?:[{CJK}\d]{{1,9}}?(?:公路|大街|大道|胡同|[路街道巷弄里村屯组])(?:[一二三四五六七八九十\d]{{1,3}}段)?)"
_NAMED_ESTATE = "小区|花园|家园|公寓|大厦|广场|新村"
_ESTATE = rf"(?:[{CJK}]{{1,9}}?(?:{_NAMED_ESTATE}|苑|园|城|湾|府|庭|院)(?!{_NAMED_ESTATE}))"
_NUMBER = (
    r"(?:[A-Za-z]?[\d一二三四五六七八九十百]{1,5}(?:[-之]\d{1,4})*(?:号楼|号院|号|號|弄|幢|栋|座|单元|楼|樓|层|室|房))"
)
_CUE = r"地址|寄|送到|送往|发到|发往|改成|改为|改到|换成|换到|搬到|搬去|住在|家住|位于|到|在|是|为|至|往|住|给|叫"
_CHINESE = (
    Rule(
        "ADDRESS",
        regex.compile(
            rf"(?:(?<![{CJK}])|(?<={_CUE}))(?![{CJK}]{{0,8}}?(?:{_CUE}))"
            rf"(?:{_ADMIN}{{1,4}}{_ROAD}{{0,2}}{_ESTATE}?|{_ROAD}{{1,2}}{_ESTATE}?|{_ESTATE})\s?"
            rf"(?:{_NUMBER}+(?:{_ROAD}|{_ESTATE})?){{1,3}}(?:\d{{2,5}}(?!\d|[年月元个件])室?)?"
        ),
        SURE,
    ),
    Rule("ADDRESS", regex.compile(rf"(?<=地址[\s:是为|*]{{0,5}}){_ADMIN}{{2,4}}[{CJK}]{{0,8}}(?![{CJK}])")),
    Rule("ADDRESS", re.compile(r"(?:邮编|邮政编码)[^\d\n]{0,4}(?P<value>\d{6})(?!\d)")),
)

_SUFFIX_WORDS = """
    street st avenue ave road rd boulevard blvd lane ln drive dr court ct square sq place pl terrace ter way parkway
    pkwy circle cir highway hwy crescent close row walk alley grove garden gardens quay mews loop trail trl plaza
    turnpike parade
"""
_HAS_SUFFIX = re.compile(r"\d[A-Za-z]?\s+(?:[A-Z]|\d+(?:st|nd|rd|th)\b)")
_HAS_STATE = re.compile(r"[A-Z]{2}\s+\d{5}")
_HAS_CHINESE = re.compile(
    r"[省市区區县縣镇鎮乡鄉段路街道巷弄村苑园城里院厦屯寓家府庭湾场组]\s?[A-Za-z]?[\d一二三四五六七八九十百]|地址|邮"
)


_has_suffix = where_words(_SUFFIX_WORDS, digits=True)

FAMILIES = (
    Family(lambda look: _has_suffix(look) and _HAS_SUFFIX.search(look.plain), _STREETS),
    Family(where_words("street avenue road boulevard lane drive", digits=True), _SMALL_STREETS),
    Family(where(*(f"{ending} " for ending in _ENDINGS.split())), _GERMANIC),
    Family(where_words("rue avenue av boulevard bd place chemin quai impasse allee allée", digits=True), _CONTINENTALS),
    Family(
        where_words("calle c avda avenida paseo plaza via viale piazza corso rua travessa largo", digits=True),
        _SOUTHERNS,
    ),
    Family(where_words("box", digits=True), (*_MILITARY, *_BOXES)),
    Family(lambda look: look.digits and _HAS_STATE.search(look.plain), _STATE_CODES),
    Family(lambda look: look.digits and look.has("zip", "post"), _CODES),
    Family(lambda look: look.chinese and _HAS_CHINESE.search(look.plain), _CHINESE),
)
