"""Plants canaries, redacts them, and counts: recall is the share of planted values that vanished under their
own label, precision the share of replaced ones that were planted.

Model: a canary is one message as ``redact_any`` gets it, prose or JSON. A value counts as found only if it
is nowhere in the result; what was replaced counts as right only if it is the planted value but for some
letters. Reference numbers of a recipe (``REF``) are its own affair and count neither way. Names that
nothing tells of, which take a language model to find, are a part of their own (``UNTOLD``) and not in the overall.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, NamedTuple, Protocol, cast

from agent_factory.contracts.record import Part
from agent_factory.core.error import InputError
from agent_factory.privacy.canary import chinese, english
from agent_factory.privacy.canary.person import KIND_LABELS, Draw
from agent_factory.privacy.canary.source import LANGUAGES, Language
from agent_factory.privacy.label import LABELS, Label
from agent_factory.privacy.pseudonym import Pseudonyms
from agent_factory.privacy.redactor import Redactor


class RedactsText(Protocol):
    """What is measured: a redactor, or whatever else replaces what it finds by ``session.give``."""

    def redact_any(self, text: str, session: Pseudonyms, parent: str = "") -> str:
        """The text with what was found replaced."""
        ...


MIN_RECALL, MIN_PRECISION = 0.98, 0.90
MIN_LABEL_RECALL, MIN_PLANTED = 0.90, 30  # of a label: where few were planted, a miss says little
CHECK_SEED, CHECK_COUNT = 7_041, 1_500
_HOLE = re.compile(r"\{(\w+)\}")
_CLEAN_SHARE, _JSON_SHARE, _UNTOLD_SHARE, _MARKDOWN_SHARE = 0.25, 0.3, 0.05, 0.15
UNTOLD = "PERSON untold"
_SLACK = 3  # letters that a replaced text may have beyond the planted value


class Planted(NamedTuple):
    """A value of personal data in a canary; ``told`` where something beside it says what it is."""

    label: Label
    text: str
    told: bool = True


class Canary(NamedTuple):
    """A message and what was planted in it; ``source`` is the tool that it belongs to, if any."""

    language: Language
    source: str
    text: str
    planted: tuple[Planted, ...]


class Tally(Part):
    """``found`` of ``planted`` values vanished; ``right`` of ``replaced`` texts were planted."""

    planted: int
    found: int
    replaced: int
    right: int

    @property
    def recall(self) -> float | None:
        """Share of planted values that were found; None where none was planted."""
        return self.found / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        """Share of replaced texts that were planted; None where nothing was replaced."""
        return self.right / self.replaced if self.replaced else None


class Measured(Part):
    """What a redactor finds of a canary set: overall, and by ``LABEL`` and ``LABEL language``; see ``UNTOLD``."""

    seed: int
    count: int
    overall: Tally
    parts: dict[str, Tally]

    @property
    def passed(self) -> bool:
        """Whether the whole set, and each label that was planted often enough, meets what is demanded."""
        recall, precision = self.overall.recall, self.overall.precision
        if recall is None or precision is None or self.weak:
            return False
        return recall >= MIN_RECALL and precision >= MIN_PRECISION

    @property
    def weak(self) -> dict[str, float]:
        """The recall of each label that is below what is demanded of one."""
        parts = {name: part.recall for name, part in self.parts.items() if self._demanded(name) is not None}
        return {name: recall for name, recall in parts.items() if recall is not None and recall < MIN_LABEL_RECALL}

    def of(self, labels: Iterable[Label]) -> Tally:
        """The tally of some labels together."""
        parts = [self.parts[label] for label in labels if label in self.parts]
        return Tally(**{name: sum(getattr(part, name) for part in parts) for name in Tally.model_fields})

    def __str__(self) -> str:
        found, right = self.overall.recall or 0.0, self.overall.precision or 0.0
        weak = "".join(f", but of {name} {recall:.1%}" for name, recall in self.weak.items())
        return (
            f"finds {found:.1%} of planted personal data at a precision of {right:.1%}{weak}; "
            f"at least {MIN_RECALL:.0%} and {MIN_PRECISION:.0%} are asked for, and {MIN_LABEL_RECALL:.0%} of each label"
        )

    def told(self) -> dict[str, Any]:
        """Recall and precision, overall and of each part, as JSON; null where there was nothing to measure.

        ``demanded`` is the recall that the check asks for, null where it asks for none.
        """
        parts = {"overall": self.overall, **self.parts}
        return {
            name: {
                "planted": part.planted,
                "recall": part.recall,
                "demanded": MIN_RECALL if name == "overall" else self._demanded(name),
                "precision": part.precision,
            }
            for name, part in parts.items()
        }

    def _demanded(self, part: str) -> float | None:
        return MIN_LABEL_RECALL if part in LABELS and self.parts[part].planted >= MIN_PLANTED else None


def make_canaries(seed: int, count: int) -> list[Canary]:
    """``count`` canaries, English and Chinese in turn; the same seed gives the same ones."""
    if count < 1:
        raise InputError(f"a canary set has at least 1 message, got count={count!r}")
    rng = Random(seed)
    return [_make(rng, LANGUAGES[i % len(LANGUAGES)]) for i in range(count)]


def measure_canaries(seed: int, count: int, redactor: RedactsText | None = None) -> Measured:
    """Recall and precision of a redactor (without one: of patterns and fields alone) on a canary set."""
    redactor = redactor or Redactor((), b"")
    counts: Counter[tuple[str, str]] = Counter()
    for canary in make_canaries(seed, count):
        _tally(canary, redactor, counts)
    names = sorted({part for part, _ in counts})
    parts = {name: _tally_of(counts, name) for name in names if name}
    return Measured(seed=seed, count=count, overall=_tally_of(counts, ""), parts=parts)


def measure_once(redactor: Redactor) -> Measured:
    """What ``redactor`` finds of the canary set that every day's check asks for; measured once a process and digest."""
    if redactor.digest not in _measured:
        _measured[redactor.digest] = measure_canaries(CHECK_SEED, CHECK_COUNT, redactor)
    return _measured[redactor.digest]


