"""Where personal data stands in a piece of prose: rules of our own, and Presidio behind them.

Model: each family of rules says by a cheap look whether a text can hold it at all, so that most texts cost
a few small searches; Presidio is asked only for what has no rule here (``stock``) and for the recognizers that
a recipe plugs in. Without one of those, names are those that are known (``names``) or told ("my name is …");
places and organisations are not looked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from agent_factory.privacy.label import PLACEHOLDER, Label
from agent_factory.privacy.plug import Plug
from agent_factory.privacy.rule import address, birth, contact, number, phone, secret
from agent_factory.privacy.rule.chinese_name import find_chinese_names
from agent_factory.privacy.rule.common_name import find_common_names
from agent_factory.privacy.rule.known_name import NameList
from agent_factory.privacy.rule.line import find_lines
from agent_factory.privacy.rule.markup import find_elements
from agent_factory.privacy.rule.name import find_names, find_names_above
from agent_factory.privacy.rule.rule import SURE, Family, Finding, Look, apply_rules

if TYPE_CHECKING:
    from agent_factory.privacy.stock import Stock

FAMILIES = (*contact.FAMILIES, *phone.FAMILIES, *number.FAMILIES, *birth.FAMILIES, *address.FAMILIES, *secret.FAMILIES)
_REFERENCE_SCORE = 0.5
STOCK_WORDS = (
    "tfn", "tax file", "medicare", "hetu", "henkil", "personbeteckning", "personal identity", "personnummer",
    "samordningsnummer", "tnin", "thai", "เลข", "kimlik", "tckn", "turkish", "south african", "rsa id", "smart id",
    "steuer", "rentenversicher", "sozialversicher", "krankenversicher", "kvnr", "ausweis",
)  # fmt: skip
"""The names of the numbers that ``stock`` finds; where none stands, Presidio is not even imported."""

__all__ = ["Detector", "Finding", "choose"]


class Detector:
    """Finds personal data; what a text was found to hold is kept for the next time it is seen."""

    def __init__(
        self,
        names: Iterable[str],
        references: re.Pattern[str] | None = None,
        plugs: Sequence[Plug] = (),
        cached_texts: int = 20_000,
    ) -> None:
        """``references`` matches the reference numbers (of orders, contracts) that lead to a person.

        ``plugs`` make recognizers of Presidio's kind, when the first text is looked at.
        """
        self._names = NameList(names)
        self._references = references
        self._plugs = tuple(plugs)
        self._stock: Stock | None = None
        self.find = lru_cache(maxsize=cached_texts)(self._find)

    def scan(self, text: str, labels: Iterable[Label]) -> tuple[Finding, ...]:
        """Findings of some labels whose shape alone is sure, without keeping the text."""
        return choose(apply_rules(_sure_families(frozenset(labels)), Look(text)), text)

    def _find(self, text: str) -> tuple[Finding, ...]:
        """Findings in order of place, none overlapping another or a placeholder."""
        look = Look(text)
        shaped = list(apply_rules(FAMILIES, look))
        found = [
            *shaped,
            *find_names_above(look, shaped),
            *find_lines(look),
            *find_elements(look),
            *find_names(look),
            *find_common_names(look),
            *find_chinese_names(look),
            *self._names.find(look),
        ]
        if self._plugs or (look.digits and look.has(*STOCK_WORDS)):
            found += self._ask_presidio(look)
        if self._references is not None:
            found += [Finding("REF", *m.span(), m.group(), _REFERENCE_SCORE) for m in self._references.finditer(text)]
        return choose(found, text) if found else ()

    def _ask_presidio(self, look: Look) -> list[Finding]:
        if self._stock is None:
            from agent_factory.privacy.stock import Stock

            self._stock = Stock([plug.make() for plug in self._plugs])
        return self._stock.find(look)


def choose(found: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """The longest of overlapping findings (the surest of equally long ones), in order of place."""
    spans = [match.span() for match in PLACEHOLDER.finditer(text)] if "<" in text else []
    starts, ends = [start for start, _ in spans], [end for _, end in spans]  # of what is taken, which ascend
    chosen: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start - f.end, -f.score, f.start)):
        place = bisect_right(ends, finding.start)
        if place == len(starts) or finding.end <= starts[place]:
            starts.insert(place, finding.start)
            ends.insert(place, finding.end)
            chosen.append(finding)
    return tuple(sorted(chosen, key=lambda f: f.start))


@lru_cache
def _sure_families(labels: frozenset[Label]) -> tuple[Family, ...]:
    sure = (
        Family(family.trigger, tuple(rule for rule in family.rules if rule.label in labels and rule.score >= SURE))
        for family in FAMILIES
    )
    return tuple(family for family in sure if family.rules)
