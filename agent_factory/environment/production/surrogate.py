"""Made-up values in the place of personal ones: what a scenario from production is made of.

A scenario set is kept for good and forgetting a person does not reach into it, so no value of a person may
enter it. A trace is redacted first, as for training; then each placeholder gets a value of its sort, so that
tools and their schemas take it. Invariant: the same redacted trace gives the same values, whoever is behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agent_factory.contracts.trace import Trace
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe

_FIRST = ("Alex", "Robin", "Sam", "Kim", "Chris", "Jo", "Toni", "Max")
_LAST = ("Sample", "Example", "Model", "Pattern", "Template")
_MAKERS: dict[str, Callable[[int], str]] = {
    "PERSON": lambda n: f"{_FIRST[n % len(_FIRST)]} {_LAST[n // len(_FIRST) % len(_LAST)]}",
    "EMAIL": lambda n: f"customer{n}@example.com",
    "PHONE": lambda n: f"+1 202 555 01{n:02d}",
    "ADDRESS": lambda n: f"{n} Sample Street",
    "CARD": lambda n: f"40000000{n:08d}",
    "IBAN": lambda n: f"DE00{n:018d}",
    "IP": lambda n: f"192.0.2.{n}",
    "SSN": lambda n: f"000-00-{n:04d}",
    "NATIONAL_ID": lambda n: f"X{n:08d}",
    "BIRTHDATE": lambda n: f"1970-01-{n % 28 + 1:02d}",
    "USER": lambda n: f"user{n}",
    "SECRET": lambda n: f"secret-{n}",
}
_LENGTHS = range(2, 13)


def make_anonymous(trace: Trace, recipe: Recipe) -> Trace:
    """The trace with made-up values for all that is personal in it, and without its exact tokens.

    InputError where a reference number of the recipe has a form that is no row of digits.
    """
    from agent_factory.privacy.label import PLACEHOLDER
    from agent_factory.privacy.redactor import open_redactor

    redacted = open_redactor(recipe).redact_trace(trace)
    bare = redacted.model_copy(update={"tokens": None, "pseudonyms": {}, "system": None})
    text = bare.model_dump_json()
    given: dict[str, str] = {}
    for match in PLACEHOLDER.finditer(text):
        if match.group() not in given:
            label, number = match.groups()
            given[match.group()] = _make(label, int(number), text, recipe)
    return Trace.model_validate_json(PLACEHOLDER.sub(lambda match: given[match.group()], text))


def _make(label: str, number: int, text: str, recipe: Recipe) -> str:
    return make_reference(recipe, number, text) if label == "REF" else _MAKERS[label](number)


def make_reference(recipe: Recipe, number: int, text: str) -> str:
    """The ``number``-th reference number that ``[privacy] references`` matches and that is not in ``text``."""
    references = recipe.settings.get("privacy", {}).get("references") or r"\d{4}"
    for length in _LENGTHS:
        made = (str(7 * 10 ** (length - 1) + n) for n in range(10 ** (length - 1)))
        first = str(7 * 10 ** (length - 1))
        found = re.search(references, f"order {first} is")
        if found is not None and found.group() == first:
            return [one for one, _ in zip((one for one in made if one not in text), range(number), strict=False)][-1]
    raise InputError(
        f"[privacy] references = {references!r} of recipe {recipe.name!r} matches no row of digits, so no number "
        "can be made up for a scenario"
    )