def _make(rng: Random, language: Language) -> Canary:
    draw, values, said = Draw(rng, language), dict[str, str](), _PHRASES[language]
    form = rng.random()
    is_clean = rng.random() < _CLEAN_SHARE

    def fill(text: str) -> str:
        return _HOLE.sub(lambda hole: values.setdefault(hole[1], draw.value(_kind(hole[1]))), text)

    source = ""
    if form < _JSON_SHARE:
        source, template = rng.choice(said.CLEAN_JSON if is_clean else said.JSON)
        style = rng.choice([{"separators": (",", ":")}, {"indent": 2}, {}, {"ensure_ascii": False}])
        text = json.dumps(_fill_json(template, fill), **cast(Any, style))
    elif form < _JSON_SHARE + _UNTOLD_SHARE:
        text = fill(rng.choice(said.UNTOLD))
    elif is_clean:
        text = fill(rng.choice(said.CLEAN))
    else:
        text = fill(rng.choice(said.MARKDOWN if form > 1 - _MARKDOWN_SHARE else said.CHAT))
    holes = ((hole, value) for hole, value in values.items() if _kind(hole) in KIND_LABELS)
    planted = (Planted(KIND_LABELS[_kind(hole)], value, _kind(hole) != "stranger") for hole, value in holes)
    return Canary(language, source, text, tuple(planted))


def _fill_json(template: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(template, str):
        return fill(template)
    if isinstance(template, dict):
        return {key: _fill_json(value, fill) for key, value in cast(dict[str, Any], template).items()}
    if isinstance(template, list):
        return [_fill_json(value, fill) for value in cast(list[Any], template)]
    return template


def _kind(hole: str) -> str:
    return hole.removesuffix("_2")


_measured: dict[str, Measured] = {}


class _Recorder(Pseudonyms):
    """Remembers what was replaced, in order."""

    def __init__(self) -> None:
        super().__init__(b"")
        self.replaced: list[Planted] = []

    def give(self, label: Label, value: str) -> str:
        self.replaced.append(Planted(label, value))
        return super().give(label, value)


def _tally(canary: Canary, redactor: RedactsText, counts: Counter[tuple[str, str]]) -> None:
    session = _Recorder()
    result = redactor.redact_any(canary.text, session, canary.source)
    replaced = [item for item in session.replaced if item.label != "REF"]
    for item in canary.planted:
        pieces = [other.text for other in replaced if other.label == item.label]
        found = _covers(pieces, item.text) and not any(form in result for form in _spellings(item.text))
        _count(counts, canary, item.label if item.told else UNTOLD, planted=1, found=int(found))
    for item in replaced:
        right = any(other.label == item.label and _is_part(item.text, other.text) for other in canary.planted)
        _count(counts, canary, item.label, replaced=1, right=int(right))


def _count(counts: Counter[tuple[str, str]], canary: Canary, label: str, **told: int) -> None:
    parts = (label, f"{label} {canary.language}")
    for part in parts if label == UNTOLD else ("", *parts):
        counts.update({(part, name): number for name, number in told.items()})


def _spellings(value: str) -> set[str]:
    """A value as prose and as JSON has it."""
    return {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}


def _covers(pieces: Iterable[str], value: str) -> bool:
    """Whether the pieces leave no letter or digit of a value."""
    left = value
    for piece in sorted(pieces, key=len, reverse=True):
        left = "" if value in piece else left.replace(piece, " ")
    return not any(letter.isalnum() for letter in left)


def _is_part(text: str, value: str) -> bool:
    """Whether a replaced text is (a part of) a value, or the value and hardly more."""
    return text in value or (value in text and len(text) - len(value) <= _SLACK)


def _tally_of(counts: Counter[tuple[str, str]], part: str) -> Tally:
    return Tally(**{name: counts[part, name] for name in Tally.model_fields})


_PHRASES: dict[Language, Any] = {"en": english, "zh": chinese}
