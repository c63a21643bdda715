"""Numbers that lead to a person or an account: cards, IBANs, social security and national numbers.

A number counts by its check digits; where those are weak or there are none, only beside the number's name.
"""

from __future__ import annotations

import re
from typing import Literal

from agent_factory.privacy import checksum
from agent_factory.privacy.checksum import Check
from agent_factory.privacy.rule.phone import THING
from agent_factory.privacy.rule.rule import LIKELY, SURE, Family, Rule, where_digits, where_named, where_words, words

_CARD_WORD = words(
    r"cards?|visa|mastercard|master card|amex|american express|discover|maestro|jcb|unionpay|credit|debit|pan|cc"
    r"|卡号|银行卡|信用卡|储蓄卡|借记卡|银联"
)
_CARD_GROUPS = re.compile(
    r"\d{14,19}|(?:\d{4}([ .-]))(?:\d{4}\1){2,3}\d{1,4}|\d{4}([ .-])\d{6}\2\d{4,5}|\d{6}([ .-])\d{7,13}"
)
_DRAWN = re.compile(r"(?=(?:[A-Z]*\d){2})[A-Z0-9]{8,10}", re.ASCII)
_GAP = r"[^\d\n,;，。；\ufffc]{0,16}?"


def _is_grouped_card(text: str) -> bool:
    return _CARD_GROUPS.fullmatch(text) is not None and checksum.is_card(text)


def _is_like_card(text: str) -> bool:
    """Digits as on a card: any with a check digit; sixteen without, since mistyped ones are somebody's too."""
    number = checksum.compact(text)
    return len(number) == 16 or checksum.is_luhn(number)


def _is_identity(text: str) -> bool:
    return sum(letter.isdigit() for letter in text) >= 5


def _is_passport(text: str) -> bool:
    """Digits in the main, or eight to ten letters and digits in one, as on passports whose letters are drawn too."""
    return _is_identity(text) or _DRAWN.fullmatch(text) is not None


def _any_of(*checks: Check) -> Check:
    return lambda text: any(check(text) for check in checks)


def _number(
    label: Literal["SSN", "NATIONAL_ID"], shape: str, check: Check | None, context: str | None = None, flags: int = 0
) -> Rule:
    """A number with a check, that may need a ``context`` which names it, and must not be named as a thing's."""
    return Rule(
        label,
        re.compile(rf"(?<![A-Za-z0-9.-]){shape}(?![A-Za-z0-9]|[.-]\d)", re.ASCII | flags),
        SURE,
        check,
        words(context) if context else None,
        THING,
    )


_ENDING_WORDS = (
    *("ending", "ends in", "ends with", "last four", "last 4", "last4", "last-4", "last-four", "****", "xxxx"),
    *("••••", "尾号", "末四", "末4", "后四", "后4"),
)
_NAMING = (
    *("passport", "travel doc", "reisepass", "pasaporte", "passeport", "licen", "identity card", "national id"),
    *("personal id", "id card", "证", "护照"),
)


