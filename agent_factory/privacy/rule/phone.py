"""Telephone numbers: by their shape where it is written for nothing else, bare digits beside a word such as "phone".

Invariant: a number that a word such as "order", "SKU" or "单号" names stays, whatever its shape.
"""

from __future__ import annotations

import re

from agent_factory.privacy.checksum import Check
from agent_factory.privacy.label import DIGIT_NAMES
from agent_factory.privacy.rule.rule import LIKELY, SURE, Family, Look, Rule, where_digits, words

THING = words(
    r"orders?|claim|item|sku|part|model|invoice|ticket|case|ref|reference|tracking|serial|contract|policy|isbn|ean|upc"
    r"|barcode|article|parcel|shipment|booking|confirmation|transaction|request|version|build|units?|sold|queue"
    r"|订单|单|编|序列|货|流水|发票|合同|工单|版本|型|条|商品|快递|运单|排队|房间|座位|会员|工",
    end=True,
)
"""What a number is of if it is nobody's: directly before it."""

_WORD = words(
    r"phones?|voice ?mail|telephone|tel|mobile|cell|cellphone|handy|whats ?app|sms|fax|hotline|ring|rung|rang|desk"
    r"|landline|call(?:er|ing)?(?: id)?|text|reach(?:ed)?|contact|answer(?:ing)?|messages?(?: to)?|registered"
    r"|(?:my|his|her|their|our|your|new) number|手机|电话|联系|致电|拨打|来电|打给|微信|传真|座机"
).pattern
_BESIDE = re.compile(
    rf"(?:{_WORD})(?:[^\d\n,;，。；\ufffc]{{0,24}}|[*_ ]*[:：][*_ ]*\n\s*)\0|\0[^\w\n]{{0,3}}(?:{_WORD})", re.IGNORECASE
)
_DATE = re.compile(
    r"\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d\d|(?:19|20)\d\d-(?:19|20)?\d\d"
)
_SSN = re.compile(r"\d{3}[- ]\d{2}[- ]\d{4}")
_HAS_ELEVEN = re.compile(r"\d{11}", re.ASCII)
_FREE = r"(?<![\w.+-])"  # begins no longer number, code or price
_END = r"(?:(?: ?(?:x|ext\.?) ?)\d{1,5})?(?![\w-]|[.,]\d)"


def _is_international(text: str) -> bool:
    import phonenumbers

    digits = _digits(text.partition("x")[0].partition("ext")[0]).removeprefix("00")
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(f"+{digits}", None))
    except phonenumbers.NumberParseException:
        return False


def _is_trunk(text: str) -> bool:
    """Nine to twelve digits that are neither a date nor grouped as a social security number."""
    return 9 <= len(_digits(text)) <= 12 and not _DATE.search(text) and not _SSN.fullmatch(text)


def _is_announced(text: str) -> bool:
    """Seven digits or more that are no date."""
    return 7 <= len(_digits(text)) <= 18 and not _DATE.fullmatch(text.strip())


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _rule(shape: str, check: Check | None = None, context: re.Pattern[str] | None = None) -> Rule:
    return Rule("PHONE", re.compile(_FREE + shape + _END, re.ASCII), LIKELY, check, context, THING)


_PLUS = (
    Rule("PHONE", re.compile(rf"(?<![\w+])\(?\+\(?\d[\d ().\-/]{{5,19}}\d{_END}", re.ASCII), SURE, _is_international),
)
_ZEROS = (
    _rule(r"00 ?[1-9][\d ().\-/]{7,18}\d", _is_international),
    _rule(r"(?:\(0\d{1,4}\) ?|0\d{1,4}[ /-])\d{2,4}(?:[ -]?\d{2,4}){1,4}", _is_trunk),
)
_GROUPED = (
    _rule(r"(?:1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}"),
    _rule(r"(?:\(?86\)?[- ]?)?1[3-9]\d(?:-\d{4}-| \d{4} )\d{4}"),
)
_ANNOUNCED = (_rule(r"\(?\d[\d ().\-/]{5,16}\d", _is_announced, _BESIDE),)
_ISLANDS = words(r"香港|澳门|hong kong|hk|macau|macao").pattern
_EIGHT = (
    _rule(
        r"(?!20\d\d ?20\d\d)[2-9]\d{3}[ -]?\d{4}",
        _is_announced,
        re.compile(rf"(?:{_ISLANDS})[^\d\n$￥¥,;，。；\ufffc]{{0,12}}\0", re.I),
    ),
)
_CHINESE = (_rule(r"(?:86-?)?1[3-9]\d{9}"),)
_DIGIT_WORDS = frozenset(("oh", *DIGIT_NAMES))
_SPELT_DIGIT = f"(?:{'|'.join(sorted(_DIGIT_WORDS))})"
_NUMERAL = "[零〇○一二三四五六七八九幺]"
_SPELT = (
    Rule(
        "PHONE",
        re.compile(rf"\b(?:{_SPELT_DIGIT}[ ,.-]{{1,3}}){{6,14}}{_SPELT_DIGIT}\b", re.IGNORECASE),
        against=THING,
    ),
)
_SPELT_CHINESE = (
    Rule(
        "PHONE",
        re.compile(rf"(?<!{_NUMERAL})[一幺][三四五六七八九](?:[ -]?{_NUMERAL}){{9}}(?!{_NUMERAL})"),
        against=THING,
    ),
)
_HAS_SEVEN = re.compile(r"\d(?:[ ()./-]{0,3}\d){6}", re.ASCII)
_HAS_WORD = re.compile(_WORD, re.IGNORECASE)


def _may_hold(look: Look) -> bool:
    return look.digits and _HAS_SEVEN.search(look.plain) is not None


FAMILIES = (
    Family(lambda look: "+" in look.plain and _may_hold(look), _PLUS),
    Family(lambda look: "0" in look.plain and _may_hold(look), _ZEROS),
    Family(where_digits(r"\d{3}[)\-. ]{1,2}\d{3,4}[-. ]\d{4}"), _GROUPED),
    Family(lambda look: _may_hold(look) and _HAS_WORD.search(look.plain), _ANNOUNCED),
    Family(lambda look: look.has("香港", "澳门", "hong kong", "hk", "maca") and _may_hold(look), _EIGHT),
    Family(lambda look: look.chinese and _HAS_ELEVEN.search(look.plain), _CHINESE),
    Family(lambda look: len(look.words & _DIGIT_WORDS) > 1, _SPELT),
    Family(lambda look: look.chinese and look.has("一", "幺"), _SPELT_CHINESE),
)
