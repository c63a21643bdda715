"""What opens a door: passwords, API keys, tokens, private keys.

A key counts by the prefix that its issuer gives it, anything else by the word that announces it. What such a
word announces must look drawn at random, or (for a password) at least not like the next word of a sentence.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from agent_factory.privacy.rule.rule import LIKELY, SURE, Family, Rule, where, where_words

_MIN_OPAQUE, _MIN_ENTROPY = 12, 3.0
_SENTENCE_WORDS = """
    required empty none null true false string reset changed expired invalid incorrect wrong missing optional hidden not
    the too never always still also working correct weak strong stored encrypted hashed sent set given needed protected
    field
"""
_NO_PASSWORD = frozenset(_SENTENCE_WORDS.split())
_ISSUED = (
    r"sk-(?:proj-|ant-|or-v1-|svcacct-)?[A-Za-z0-9_-]{20,}",
    r"(?:sk|pk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}",
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_\w{22,}",
    r"glpat-[\w-]{18,}",
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}",
    r"(?:LTAI|AKID)[A-Za-z0-9]{12,40}",
    r"AIza[\w-]{35}",
    r"ya29\.[\w-]{20,}",
    r"xox[abeoprs]-[\w-]{10,}",
    r"xapp-[\w-]{20,}",
    r"hf_[A-Za-z0-9]{20,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[\w-]{16,}",
    r"dop_v1_[a-f0-9]{32,}",
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,}",
    r"SG\.[\w-]{16,}\.[\w-]{16,}",
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]+)?",
    r"\d{8,10}:AA[A-Za-z0-9_-]{33}",
    r"T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/[A-Za-z0-9]{20,}",
)
_KEY_WORD = (
    r"(?:(?:api|access|secret|private|auth|client|account|encryption|signing|master|service|app|storage|session|refresh|id)"
    r"[ _-]?){1,2}(?:key|token|secret)(?:[ _-]?id)?|secret|token|credentials?"
)
_WORD = r"(?:pass ?(?:word|phrase|code)|passwd|pwd|\bpw)s?"
_QUOTE = r"[\"'`*_]{0,3}"
_TELLS = rf"{_QUOTE}[ \t]*(?:=>|:=|[:=|]|is|was|are|reads|to)[ \t]*{_QUOTE}"
_VALUE = r"(?P<value>[^\s\"'`,;<>|，。；]{%d,}(?<![.:!?)*]))"


def is_opaque(text: str) -> bool:
    """Whether a text looks drawn at random: twelve characters or more, letters and digits, hardly repeating."""
    if len(text) < _MIN_OPAQUE or not (any(map(str.isdigit, text)) and any(map(str.isalpha, text))):
        return False
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts) >= _MIN_ENTROPY


def _is_aws(text: str) -> bool:
    """Forty characters as Amazon draws them, and no digest in hexadecimal."""
    return is_opaque(text) and text.lower() != text != text.upper()


def _is_password(text: str) -> bool:
    return text.casefold().strip(".") not in _NO_PASSWORD and any(letter.isalnum() for letter in text)


def _is_mixed(text: str) -> bool:
    """Not the next word of a sentence: it holds a digit or a sign, or capitals inside."""
    return _is_password(text) and (not text.isalpha() or (text != text.lower() and text[1:] != text[1:].lower()))


_PREFIXED = (
    Rule("SECRET", re.compile(rf"(?<![\w-])(?:{'|'.join(_ISSUED)})(?![\w-])", re.ASCII), SURE),
    Rule(
        "SECRET",
        re.compile(
            r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?s:.){16,}?(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|\Z|\n\n)",
            re.ASCII,
        ),
        SURE,
    ),
)
_KEYED = (
    Rule(
        "SECRET",
        re.compile(r"\b(?:bearer|basic|token)[ \t]+(?P<value>[A-Za-z0-9._~+/=-]{16,})", re.I | re.ASCII),
        LIKELY,
        is_opaque,
    ),
    Rule(
        "SECRET",
        re.compile(rf"(?<![A-Za-z])(?:{_KEY_WORD})[ \t]+(?P<value>[A-Za-z0-9/+]{{40}})(?![\w/+=-])", re.I),
        LIKELY,
        _is_aws,
    ),
    Rule("SECRET", re.compile(rf"(?<![A-Za-z])(?:{_KEY_WORD}){_TELLS}{_VALUE % 12}", re.I), LIKELY, is_opaque),
)
_QUERIES = (
    Rule(
        "SECRET",
        re.compile(r"[?&][\w-]*(?:token|key|secret|sig|signature|password|auth)=(?P<value>[^&\s\"'<>]{8,})", re.I),
    ),
)
_PASSWORDS = (
    Rule(
        "SECRET",
        re.compile(
            rf"{_WORD}(?: (?:for|of|to) [^\n:=.,;]{{1,24}}|{_QUOTE})[ \t]*[:=|][ \t]*{_QUOTE}{_VALUE % 3}", re.I
        ),
        LIKELY,
        _is_password,
    ),
    Rule("SECRET", re.compile(rf"{_WORD} (?:is|was|to|=) [\"'`]?{_VALUE % 4}", re.I), LIKELY, _is_mixed),
)
_CHINESE = (
    Rule("SECRET", re.compile(rf"(?:密钥|秘钥|令牌|私钥|口令)[\s:=是为|*]{{1,6}}{_VALUE % 8}"), LIKELY, str.isascii),
    Rule("SECRET", re.compile(r"密码[\s:=是为|*]{0,6}(?P<value>[!-~]{3,})"), LIKELY, _is_mixed),
)
_PINS = (
    Rule(
        "SECRET",
        re.compile(r"\b(?:pin|cvv2?|cvc2?)(?: number)?(?: is|:|=)? {0,2}(?P<value>\d{3,8})\b", re.I | re.ASCII),
    ),
)
_LOGINS = (Rule("SECRET", re.compile(r"://[^\s:/@]{1,64}:(?P<value>[^\s/@]{3,})@")),)

_HAS_PREFIX = re.compile(
    r"sk-|[A-Za-z]{2}[-_]\w{10}|AKIA|ASIA|A[GIR][PDO]A|LTAI|AKID|AIza|ya29|SG\.|eyJ|:AA|PRIVATE KEY|/B[A-Z0-9]{8}"
)

_KEY_NAMES = (
    "key keys apikey token secret bearer basic credential credentials accesskey secretkey authtoken accesstoken"
)

FAMILIES = (
    Family(lambda look: _HAS_PREFIX.search(look.plain), _PREFIXED),
    Family(where_words(_KEY_NAMES), _KEYED),
    Family(lambda look: "=" in look.plain and ("?" in look.plain or "&" in look.plain), _QUERIES),
    Family(
        where("password", "pass word", "passphrase", "pass phrase", "passcode", "pass code", "passwd", "pwd", "pw "),
        _PASSWORDS,
    ),
    Family(lambda look: look.chinese and look.has("密", "令牌", "私钥", "口令", "秘钥"), _CHINESE),
    Family(where_words("pin cvv cvc", digits=True), _PINS),
    Family(lambda look: "://" in look.plain and "@" in look.plain, _LOGINS),
)
