"""Who works at the plant and what stands and lies in it, by split.

Invariant: no person's name, machine or spare part of one split stands in the other. Held-out
machines and parts are other pairs of the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from agent_factory.contracts import Split

FIRST_NAMES: dict[Split, tuple[str, ...]] = {
    "train": (
        *("Anton", "Beate", "Cyril", "Doris", "Emil", "Fiona", "Georg", "Hanna", "Ivo", "Judit", "Klaus", "Lidia"),
        *("Milan", "Nora", "Oskar", "Petra", "Radek", "Sonja", "Tibor", "Ulrike", "Viktor", "Wilma", "Yara", "Zoran"),
    ),
    "eval": ("Agnes", "Boris", "Dagmar", "Erwin", "Frida", "Gustav", "Helga", "Ismail", "Kamila", "Lukas", "Mirjam"),
}
LAST_NAMES: dict[Split, tuple[str, ...]] = {
    "train": (
        *("Adler", "Bianchi", "Cerny", "Dvorak", "Ertl", "Farkas", "Gruen", "Hofer", "Ilic", "Jovanovic"),
        *("Kovacs", "Lindner", "Marek", "Nemeth", "Olsen", "Pichler", "Reiter", "Steiner", "Toth", "Urban"),
    ),
    "eval": ("Auer", "Blaha", "Conti", "Duric", "Eder", "Fiala", "Gallo", "Hruska", "Juhasz", "Krause"),
}
PLACES = ("north", "south", "east", "west", "upper", "lower", "inner", "outer")
MACHINES = ("press", "pump", "mill", "lathe", "mixer", "dryer", "saw", "oven")
MATERIALS = ("steel", "rubber", "brass", "copper", "nylon", "bronze", "carbon", "felt")
PARTS = ("belt", "seal", "valve", "hose", "filter", "gasket", "fan", "gear")
FAULTS = ("overheating", "imbalance", "wear", "blockage", "leak")
SENSORS = ("temperature", "vibration", "pressure", "oil")

# What a sensor shows within its limit and beyond it: policy.md has the limits, which no reading is near.
CALM = {"temperature": (41, 69), "vibration": (1, 5), "pressure": (3, 7), "oil": (41, 95)}
ALARMING = {"temperature": (91, 129), "vibration": (11, 19), "pressure": (12, 18), "oil": (5, 19)}
SYMPTOMS: dict[str, tuple[str, ...]] = {
    "overheating": ("temperature",),
    "imbalance": ("vibration",),
    "wear": ("temperature", "vibration"),
    "blockage": ("pressure",),
    "leak": ("oil",),
}


class Person(NamedTuple):
    """One of the staff, with believable personal data under reserved domains and numbers."""

    name: str
    email: str
    phone: str


def draw_staff(rng: Random, split: Split, count: int) -> list[Person]:
    """People of the split, none of whom shares a name with another."""
    firsts, lasts = rng.sample(FIRST_NAMES[split], count), rng.sample(LAST_NAMES[split], count)
    return [_draw_person(rng, first, last) for first, last in zip(firsts, lasts, strict=True)]


def _draw_person(rng: Random, first: str, last: str) -> Person:
    domain = rng.choice(("example.com", "example.org", "example.net"))
    return Person(f"{first} {last}", f"{first}.{last}@{domain}".lower(), f"+1 212 555 01{rng.randint(10, 99)}")


def draw_readings(rng: Random, fault: str | None) -> dict[str, int]:
    """A reading of each sensor that shows the fault, or none."""
    beyond = SYMPTOMS[fault] if fault else ()
    return {sensor: rng.randint(*(ALARMING if sensor in beyond else CALM)[sensor]) for sensor in SENSORS}


def machines_of(split: Split) -> tuple[str, ...]:
    """The machines of the split, such as ``north press``."""
    return _pairs_of(split, PLACES, MACHINES)


def parts_of(split: Split) -> tuple[str, ...]:
    """The names of all spare parts of the split, such as ``steel belt``."""
    return _pairs_of(split, MATERIALS, PARTS)


def _pairs_of(split: Split, firsts: Sequence[str], seconds: Sequence[str]) -> tuple[str, ...]:
    """Every fourth pair of words is held out."""
    held_out = split == "eval"
    return tuple(
        f"{first} {second}"
        for i, first in enumerate(firsts)
        for j, second in enumerate(seconds)
        if ((i + j) % 4 == 0) == held_out
    )
