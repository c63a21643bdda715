"""What Presidio needs of a language when there is no model: words and their lower-cased forms.

Its context words are compared with lemmas; the stock engine without a model has none, so that a
number beside "social security" would not count as more than a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from agent_factory.privacy.presidio import NlpArtifacts, NlpEngine

_TOKEN = re.compile(r"\w+|[^\w\s]")


class PlainNlpEngine(NlpEngine):
    """Tokens by a regular expression, lemmas by lower case, no entities; one language."""

    engine_name = "plain"
    is_available = True

    def __init__(self, language: str = "en") -> None:
        self._language = language

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        """Always: there is nothing to load."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """Words of the text; every character that is not blank belongs to a token."""
        matches = list(_TOKEN.finditer(text))
        words: Any = [match.group() for match in matches]
        return NlpArtifacts(
            entities=[],
            tokens=words,
            tokens_indices=[match.start() for match in matches],
            lemmas=[word.lower() for word in words],
            nlp_engine=self,
            language=language,
        )

    def process_batch(
        self, texts: Iterable[Any], language: str, batch_size: int = 1, n_process: int = 1, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Each text with its words."""
        for text in texts:
            yield str(text), self.process_text(str(text), language)

    def is_stopword(self, word: str, language: str) -> bool:
        """No word is passed over."""
        return False

    def is_punct(self, word: str, language: str) -> bool:
        """Whether the token is punctuation, which does not count in the window of context words."""
        return not word[0].isalnum()

    def get_supported_entities(self) -> list[str]:
        """None: there is no model to find any."""
        return []

    def get_supported_languages(self) -> list[str]:
        """The language that it was made for."""
        return [self._language]
