"""Where personal data stands in a piece of prose: Presidio's analyzer behind a cheap first look.

Presidio runs without a language model: names are those that are known (``names``) or introduced
("my name is …"); places and organisations are not looked for. A trigger for each entity says
whether a text can hold it at all, so that most texts cost one pass of a small expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from agent_factory.privacy.label import PLACEHOLDER, Label

if TYPE_CHECKING:
    from agent_factory.privacy.presidio import AnalyzerEngine

SCORE_THRESHOLD = 0.35
_REFERENCE_SCORE = 0.5
ENTITY_LABELS: dict[str, Label] = {
    "PERSON": "PERSON",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "STREET_ADDRESS": "ADDRESS",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "US_SSN": "SSN",
    "BIRTH_DATE": "BIRTHDATE",
    "USER_NAME": "USER",
}
_TRIGGERS = {
    "EMAIL_ADDRESS": re.compile(r"@"),
    "PHONE_NUMBER": re.compile(r"\d(?:[ ()./-]*\d){6}"),
    "STREET_ADDRESS": re.compile(
        r"\b(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|square|sq|place|pl|terrace|way|"
        r"parkway|pkwy|circle|cir|highway|hwy|crescent|close|row|walk|alley|grove|gardens?|quay|mews)\b|"
        r"(?:stra(?:ß|ss)e|str\.|weg|gasse|platz|allee)\s|[A-Z]{2}\s+\d{5}|\b(?:zip|postal|post)",
        re.IGNORECASE,
    ),
    "CREDIT_CARD": re.compile(r"\d(?:[ -]?\d){10}|(?:end|last)(?s:.){0,40}\d{4}", re.IGNORECASE),
    "IBAN_CODE": re.compile(r"\b[A-Z]{2}\d{2} ?[A-Z0-9]{3}", re.IGNORECASE),
    "IP_ADDRESS": re.compile(r"(?:\d+\.){3}\d|[0-9A-F]*::[0-9A-F]*|(?:[0-9A-F]+:){5}", re.IGNORECASE),
    "US_SSN": re.compile(r"\d{3}[ .-]?\d{2}[ .-]?\d{4}|\d{5}-\d{4}"),
    "BIRTH_DATE": re.compile(r"\b(?:born|birth|dob)", re.IGNORECASE),
    "USER_NAME": re.compile(r"user|login", re.IGNORECASE),
}
_DIGIT = re.compile(r"\d")
_NEED_DIGIT = frozenset(_TRIGGERS) - {"EMAIL_ADDRESS", "USER_NAME"}
_INTRODUCTION = re.compile(r"\b(?:name|I am|I['’]m|this is|Mr|Mrs|Ms|Miss|Dr|Prof)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")


class Finding(NamedTuple):
    """Personal data at ``start:end`` of a text."""

    label: Label
    start: int
    end: int
    text: str
    score: float


class Detector:
    """Finds personal data; what a text was found to hold is kept for the next time it is seen."""

    def __init__(
        self, names: Iterable[str], references: re.Pattern[str] | None = None, cached_texts: int = 20_000
    ) -> None:
        """``references`` matches the reference numbers (of orders, contracts) that lead to a person."""
        self._names = tuple(names)
        self._references = references
        self._parts = frozenset(part.casefold() for name in self._names for part in _WORD.findall(name))
        self._engine: AnalyzerEngine | None = None
        self.find = lru_cache(maxsize=cached_texts)(self._find)

    def scan(self, text: str, labels: Iterable[Label]) -> tuple[Finding, ...]:
        """Findings of some labels (not PERSON), without keeping the text."""
        wanted = set(labels)
        entities = [
            name for name, trigger in _TRIGGERS.items() if ENTITY_LABELS[name] in wanted and trigger.search(text)
        ]
        return self._analyze(text, entities) if entities else ()

    def _find(self, text: str) -> tuple[Finding, ...]:
        """Findings in order of place, none overlapping another or a placeholder."""
        entities = self._possible(text)
        found = self._analyze(text, entities) if entities else ()
        if self._references is None:
            return found
        own = [Finding("REF", *m.span(), m.group(), _REFERENCE_SCORE) for m in self._references.finditer(text)]
        return choose((*found, *own), text) if own else found

    def _analyze(self, text: str, entities: list[str]) -> tuple[Finding, ...]:
        if self._engine is None:
            self._engine = make_engine(self._names)
        results = self._engine.analyze(text, language="en", entities=entities)
        found = [Finding(ENTITY_LABELS[r.entity_type], r.start, r.end, text[r.start : r.end], r.score) for r in results]
        return choose(found, text)

    def _possible(self, text: str) -> list[str]:
        has_digit = _DIGIT.search(text) is not None
        entities = [
            entity
            for entity, trigger in _TRIGGERS.items()
            if (has_digit or entity not in _NEED_DIGIT) and trigger.search(text)
        ]
        if _INTRODUCTION.search(text) or not self._parts.isdisjoint(_WORD.findall(text.casefold())):
            entities.append("PERSON")
        return entities


def choose(found: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """The longest of overlapping findings (the surest of equally long ones), in order of place."""
    taken = [match.span() for match in PLACEHOLDER.finditer(text)]
    chosen: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start - f.end, -f.score, f.start)):
        if all(finding.end <= start or end <= finding.start for start, end in taken):
            taken.append((finding.start, finding.end))
            chosen.append(finding)
    return tuple(sorted(chosen, key=lambda f: f.start))


def make_engine(names: Iterable[str]) -> AnalyzerEngine:
    """Presidio's analyzer with our recognizers; context words must match as whole words."""
    from agent_factory.privacy.language import PlainNlpEngine
    from agent_factory.privacy.presidio import AnalyzerEngine, LemmaContextAwareEnhancer, RecognizerRegistry
    from agent_factory.privacy.recognizer import make_recognizers

    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=make_recognizers(names), supported_languages=["en"]),
        nlp_engine=PlainNlpEngine(),
        supported_languages=["en"],
        default_score_threshold=SCORE_THRESHOLD,
        context_aware_enhancer=LemmaContextAwareEnhancer(
            context_prefix_count=6, context_suffix_count=3, context_matching_mode="whole_word"
        ),
    )
