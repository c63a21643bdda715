"""Presidio without the model libraries that it would import wherever they are installed.

It loads torch and transformers for recognizers that are not used here: 13 s instead of 2 s, and
some hundred MiB, in every process that redacts. While it is imported, this thread (no other) is told
that they are absent, which Presidio provides for.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Absent:
    """A finder that says to one thread that some packages are not installed."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = frozenset(packages)
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self._packages and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is kept out while Presidio is imported", name=name)
        return None


@contextmanager
def _absent(*packages: str) -> Generator[None]:
    finder = _Absent(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


with _absent("torch", "transformers", "stanza", "gliner"):
    from presidio_analyzer import (
        AnalyzerEngine,
        EntityRecognizer,
        LocalRecognizer,
        RecognizerRegistry,
        RecognizerResult,
    )
    from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
    from presidio_analyzer.predefined_recognizers import (
        AuMedicareRecognizer,
        AuTfnRecognizer,
        DeHealthInsuranceRecognizer,
        DeIdCardRecognizer,
        DeSocialSecurityRecognizer,
        DeTaxIdRecognizer,
        FiPersonalIdentityCodeRecognizer,
        SePersonnummerRecognizer,
        ThTninRecognizer,
        TrNationalIdRecognizer,
        ZaIdNumberRecognizer,
    )

__all__ = [
    "AnalyzerEngine",
    "AuMedicareRecognizer",
    "AuTfnRecognizer",
    "DeHealthInsuranceRecognizer",
    "DeIdCardRecognizer",
    "DeSocialSecurityRecognizer",
    "DeTaxIdRecognizer",
    "EntityRecognizer",
    "FiPersonalIdentityCodeRecognizer",
    "LemmaContextAwareEnhancer",
    "LocalRecognizer",
    "NlpArtifacts",
    "NlpEngine",
    "RecognizerRegistry",
    "RecognizerResult",
    "SePersonnummerRecognizer",
    "ThTninRecognizer",
    "TrNationalIdRecognizer",
    "ZaIdNumberRecognizer",
]
