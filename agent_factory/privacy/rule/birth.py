"""Birth dates: a date beside a word of birth; any other date stays."""

from __future__ import annotations

import re

from agent_factory.privacy.rule.rule import Family, Rule

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"
_DAY, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:19|20)\d\d"
_ORDINAL = rf"{_DAY}(?:st|nd|rd|th)?"
_FULL = (
    rf"{_YEAR}[-/.](?:0?[1-9]|1[0-2])[-/.]{_DAY}",
    rf"{_DAY}\s?[-/.]\s?{_DAY}\s?[-/.]\s?(?:{_YEAR}|\d\d)",
    rf"{_MONTH}\s+{_ORDINAL},?\s+{_YEAR}",
    rf"{_ORDINAL}[\s-]+(?:of\s+)?{_MONTH},?[\s-]+{_YEAR}",
    rf"{_YEAR}\s?年\s?(?:0?[1-9]|1[0-2])\s?月\s?{_DAY}\s?[日号]?",
    rf"{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
)
_YEARLESS = (
    rf"{_MONTH}\s+{_ORDINAL}",
    rf"{_ORDINAL}\s+(?:of\s+)?{_MONTH}",
    rf"(?:0?[1-9]|1[0-2])\s?月\s?{_DAY}\s?[日号]",
)
_DATE = rf"(?<![\w.-])(?:{'|'.join(_FULL)})(?![\w/-])"
_FLAGS = re.ASCII | re.IGNORECASE
_CHINESE = r"(?:出生|生日|生于|诞辰|生辰)"

_RULES = (
    Rule(
        "BIRTHDATE",
        re.compile(rf"\b(?:born(?! to\b)|birth\w*|dob|d\.o\.b)\b[^\d\n\ufffc]{{0,40}}?(?P<value>{_DATE})", _FLAGS),
    ),
    Rule(
        "BIRTHDATE",
        re.compile(
            rf"(?P<value>{_DATE})\W{{1,3}}(?:(?:is|as|being)\W{{1,3}}(?:my|his|her|the|their)\W)?"
            r"(?:\(?(?:dob|date of birth|birth\s?da(?:y|te)))\b",
            _FLAGS,
        ),
    ),
    Rule(
        "BIRTHDATE",
        re.compile(
            rf"\bbirthday\W+(?:is|falls|was|:)?\W*(?:on\W+)?(?:the\W+)?(?P<value>{'|'.join(_YEARLESS)})(?!\w)", _FLAGS
        ),
    ),
    Rule("BIRTHDATE", re.compile(rf"{_CHINESE}[^\d\n。\ufffc]{{0,12}}(?P<value>{_DATE})", _FLAGS)),
    Rule("BIRTHDATE", re.compile(rf"生日[^\d\n。\ufffc]{{0,8}}(?P<value>{_YEARLESS[2]})", _FLAGS)),
    Rule("BIRTHDATE", re.compile(rf"(?P<value>{_DATE})\s?(?:出生|生日|生(?![产效成活意鲜态长]))", _FLAGS)),
)

FAMILIES = (
    Family(
        lambda look: look.digits and look.has("born", "birth", "dob", "d.o.b", "生", "诞辰"),
        _RULES,
    ),
)
