"""Names by a spaCy model that is installed or lies in a folder: to be plugged in, see ``plug``."""

from __future__ import annotations

from typing import Any

from agent_factory.core.error import InputError
from agent_factory.privacy.presidio import LocalRecognizer, RecognizerResult

_SCORE = 0.85
_ENTITIES = {"PERSON": "PERSON", "PER": "PERSON"}


class SpacyNames(LocalRecognizer):
    """Persons that a spaCy pipeline's ``ner`` or entity ruler finds; ``model`` is a package or a folder."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._pipeline: Any = None
        super().__init__(supported_entities=["PERSON"], name="SpacyNames")

    def load(self) -> None:
        """Load the pipeline; InputError where it is not installed."""
        import spacy

        if self._pipeline is None:
            try:
                self._pipeline = spacy.load(self._model)
            except OSError as error:
                raise InputError(
                    f"there is no spaCy model {self._model!r}: give a folder or install the package; {error}"
                ) from error

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """The persons of a text."""
        self.load()
        return [
            RecognizerResult(_ENTITIES[found.label_], found.start_char, found.end_char, _SCORE)
            for found in self._pipeline(text).ents
            if found.label_ in _ENTITIES
        ]
