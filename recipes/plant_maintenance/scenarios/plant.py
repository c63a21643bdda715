"""The world of one task while it is drawn: the plant's people, machines, orders and spare parts.

Invariant: whatever a goal adds, the plant holds other machines, orders and parts beside it, and no
two things have one number.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from agent_factory.contracts import Split

from .inventory import FAULTS, Person, draw_limits, draw_readings, draw_staff, machines_of, parts_of
from .wording import write


class Plant:
    """What is drawn so far; ``reporter`` writes, ``technician`` works on orders."""

    def __init__(self, rng: Random, split: Split) -> None:
        self.rng = rng
        self.split: Split = split
        self.reporter, self.technician = draw_staff(rng, split, 2)
        numbers = [str(number) for number in rng.sample(range(100, 1000), 2)]
        self.staff: dict[str, Person] = dict(zip(numbers, (self.reporter, self.technician), strict=True))
        self._machine_numbers = _numbers(rng, 2000, 5)
        self._order_numbers = _numbers(rng, 5000, 5)
        self.machines: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.parts = self._draw_parts()
        self.faults = {fault: {"part": number} for fault, number in zip(FAULTS, self.parts, strict=True)}
        self.add_order(self.add_machine(), rng.choice(FAULTS))

    def _draw_parts(self) -> dict[str, dict[str, Any]]:
        count = len(FAULTS)
        numbers, bins = _numbers(self.rng, 1000, count), _numbers(self.rng, 7000, count)
        drawn = zip(numbers, self.rng.sample(parts_of(self.split), count), bins, strict=True)
        return {number: {"name": name, "stock": self.rng.randint(2, 9), "bin": place} for number, name, place in drawn}

    def add_machine(self, state: str = "stopped", *, fault: str | None = None) -> str:
        """A machine whose readings show the fault, or none; returns its number."""
        number = next(self._machine_numbers)
        self.machines[number] = {
            "kind": self.rng.choice(machines_of(self.split)),
            "state": state,
            "readings": draw_readings(self.rng, fault),
            "limits": draw_limits(self.rng),
        }
        return number

    def add_order(self, machine: str, fault: str) -> str:
        """An order that the technician works on; returns its number."""
        number = next(self._order_numbers)
        self.orders[number] = {
            "machine": machine,
            "fault": fault,
            "priority": "normal",
            "reporter": self.number_of(self.reporter),
            "technician": self.number_of(self.technician),
            "status": "open",
        }
        return number

    def pick_part(self, *, in_stock: bool = True) -> tuple[str, dict[str, Any]]:
        """One of the parts, its stock taken away where it is to have none; its number and particulars."""
        number = self.rng.choice(list(self.parts))
        if not in_stock:
            self.parts[number]["stock"] = 0
        return number, self.parts[number]

    def next_order(self) -> str:
        """The number that the next order to be opened will have."""
        return str(max(map(int, self.orders)) + 1)

    def number_of(self, person: Person) -> str:
        """The staff number of a person."""
        return next(number for number, known in self.staff.items() if known == person)

    def to_state(self) -> dict[str, Any]:
        """The world as the simulator takes it."""
        staff = {number: person._asdict() for number, person in self.staff.items()}
        tables = {"machines": self.machines, "orders": self.orders, "faults": self.faults, "parts": self.parts}
        return {**tables, "staff": staff, "handovers": {}}

    def say(self, goal: str, **facts: str) -> tuple[str, str]:
        """A sentence of the split for a goal, and its template's name."""
        return write(self.rng, goal, self.split, **facts)


def _numbers(rng: Random, start: int, count: int) -> Iterator[str]:
    """Numbers from a thousand, none next to another: an order that is opened meets none."""
    return (str(start + 2 * number) for number in rng.sample(range(500), count))