_CARDS = (
    Rule(
        "CARD",
        re.compile(r"(?<![\w.-])\d(?:[ .-]?\d){13,18}(?!\w|[.-]\d)", re.ASCII),
        SURE,
        _is_grouped_card,
        against=THING,
    ),
    Rule(
        "CARD",
        re.compile(r"(?<![\w.-])(?:\d{4}([ -]?)(?:\d{4}\1){2}\d{4}|\d{12,19})(?![\w-]|\.\d)", re.ASCII),
        LIKELY,
        _is_like_card,
        _CARD_WORD,
        THING,
    ),
)
_ENDINGS = (
    Rule(
        "CARD",
        re.compile(
            r"(?:\bending(?: in| with)?|\bends (?:in|with)|\blast[ -]?(?:four|4)(?: digits)?(?: are| is| of|:)?)"
            r"\s*[*x.•]{0,16}\s*(?P<value>\d{4})(?!\w|[.,]\d)",
            re.ASCII | re.IGNORECASE,
        ),
        context=words(r"cards?|visa|mastercard|amex|credit|debit|payment"),
    ),
    Rule("CARD", re.compile(r"(?:尾号|末四位|后四位|末4位|后4位)[^\d\n]{0,6}(?P<value>\d{4})(?!\d)")),
    Rule(
        "CARD",
        re.compile(r"(?:(?:\*{4}|x{4}|•{4})[ -]?){1,3}(?P<value>\d{4})(?!\w|[.,]\d)", re.ASCII | re.IGNORECASE),
    ),
)
_IBANS = tuple(
    Rule(
        "IBAN",
        re.compile(
            rf"(?<![A-Za-z0-9])[A-Z]{{2}}\d{{2}}(?:{gap}[A-Z0-9]{{4}}){{2,7}}(?:{gap}[A-Z0-9]{{1,3}})?(?![A-Za-z0-9])",
            flags,
        ),
        SURE,
        checksum.is_iban,
    )
    for gap, flags in ((" ", re.ASCII), ("-", re.ASCII), ("", re.ASCII | re.IGNORECASE))
)
_SOCIAL = _number("SSN", r"\d{3}([-. ])\d{2}\1\d{4}", checksum.is_us_ssn)
_SOCIAL_NAMED = _number(
    "SSN", r"\d{9}|\d{3} ?- ?\d{2} ?- ?\d{4}", checksum.is_us_ssn, r"ssn|social security|social|itin|tax ?payer|tax id"
)
# Several shapes are one pattern, since each pattern costs a pass: whichever check fits decides.
_UNNAMED = (
    _number(
        "NATIONAL_ID",
        r"(?:[1-8]\d{5} ?(?:18|19|20)\d{6} ?\d{3}[\dXx]|\d{4}[ -]\d{4}[ -]\d{4}|\d{3}\.\d{3}\.\d{3}-\d{2}"
        r"|\d{6}-[1-8]\d{6}|[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d)",
        _any_of(
            checksum.is_china_id, checksum.is_aadhaar, checksum.is_cpf, checksum.is_korea_id, checksum.is_france_id
        ),
    ),
)
_LETTERED = (
    _number(
        "NATIONAL_ID",
        r"(?:\d{8}-?[A-Z]|[XYZ]-?\d{7}-?[A-Z]|[STFG]\d{7}[A-Z]|[A-Z]{1,2}\d{6} ?\([\dA]\))",
        _any_of(checksum.is_spain_id, checksum.is_singapore_id, checksum.is_hong_kong_id),
    ),
    _number("NATIONAL_ID", r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d\d){3} ?[A-D]", None),
)
_HAS_PLATE = re.compile(r"[\u4e00-\u9fff][A-Z][·•. ]?[A-Z\d]{5}", re.ASCII)
_FISCAL = _number("NATIONAL_ID", r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]", checksum.is_italy_code, flags=re.IGNORECASE)
_BY_NAME = (
    ("aadhaar aadhar uidai uid", r"\d{12}", checksum.is_aadhaar),
    ("cpf", r"\d{11}", checksum.is_cpf),
    ("pesel", r"\d{11}", checksum.is_pesel),
    ("bsn burgerservicenummer", r"\d{3} ?\d{2} ?\d{4}|\d{4}[. ]\d{2}[. ]\d{3}", checksum.is_bsn),
    ("sin insurance sociale nas", r"\d{3}([- ]?)\d{3}\1\d{3}", checksum.is_luhn_nine),
    ("nhs health", r"\d{3}([- ]?)\d{3}\1\d{4}", checksum.is_nhs),
    ("hkid 香港 身份证 证件", r"[A-Z]{1,2}\d{6}[\dA]", checksum.is_hong_kong_id),
    ("taiwan 台湾 身份证 证件 national card", r"[A-Z][1289]\d{8}", checksum.is_taiwan_id),
    ("ni", r"(?=[A-Z]{0,2}\d)[A-Z0-9]{8,11}", _is_identity),
    ("pan permanent income", r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", None),
)
_NUMBERED = r"(?:,?[ -]?(?:numbers?|no\.?|nr\.?|#))?"
_CODE = r"(?=[A-Z -]*\d)[A-Z0-9](?:[ -]?[A-Z0-9]){5,19}(?![A-Za-z0-9])"
_NAMED = (
    Rule(
        "NATIONAL_ID",
        re.compile(
            r"(?i:passport|travel document|reisepass|pasaporte|passeport|driver'?s? licen[cs]e|driving licen[cs]e"
            rf"|identity card|national id(?:entity)?|personal id|id card){_NUMBERED}{_GAP}(?P<value>{_CODE})",
        ),
        check=_is_passport,
    ),
    Rule(
        "NATIONAL_ID",
        re.compile(
            rf"(?:护照|通行证|驾驶?证|居留证)(?:号码?)?[^A-Za-z\d\n，。,;\ufffc]{{0,6}}(?P<value>{_CODE})",
            re.IGNORECASE,
        ),
        check=_is_passport,
    ),
    Rule(
        "NATIONAL_ID",
        re.compile(
            r"(?:身份证|证件)(?:号码?)?[^\d\n，。,;\ufffc]{0,6}"
            r"(?P<value>\d{6} ?\d{8} ?\d{3}[\dXx]|\d{15})(?![A-Za-z0-9])",
            re.ASCII,
        ),
    ),
)
_VEHICLES = (
    Rule(
        "NATIONAL_ID",
        re.compile(r"(?<![A-Za-z0-9-])(?=[A-Z\d]*[A-Z])[A-HJ-NPR-Z\d]{13}\d{4}(?![A-Za-z0-9-])", re.ASCII),
        check=checksum.is_vin,
        against=THING,
    ),
    Rule(
        "NATIONAL_ID",
        re.compile(
            r"(?i:\bvin\b|chassis|vehicle identification|车架号?|车辆识别代?[号码])[^A-Za-z\d\n]{0,6}"
            r"(?i:(?:number|no\.?|is|code)\W{1,3}){0,2}(?P<value>[A-HJ-NPR-Z\d]{17})(?![A-Za-z0-9])"
        ),
    ),
)
_PLATES = (
    Rule(
        "NATIONAL_ID",
        re.compile(
            r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•. ]?"
            r"(?=[A-HJ-NP-Z]{0,5}\d)[A-HJ-NP-Z\d]{5,6}(?![A-Za-z\d-])"
        ),
        against=THING,
    ),
)

