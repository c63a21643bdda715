"""Who the customers are and what the shop sells, by split.

Invariant: no customer's name, street or good of one split stands in the other. Held-out goods are
other pairs of the same colours and things.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from agent_factory.contracts import Split

FIRST_NAMES: dict[Split, tuple[str, ...]] = {
    "train": (
        *("Anna", "Bruno", "Carla", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas", "Karin", "Louis"),
        *("Maria", "Nils", "Olga", "Pavel", "Rosa", "Simon", "Tessa", "Victor", "Wanda", "Yusuf", "Aisha", "Bogdan"),
    ),
    "eval": ("Clara", "Dmitri", "Esther", "Farid", "Gloria", "Henrik", "Ingrid", "Jakub", "Leila", "Marco", "Nadia"),
}
LAST_NAMES: dict[Split, tuple[str, ...]] = {
    "train": (
        *("Berg", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen", "Ivanov", "Jensen", "Keller"),
        *("Lombardi", "Moreau", "Novak", "Okafor", "Petrov", "Quinn", "Rossi", "Schmidt", "Tanaka", "Vargas"),
    ),
    "eval": ("Almeida", "Brandt", "Costa", "Demir", "Engel", "Fontana", "Gruber", "Horvat", "Jansson", "Kowalski"),
}
STREETS: dict[Split, tuple[str, ...]] = {
    "train": ("Mill Street", "Oak Road", "Station Road", "Garden Lane", "River Street", "Church Lane", "Park Avenue"),
    "eval": ("Harbour Street", "Castle Road", "Meadow Lane", "Bridge Avenue", "Orchard Road"),
}
COLOURS = ("red", "blue", "green", "white", "black", "grey", "brown", "yellow")
THINGS = ("desk", "lamp", "chair", "clock", "shelf", "mirror", "bench", "stool")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
CARRIERS = ("DPX", "UPX", "GLX")


class Person(NamedTuple):
    """A customer, with believable personal data under reserved domains and numbers."""

    name: str
    email: str
    phone: str
    address: str


def draw_address(rng: Random, split: Split) -> str:
    """A postal address such as ``12 Mill Street``."""
    return f"{rng.randint(1, 99)} {rng.choice(STREETS[split])}"


def draw_person(rng: Random, split: Split) -> Person:
    """A customer of the split."""
    first, last = rng.choice(FIRST_NAMES[split]), rng.choice(LAST_NAMES[split])
    domain = rng.choice(("example.com", "example.org", "example.net"))
    email = f"{first}.{last}@{domain}".lower()
    return Person(f"{first} {last}", email, f"+1 212 555 01{rng.randint(10, 99)}", draw_address(rng, split))


def goods_of(split: Split) -> tuple[str, ...]:
    """The names of all goods of the split; every fourth pair of colour and thing is held out."""
    held_out = split == "eval"
    return tuple(
        f"{colour} {thing}"
        for i, colour in enumerate(COLOURS)
        for j, thing in enumerate(THINGS)
        if ((i + j) % 4 == 0) == held_out
    )
