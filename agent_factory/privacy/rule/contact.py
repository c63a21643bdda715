"""How a person is reached or known online: e-mail, network address, user name."""

from __future__ import annotations

import ipaddress
import re

from agent_factory.privacy.rule.rule import LIKELY, SURE, Family, Rule, where, where_digits, where_words, words

_L = r"A-Za-z0-9\u00c0-\u024f"
_HOST_WORD = words(
    r"ip|ips|ip address|host|server|client|login|logged|from|firewall|subnet|blocked|ping|dns|gateway|proxy|vpn"
    r"|登录|登陆|服务器|来自|主机|从|防火墙|网关"
)
_VERSION_WORD = words(
    r"v|version|release|build|firmware|driver|app|section|chapter|clause|upgraded?|downgraded?|resolved|revision|kernel"
    r"|error code|版本|固件|驱动|章|节"
)
_USER_WORD = r"(?:user[ _]?name|log[ -]?in(?: name)?|screen ?name|handle|nick(?:name)?|用户名|账号|帐号|登录名|昵称)"
_TELLS = r"[^\S\n]*(?:[:=|]|is|was|of|as|(?<=name )to|是|为)?[^\w\n]{0,5}"
_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp)$", re.IGNORECASE)
_SMALL = 50  # version numbers seldom go beyond


def _is_email(text: str) -> bool:
    return not _PICTURE.search(text) and not text.lower().startswith(("git@", "svn@"))


def _is_host(text: str) -> bool:
    """A network address of some host: not of this one, of all or of none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or text.startswith("255."))


def _is_no_version(text: str) -> bool:
    return _is_host(text) and max(map(int, text.split("."))) > _SMALL


def _is_long_host(text: str) -> bool:
    return _is_host(text) and sum(letter.isalnum() for letter in text) >= 4


_EMAILS = (
    Rule(
        "EMAIL",
        re.compile(
            rf"(?<![{_L}._%+/-])[{_L}_][{_L}.!#$%&'*+/=?^_`{{|}}~-]*@[{_L}](?:[{_L}-]*\.)+[A-Za-z\u00c0-\u024f][{_L}-]*(?<!-)"
        ),
        SURE,
        _is_email,
        against=re.compile(r"://[^\s/]*$"),
    ),
    Rule(
        "EMAIL",
        re.compile(
            r"(?<![\w.])[A-Za-z0-9][\w.+-]*(?: {0,2}@ {1,2}| {1,2}@| ?[\[({] ?at ?[\])}] ?)[A-Za-z0-9-]+"
            r"(?:(?: ?[\[({] ?dot ?[\])}] ?| dot |\.)[A-Za-z0-9-]+)*(?: ?[\[({] ?dot ?[\])}] ?| dot |\.)[A-Za-z]{2,}\b",
            re.ASCII | re.IGNORECASE,
        ),
    ),
)
_DOTTED = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?!\w|[.-]\d)", re.ASCII)
_HOSTS = (
    Rule("IP", _DOTTED, LIKELY, _is_no_version, against=_VERSION_WORD),
    Rule("IP", _DOTTED, LIKELY, _is_host, _HOST_WORD, _VERSION_WORD),
)
_GROUPED = re.compile(
    r"(?<![\w.])(?<![0-9A-F]:)[0-9A-F]{0,4}(?::[0-9A-F]{0,4}){2,7}(?![\w:])", re.ASCII | re.IGNORECASE
)
_LONG_HOSTS = (Rule("IP", _GROUPED, LIKELY, _is_long_host),)
_USER = (
    Rule(
        "USER",
        re.compile(
            r"\buser[ \t]+[\"'`]?"
            r"(?P<value>(?=[a-z._-]*\d)[a-z](?:[a-z0-9]*[._-][a-z0-9._-]*|[a-z]{3,}\d{1,4})(?![\w@-])"
            r"|[a-z]{2,}[._-][a-z]{3,}(?= (?:reported|wrote|said|says|asked|complained|posted|replied|claims)\b))"
        ),
    ),
)
_USERS = (
    Rule(
        "USER",
        re.compile(
            rf"user[ _]?id\b{_TELLS}"
            r"(?P<value>[a-z]{2,}(?:[._-][a-z]+){1,3}(?:[._-]?\d+)?|[a-z]{4,}\d{1,4})(?![\w@])",
            re.ASCII | re.IGNORECASE,
        ),
    ),
    Rule(
        "USER",
        re.compile(
            rf"{_USER_WORD}{_TELLS}(?P<value>(?=[A-Za-z]*[\d._-])[A-Za-z][A-Za-z0-9._-]{{2,31}}(?<![._-]))(?![A-Za-z0-9_@])",
            re.IGNORECASE,
        ),
    ),
)
_WECHAT = (
    Rule(
        "USER",
        re.compile(
            rf"(?:we ?chat(?: ?id)?|微信号?){_TELLS}"
            r"(?P<value>(?!v\d)(?=[a-z]+[\d_-])[a-z][a-z0-9_-]{5,19})(?![a-z0-9_@.])",
            re.IGNORECASE,
        ),
    ),
)

FAMILIES = (
    Family(lambda look: "@" in look.plain or "at" in look.words, _EMAILS),
    Family(where_digits(r"\d\.\d{1,3}\.\d{1,3}\.\d"), _HOSTS),
    Family(where_digits(r":[0-9A-F]{0,4}:", re.IGNORECASE), _LONG_HOSTS),
    Family(where_words("user", digits=True), _USER),
    Family(where("user id", "userid", "user_id"), _USERS[:1]),
    Family(
        where(
            "username",
            "user name",
            "user_name",
            "login",
            "log in",
            "log-in",
            "handle",
            "nick",
            "screen",
            "用户名",
            "账号",
            "帐号",
            "登录名",
            "昵称",
        ),
        _USERS[1:],
    ),
    Family(where("wechat", "we chat", "微信"), _WECHAT),
)
