"""Presidio behind the rules: its recognizers of national numbers that have no rule here, and those plugged in.

Model: a stock recognizer is asked only where the text names its number, and only those are taken that check
what they find by its check digits. A plugged one is asked for every text and every entity that has a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent_factory.core.error import InputError
from agent_factory.privacy.label import LABELS, Label
from agent_factory.privacy.language import PlainNlpEngine
from agent_factory.privacy.presidio import (
    AnalyzerEngine,
    AuMedicareRecognizer,
    AuTfnRecognizer,
    DeHealthInsuranceRecognizer,
    DeIdCardRecognizer,
    DeSocialSecurityRecognizer,
    DeTaxIdRecognizer,
    EntityRecognizer,
    FiPersonalIdentityCodeRecognizer,
    LemmaContextAwareEnhancer,
    RecognizerRegistry,
    SePersonnummerRecognizer,
    ThTninRecognizer,
    TrNationalIdRecognizer,
    ZaIdNumberRecognizer,
)
from agent_factory.privacy.rule.rule import Finding, Look

SCORE_THRESHOLD = 0.35
LANGUAGE = "en"
ENTITY_LABELS: dict[str, Label] = {
    **{label: label for label in LABELS if label != "REF"},
    **dict.fromkeys(("PER", "NAME"), "PERSON"),
    **dict.fromkeys(("EMAIL_ADDRESS",), "EMAIL"),
    **dict.fromkeys(("PHONE_NUMBER",), "PHONE"),
    **dict.fromkeys(("STREET_ADDRESS",), "ADDRESS"),
    **dict.fromkeys(("CREDIT_CARD",), "CARD"),
    **dict.fromkeys(("IBAN_CODE",), "IBAN"),
    **dict.fromkeys(("IP_ADDRESS",), "IP"),
    **dict.fromkeys(("US_SSN", "US_ITIN"), "SSN"),
    **dict.fromkeys(("BIRTH_DATE", "DATE_OF_BIRTH"), "BIRTHDATE"),
    **dict.fromkeys(("USER_NAME", "USERNAME"), "USER"),
    **dict.fromkeys(("PASSWORD", "API_KEY"), "SECRET"),
    **dict.fromkeys(("US_PASSPORT", "US_DRIVER_LICENSE", "PASSPORT", "DRIVER_LICENSE"), "NATIONAL_ID"),
}
"""What a plugged recognizer's entities are called here; an entity without a label is not asked for."""

_STOCK: tuple[tuple[str, tuple[str, ...], Any], ...] = (
    (
        "AU_TFN",
        (
            "tfn",
            "tax file",
        ),
        AuTfnRecognizer,
    ),
    ("AU_MEDICARE", ("medicare",), AuMedicareRecognizer),
    (
        "FI_PERSONAL_IDENTITY_CODE",
        (
            "hetu",
            "henkil",
            "personbeteckning",
            "personal identity",
        ),
        FiPersonalIdentityCodeRecognizer,
    ),
    (
        "SE_PERSONNUMMER",
        (
            "personnummer",
            "samordningsnummer",
            "personal identity",
        ),
        SePersonnummerRecognizer,
    ),
    (
        "TH_TNIN",
        (
            "tnin",
            "thai",
            "เลข",
        ),
        ThTninRecognizer,
    ),
    (
        "TR_NATIONAL_ID",
        (
            "kimlik",
            "tckn",
            "turkish",
        ),
        TrNationalIdRecognizer,
    ),
    (
        "ZA_ID_NUMBER",
        (
            "south african",
            "rsa id",
            "smart id",
        ),
        ZaIdNumberRecognizer,
    ),
    ("DE_TAX_ID", ("steuer",), DeTaxIdRecognizer),
    (
        "DE_SOCIAL_SECURITY",
        (
            "rentenversicher",
            "sozialversicher",
        ),
        DeSocialSecurityRecognizer,
    ),
    (
        "DE_HEALTH_INSURANCE",
        (
            "krankenversicher",
            "kvnr",
        ),
        DeHealthInsuranceRecognizer,
    ),
    ("DE_ID_CARD", ("ausweis",), DeIdCardRecognizer),
)


class Stock:
    """Presidio's analyzer with its own recognizers and those plugged in."""

    def __init__(self, plugged: Sequence[EntityRecognizer]) -> None:
        self._labels: dict[str, Label] = {entity: "NATIONAL_ID" for entity, _, _ in _STOCK}
        self._plugged = tuple(entity for recognizer in plugged for entity in self._adopt(recognizer))
        stock = [make(supported_language=LANGUAGE) for _, _, make in _STOCK]
        self._engine = AnalyzerEngine(
            registry=RecognizerRegistry(recognizers=[*stock, *plugged], supported_languages=[LANGUAGE]),
            nlp_engine=PlainNlpEngine(LANGUAGE),
            supported_languages=[LANGUAGE],
            default_score_threshold=SCORE_THRESHOLD,
            context_aware_enhancer=LemmaContextAwareEnhancer(
                context_prefix_count=6, context_suffix_count=3, context_matching_mode="whole_word"
            ),
        )

    def find(self, look: Look) -> list[Finding]:
        """What Presidio finds of the entities that the text names or that a plugged recognizer knows."""
        entities = [entity for entity, words, _ in _STOCK if look.has(*words)]
        text = look.text
        if not entities and not self._plugged:
            return []
        results = self._engine.analyze(text, language=LANGUAGE, entities=[*entities, *self._plugged])
        return [Finding(self._labels[r.entity_type], r.start, r.end, text[r.start : r.end], r.score) for r in results]

    def _adopt(self, recognizer: EntityRecognizer) -> list[str]:
        """The entities of a plugged recognizer that have a label; it is asked in the one language of the analyzer."""
        known: list[str] = list(recognizer.supported_entities)
        labels: dict[str, Label] = {
            entity: ENTITY_LABELS[entity.upper()] for entity in known if entity.upper() in ENTITY_LABELS
        }
        if not labels:
            raise InputError(
                f"the recognizer {type(recognizer).__name__} finds {sorted(known)!r}, none of which has a label here; "
                f"expected one of {sorted(ENTITY_LABELS)}"
            )
        recognizer.supported_language = LANGUAGE
        self._labels.update(labels)
        return list(labels)
