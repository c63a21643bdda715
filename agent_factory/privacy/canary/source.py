"""One seeded source of random values, and how shapes such as ``{d4}-{U}`` are filled from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from string import ascii_letters, ascii_uppercase, digits, hexdigits
from typing import Literal, TypeVar

from agent_factory.privacy.canary.pool import CHINESE, ENGLISH, PARTS

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
HEX = hexdigits[:16]
T = TypeVar("T")

_HOLE = re.compile(r"\{(\w+)\}")
_FIRST_DAY, _DAYS = date(2023, 1, 1), 1_000


class Source:
    """Random values of one language."""

    def __init__(self, rng: Random, language: Language) -> None:
        self.rng = rng
        self.chinese = language == "zh"
        self.pool = CHINESE if self.chinese else ENGLISH

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, all equally likely."""
        return self.rng.choice(choices)

    def chance(self, share: float) -> bool:
        """True in ``share`` of the calls."""
        return self.rng.random() < share

    def number(self, count: int) -> str:
        """So many digits, the first not a zero."""
        return self.pick(digits[1:]) + "".join(self.rng.choices(digits, k=count - 1))

    def letters(self, count: int, alphabet: str = ascii_letters + digits) -> str:
        """So many letters and digits."""
        return "".join(self.rng.choices(alphabet, k=count))

    def shape(self, shapes: Sequence[str]) -> str:
        """One of the shapes with its holes filled, also those of what fills them."""
        return _HOLE.sub(lambda hole: self._part(hole[1]), self.pick(shapes))

    def moment(self) -> tuple[date, str]:
        """A recent day, and a time of day as HH:MM:SS."""
        clock = f"{self.rng.randrange(24):02}:{self.rng.randrange(60):02}:{self.rng.randrange(60):02}"
        return _FIRST_DAY + timedelta(days=self.rng.randrange(_DAYS)), clock

    def _part(self, hole: str) -> str:
        if hole == "U":
            return self.pick(ascii_uppercase)
        if hole == "n":
            return str(self.rng.randrange(2, 980))
        if hole.startswith("d") and hole[1:].isdigit():
            return self.number(int(hole[1:]))
        return self.pick(PARTS[hole])
