"""Traces with nothing to learn from: dropped where nothing is there at all, flagged where it is noise.

Model: what counts is all that the user said, taken together; one blank or odd turn among real ones is a
conversation like any other. Invariant: a rule that could be wrong flags and never drops.
"""
# ruff: noqa: E501  phrases of one sort stand on a line of their own

from __future__ import annotations

import re

from agent_factory.contracts.trace import Trace
from agent_factory.data.cleaning.finding import Finding

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm")
_TESTS = re.compile(
    r"(?:this is (?:just )?an? )?(?:test(?:ing|s)?|hello world|foo|bar|foobar|baz|lorem ipsum.*|abc|xyz|dummy|ping|"
    r"测试(?:一下)?|试试|prueba|probando)(?:[ ,.!\d]*(?:test(?:ing)?|foo|bar|baz|\d+|测试|one two three|message|only))*"
)
_WORD = re.compile(r"[^\W_]+")
_RUN = re.compile(r"(\S)\1{4,}")
_LINK = re.compile(
    r"https?://|www\.|t\.me/|wa\.me/|bit\.ly/|\b[\w-]+\.(?:top|xyz|click|loan|casino|shop)\b", re.IGNORECASE
)
_PROMOTION = re.compile(
    r"\b(?:casino|betting|jackpot|free spins|forex|crypto (?:giveaway|investment|profits?)|double your (?:money|bitcoin)|"
    r"guaranteed (?:profits?|returns?|income)|earn \W?\d+ ?(?:usd|dollars|euros?|\$|€)? ?(?:a|per|every) (?:day|week|hour)|"
    r"buy (?:cheap )?(?:followers|likes|viagra|cialis|backlinks)|viagra|cialis|seo (?:services?|agency|packages?)|"
    r"rank (?:your (?:site|website)|#?1) (?:on|in) google|work from home|payday loans?|weight loss|limited[- ]time offer|"
    r"click (?:here|the link|below)|act now|100% free|no credit check|adult (?:chat|dating)|hot singles|"
    r"subscribe to (?:my|our) channel|visit (?:my|our) (?:site|website|shop|store|channel)|dear friend)\b"
    r"|加(?:我)?微信|代开发票|刷单|兼职日结|博彩|棋牌|优惠返利|免费领取|点击链接|贷款秒批",
    re.IGNORECASE,
)
_NOISE_SHARE = 0.6


def find_junk(trace: Trace) -> Finding | None:
    """The first rule that applies to a trace, those that drop first."""
    if not trace.steps:
        return Finding("dropped", "empty", "it has no step")
    if not any(step.action.tool_calls or (step.action.content or "").strip() for step in trace.steps):
        return Finding("dropped", "no_action", "the agent neither said nor did anything")
    said = [message.content or "" for message in trace.messages() if message.role == "user"]
    text = " ".join(" ".join(said).split())
    if said and not _WORD.search(text):
        return _silent(text)
    if reason := _is_noise(text):
        return Finding("flagged", *reason)
    return None


def _silent(text: str) -> Finding:
    if text:
        return Finding("flagged", "no_words", "all that the user said are signs without a word")
    return Finding("dropped", "nothing_said", "every turn of the user is blank")


def _is_noise(text: str) -> tuple[str, str] | None:
    words = _WORD.findall(text.lower())
    if not words:
        return None
    if _TESTS.fullmatch(text.lower().strip(" .,!?-")):
        return "test_message", "all that the user said is a test of the line"
    if sum(len(run.group()) for run in _RUN.finditer(text)) >= _NOISE_SHARE * len(text):
        return "repeated_characters", "most of what the user said is one sign over and over"
    length = sum(map(len, words))
    if sum(len(word) for word in words if _is_keyboard(word)) >= _NOISE_SHARE * length:
        return "keyboard_noise", "the user's words are keys hit at random"
    most = max(words.count(word) for word in set(words)) if len(words) < 5000 else 0
    if most >= 8 and most >= _NOISE_SHARE * len(words):
        return "repeated_words", f"the user said one word {most} times, of {len(words)} in all"
    promised = {found.lower() for found in _PROMOTION.findall(text)}
    links = len(_LINK.findall(text))
    if promised and (links or len(promised) >= 3) and (len(promised) >= 2 or links >= 2 or len(words) <= 12):
        return "advertising", f"{len(promised)} phrases of advertising beside {links} links"
    return None


def _is_keyboard(word: str) -> bool:
    """Whether a word runs along a row of keys, or has no vowel where a word of its length has one."""
    if len(word) < 4 or not word.isascii() or word.isdigit():
        return False
    runs = any(word[i : i + 4] in row or word[i : i + 4] in row[::-1] for row in _ROWS for i in range(len(word) - 3))
    hits = len(set(word)) <= 3 and len(word) >= 6
    return (runs and len(word) <= 16) or hits or (len(word) >= 6 and word.isalpha() and not re.search("[aeiouy]", word))