FAMILIES = (
    Family(where_digits(r"[A-Z\d]{17}"), _VEHICLES),
    Family(lambda look: look.chinese and look.digits and _HAS_PLATE.search(look.plain), _PLATES),
    Family(where_digits(r"\d(?:[ .-]?\d){11}"), _CARDS),
    Family(lambda look: look.digits and look.has(*_ENDING_WORDS), _ENDINGS),
    Family(where_digits(r"(?<![A-Z0-9])[A-Z]{2}\d{2}[ -]?[A-Z0-9]{4}", re.IGNORECASE), _IBANS),
    Family(where_digits(r"\d{3}[-. ]\d{2}[-. ]\d{4}"), (_SOCIAL,)),
    Family(where_words("ssn social itin tax taxpayer", digits=True), (_SOCIAL_NAMED,)),
    Family(
        where_digits(r"\d{6}[ -]?\d{7}|\d{4}[ -]\d{4}[ -]\d{4}|\.\d{3}-\d\d|[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3}"),
        _UNNAMED,
    ),
    Family(where_digits(r"\d{6,8}-?[A-Z]|[A-Z]\d{6}|[A-Z]{2} ?\d\d ?\d\d ?\d\d"), _LETTERED),
    Family(where_digits(r"[A-Z]{6}\d\d[A-Z]", re.IGNORECASE), (_FISCAL,)),
    Family(lambda look: look.digits and look.has(*_NAMING), _NAMED),
    *(
        Family(
            where_named(names),
            (_number("NATIONAL_ID", f"(?:{shape})", check, names.replace(" ", "|")),),
        )
        for names, shape, check in _BY_NAME
    ),
)
