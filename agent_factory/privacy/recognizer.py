"""Presidio recognizers of our own, beside the stock ones for cards, IBANs, IPs and social security numbers.

Each pattern's score says how sure its shape alone is; below the analyzer's threshold it counts only
beside one of the recognizer's context words. No recognizer needs a model or a download.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import phonenumbers
import regex

from agent_factory.privacy.presidio import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    LocalRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerResult,
    UsSsnRecognizer,
)
from agent_factory.privacy.word import is_ordinary, reads_as_code, reads_as_name

SURE, LIKELY, WEAK, SHAPE_ONLY = 0.9, 0.5, 0.2, 0.05

_NAME = r"[A-Z][\w'’-]+(?:[ \t]+(?:(?:van|von|de|der|da|di|del|la|bin|al)[ \t]+)*[A-Z][\w'’-]+)"
_WORD = regex.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SUFFIX = (
    r"(?:(?:Street|Avenue|Road|Boulevard|Lane|Drive|Court|Square|Place|Terrace|Way|Parkway|Circle|Highway|Crescent|"
    r"Close|Row|Walk|Alley|Grove|Gardens?|Quay|Mews)\b|(?:St|Ave|Rd|Blvd|Ln|Dr|Ct|Sq|Pl|Pkwy|Cir|Hwy)\b\.?)"
)
_CITY = r"[A-Z][\w'’.-]*[a-z](?:[ ][A-Z][\w'’-]+){0,2}"
_STATES = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|"
    r"W[AIVY])"
)
_UNIT = r"(?:,?\s*(?:Suite|Ste|Apt|Apartment|Unit|Floor|Room|#)\b\.?\s*#?\w+)?"
_ZIP = r"\d{5}(?:-\d{4})?\b"
_PLACE = rf"(?:,\s*{_CITY}(?=\s*(?:[,.;!?)\n\"]|$|\s\d|\s{_STATES}\b)))?(?:,?\s+{_STATES}\b)?(?:,?\s+{_ZIP})?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"


class EmailAddress(EmailRecognizer):
    """Stock e-mail pattern, without its look-up of top-level domains: any domain with a dot counts."""

    def validate_result(self, pattern_text: str) -> bool:
        return True


class PhoneNumber(PatternRecognizer):
    """Numbers written as telephone numbers are; bare digits only beside a word such as "phone"."""

    def __init__(self) -> None:
        shapes = (
            ("international", r"(?<![\w+])\+\d[\d ().-]{6,18}\d\b", LIKELY),
            ("north american", r"(?<![\w.-])(?:1[-. ])?(?:\(\d{3}\)[ ]?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])", LIKELY),
            ("trunk prefix", r"(?<![\w.-])\(?0\d{1,4}\)?[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,3}(?![\w-])", LIKELY),
            ("local", r"(?<![\w.-])\d{3}[- ]\d{4}(?![\w-])", WEAK),
            ("bare digits", r"(?<![\w.-])\d{7,12}(?![\w-])", SHAPE_ONLY),
        )
        super().__init__(
            supported_entity="PHONE_NUMBER",
            patterns=[Pattern(name, shape, score) for name, shape, score in shapes],
            context=["phone", "telephone", "tel", "mobile", "cell", "cellphone", "call", "whatsapp", "sms", "fax"],
        )

    def invalidate_result(self, pattern_text: str) -> bool | None:
        if not pattern_text.startswith("+"):
            return None
        try:
            return not phonenumbers.is_possible_number(phonenumbers.parse(pattern_text, None))
        except phonenumbers.NumberParseException:
            return True


def _number_and_street() -> PatternRecognizer:
    shapes = (
        (
            "house number and street",
            rf"(?<![\w$€£.,#-])(?<!order )\d{{1,5}}[A-Za-z]?(?:\s+[NSEW]\.?)?(?:\s+[A-Z][\w'’.-]*){{1,4}}\s+"
            rf"{_SUFFIX}{_UNIT}{_PLACE}",
            SURE,
        ),
        (
            "in small letters",
            r"(?<![\w$€£.,#-])\d{1,5}(?:\s+(?!the|my|a|on|in|to|of|this|that|at)[a-z]+){1,2}\s+"
            r"(?:street|avenue|road|boulevard|lane|drive)\b",
            LIKELY,
        ),
        (
            "street and house number",
            r"\b[A-ZÄÖÜ][\wäöüß-]*(?:straße|strasse|str\.|weg|gasse|platz|allee)\s+\d{1,4}[a-z]?\b"
            r"(?:,?\s+\d{5}\s+[A-ZÄÖÜ][\wäöüß-]+)?",
            SURE,
        ),
        ("state and zip", rf"\b{_STATES}\s+\d{{5}}(?:-\d{{4}})?\b", LIKELY),
        ("zip", r"(?<![\w$€£.,#-])\d{5}(?:-\d{4})?(?![\w-]|[.,]\d)", SHAPE_ONLY),
    )
    return PatternRecognizer(
        supported_entity="STREET_ADDRESS",
        patterns=[Pattern(name, shape, score) for name, shape, score in shapes],
        context=["zip", "zipcode", "postcode", "postal"],
        global_regex_flags=regex.MULTILINE,
    )


def _birth_date() -> PatternRecognizer:
    shapes = (
        r"(?:19|20)\d{2}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?!\w)",
        r"(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:19|20)\d{2}(?!\w)",
        rf"{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+(?:19|20)\d{{2}}\b",
        rf"\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH},?\s+(?:19|20)\d{{2}}\b",
    )
    date = rf"(?<![\w-])(?:{'|'.join(shapes)})"
    birth = r"\b(?:born|birth(?:\s?da(?:y|te))?s?|dob|d\.o\.b)\b"
    return PatternRecognizer(
        supported_entity="BIRTH_DATE",
        patterns=[
            Pattern("after a word of birth", rf"(?<={birth}[^\d\n]{{0,30}}){date}", LIKELY),
            Pattern(
                "before a word of birth", rf"{date}(?=\W{{1,3}}(?:is|as)\W(?:my|his|her|the|their)\W{birth})", LIKELY
            ),
        ],
    )


def _card_ending() -> PatternRecognizer:
    before = (
        r"(?:ending(?: in| with)?|ends (?:in|with)|last (?:four|4)(?: digits)?(?: are| is| of|:)?)\s*[*x.•]{0,16}\s*"
    )
    return PatternRecognizer(
        supported_entity="CREDIT_CARD",
        name="CardEnding",
        patterns=[Pattern("last four digits", rf"(?<=\b{before})\d{{4}}\b", WEAK)],
        context=["card", "visa", "mastercard", "amex", "credit", "debit", "payment"],
    )


def _user_name() -> PatternRecognizer:
    before = r"(?:user\s?(?:id|name)|login)\b[^\n\w]{0,3}(?:is|of|:|as)?[^\n\w]{0,4}"
    return PatternRecognizer(
        supported_entity="USER_NAME",
        patterns=[Pattern("first_last_number", rf"(?<=\b{before})[a-z]{{2,}}[._-][a-z]{{2,}}(?:[._-]?\d+)?\b", LIKELY)],
    )


def _introduced_name() -> PatternRecognizer:
    named = r"(?:[Mm]y (?:full |last )?name is|[Mm]y name's|[Ff]ull name is)\s+"
    shapes = (
        ("my name is", rf"(?<=\b{named})[A-Z][\w'’-]+(?:[ \t]+[A-Z][\w'’-]+){{0,2}}"),
        ("I am", rf"(?<=\b(?:I am|I'm|I’m|[Tt]his is|[Nn]ame:)\s+){_NAME}"),
        ("title", rf"(?<=\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.?\s+)(?:{_NAME}|[A-Z][\w'’-]+)"),
    )
    return PatternRecognizer(
        supported_entity="PERSON",
        name="IntroducedName",
        patterns=[Pattern(name, shape, LIKELY) for name, shape in shapes],
        global_regex_flags=regex.MULTILINE,
    )


class NameList(LocalRecognizer):
    """Deny list of names: whole words in any case; neighbours that are both names become one person.

    A name that is also an ordinary word ("Will", "Rose") counts beside another name, or where a
    capital shows that it is one.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(part.casefold() for name in names for part in _WORD.findall(name))
        super().__init__(supported_entities=["PERSON"], name="NameList")

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """One result for each run of names."""
        found: list[RecognizerResult] = []
        for run in self._runs(text):
            start, end = run[0][0], run[-1][1]
            if len(run) == 1 and not _stands_alone(text, start, end):
                continue
            found.append(RecognizerResult("PERSON", start, end, SURE))
        return found

    def _runs(self, text: str) -> list[list[tuple[int, int]]]:
        runs: list[list[tuple[int, int]]] = []
        for match in _WORD.finditer(text):
            start, end = match.span()
            word = match.group()
            if word[-2:].casefold() in ("'s", "’s"):
                end -= 2
            if text[start:end].casefold() not in self.names:
                continue
            if runs and text[runs[-1][-1][1] : start] in (" ", ". ", "  ") and _may_join(text, runs[-1][-1], start):
                runs[-1].append((start, end))
            else:
                runs.append([(start, end)])
        return runs


def _stands_alone(text: str, start: int, end: int) -> bool:
    word = text[start:end]
    return not reads_as_code(word) and (not is_ordinary(word) or reads_as_name(text, start, end))


def _may_join(text: str, before: tuple[int, int], start: int) -> bool:
    # "J. Smith" is one person; "Thanks, Mia. Will you" is not.
    return text[before[1]] != "." or before[1] - before[0] == 1


def make_recognizers(names: Iterable[str]) -> list[Any]:
    """Every recognizer that redaction uses, in a list for Presidio's registry."""
    own = [EmailAddress(), PhoneNumber(), _number_and_street(), _birth_date(), _card_ending(), _user_name()]
    stock = [CreditCardRecognizer(), IbanRecognizer(), IpRecognizer(), UsSsnRecognizer()]
    return [*own, *stock, _introduced_name(), NameList(names)]
