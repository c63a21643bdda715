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
FAULTS = ("drive overheating", "rotor imbalance", "bearing wear", "line blockage", "oil leak")
SENSORS = ("temperature", "vibration", "pressure", "oil")

# A machine's limits, and what a sensor shows within and beyond any of them.
LIMITS = {"temperature": (75, 80, 85), "vibration": (35, 40, 45), "pressure": (45, 50, 55), "oil": (25, 30, 35)}
CALM = {"temperature": (41, 69), "vibration": (11, 29), "pressure": (11, 39), "oil": (41, 95)}
ALARMING = {"temperature": (90, 99), "vibration": (51, 79), "pressure": (61, 89), "oil": (10, 19)}
SYMPTOMS: dict[str, tuple[str, ...]] = {
    "drive overheating": ("temperature",),
    "rotor imbalance": ("vibration",),
    "bearing wear": ("temperature", "vibration"),
    "line blockage": ("pressure",),
    "oil leak": ("oil",),
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


def draw_limits(rng: Random) -> dict[str, int]:
    """A machine's limit for each sensor."""
    return {sensor: rng.choice(LIMITS[sensor]) for sensor in SENSORS}


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
