"""Goals: what one sentence of the plant's people asks for, and what then counts as done.

Each function draws the goal's facts into the plant and returns the goal. A task is one goal or two;
a hard task is made of the same goals as an easy one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .inventory import FAULTS, SENSORS
from .plant import Plant
from .wording import FAULT_WORDS

Call = tuple[str, dict[str, Any]]
Urgency = Literal["normal", "urgent"]


@dataclass
class Goal:
    """A sentence, the calls and answer that solve it, and the rules of its success."""

    text: str
    template: str
    calls: list[Call]
    answer: str
    says: list[tuple[str, ...]]
    state: dict[str, Any] = field(default_factory=dict)
    must_not_say: list[str] = field(default_factory=list)
    must_not_call: list[str] = field(default_factory=list)


def reading(plant: Plant) -> Goal:
    """What does a sensor of a machine show?"""
    machine, sensor = plant.add_machine(fault=plant.rng.choice((None, *FAULTS))), plant.rng.choice(SENSORS)
    value = plant.machines[machine]["readings"][sensor]
    text, template = plant.say("reading", sensor=sensor, machine=machine, kind=plant.machines[machine]["kind"])
    calls: list[Call] = [("get_reading", {"machine_id": machine, "sensor": sensor})]
    return Goal(text, template, calls, f"The {sensor} of machine {machine} is {value}.", [(str(value),)])


def part(plant: Plant, *, in_stock: bool | None = None) -> Goal:
    """Is a spare part in stock, and in which bin? Left open, it is in two of three tasks."""
    _, item = plant.pick_part(in_stock=plant.rng.random() < 2 / 3 if in_stock is None else in_stock)
    name, place = item["name"], item["bin"]
    text, template = plant.say("part", part=name)
    calls: list[Call] = [("find_part", {"query": name})]
    if item["stock"] == 0:
        says: list[tuple[str, ...]] = [("out of stock", "not in stock")]
        return Goal(text, template, calls, f"The {name} is out of stock.", says)
    return Goal(text, template, calls, f"The {name} is in bin {place}.", [(place,)], must_not_say=["out of stock"])


def technician(plant: Plant) -> Goal:
    """Who works on an order?"""
    order = next(iter(plant.orders))
    text, template = plant.say("technician", order=order)
    calls: list[Call] = [("get_order", {"order_id": order})]
    name = plant.technician.name
    return Goal(text, template, calls, f"{name} works on order {order}.", [(name,)])


def need(plant: Plant) -> Goal:
    """Which spare part does a fault need?"""
    fault = plant.rng.choice(FAULTS)
    name = _part_of(plant, fault)[1]["name"]
    text, template = plant.say("need", fault=FAULT_WORDS[fault])
    calls: list[Call] = [("get_fault", {"fault": fault})]
    return Goal(text, template, calls, f"The part for {FAULT_WORDS[fault]} is the {name}.", [(name,)])


def open_order(
    plant: Plant, *, state: str = "stopped", urgency: Urgency = "normal", known: bool = False, named: bool = True
) -> Goal:
    """Open an order for a fault that the reporter names: done, or refused by what the machine shows."""
    fault = plant.rng.choice(FAULTS)
    machine = plant.add_machine(state, fault=fault)
    if known:
        plant.add_order(machine, fault)
    wording = "open_unnamed" if not named else "open_urgent" if urgency == "urgent" else "open"
    kind = plant.machines[machine]["kind"]
    text, template = plant.say(wording, machine=machine, kind=kind, fault=FAULT_WORDS[fault])
    calls: list[Call] = [("get_machine", {"machine_id": machine})]
    if state == "alarm":
        return _hand_over(text, template, calls, machine)
    if known:
        answer = f"An order for {FAULT_WORDS[fault]} is open already at machine {machine}."
        return Goal(text, template, calls, answer, [("already",)], must_not_call=["open_order"])
    if state == "running" and urgency == "normal":
        answer = f"Machine {machine} is running, so only an urgent order can be opened."
        return Goal(text, template, calls, answer, [("running", "runs")], must_not_call=["open_order"])
    return _open(plant, text, template, calls, machine, fault, urgency)


def check(plant: Plant, *, fault: str | None) -> Goal:
    """Find a machine's fault by its readings and open an order for it, or find that there is none."""
    machine = plant.add_machine(fault=fault)
    text, template = plant.say("check", machine=machine, kind=plant.machines[machine]["kind"])
    calls: list[Call] = [("get_machine", {"machine_id": machine}), ("get_sensors", {"machine_id": machine})]
    if fault is None:
        answer = f"Machine {machine} is within limits, so no order is needed."
        return Goal(text, template, calls, answer, [("within limits",)], must_not_call=["open_order"])
    return _open(plant, text, template, calls, machine, fault, "normal")


def reserve(plant: Plant, *, in_stock: bool = True) -> Goal:
    """Reserve a spare part for an order, or request it from purchase where there is none."""
    order = next(iter(plant.orders))
    number, item = plant.pick_part(in_stock=in_stock)
    text, template = plant.say("reserve", part=item["name"], order=order)
    calls: list[Call] = [("find_part", {"query": item["name"]})]
    return _supply(plant, text, template, calls, order, number)


def reserve_needed(plant: Plant, fault: str) -> Goal:
    """Reserve the spare part of a fault for the order that the goal before opens."""
    number, _ = _part_of(plant, fault)
    text, template = plant.say("reserve_needed")
    return _supply(plant, text, template, [("get_fault", {"fault": fault})], plant.next_order(), number)


def close(plant: Plant) -> Goal:
    """Close an order that is done."""
    order = next(iter(plant.orders))
    text, template = plant.say("close", order=order)
    calls: list[Call] = [("get_order", {"order_id": order}), ("close_order", {"order_id": order})]
    return Goal(text, template, calls, f"Order {order} is closed.", [("closed",)], {f"orders/{order}/status": "closed"})


def _open(
    plant: Plant, text: str, template: str, calls: list[Call], machine: str, fault: str, urgency: Urgency
) -> Goal:
    order, person = plant.next_order(), plant.reporter
    told = {"fault": fault, "priority": urgency}
    calls.append(("open_order", {"machine_id": machine, **told, "reporter": person.email}))
    fields = {"machine": machine, **told, "reporter": plant.number_of(person), "status": "open"}
    state = {f"orders/{order}/{name}": value for name, value in fields.items()}
    return Goal(text, template, calls, f"Order {order} is open for machine {machine}.", [(order,)], state, ["cannot"])


def _supply(plant: Plant, text: str, template: str, calls: list[Call], order: str, number: str) -> Goal:
    item = plant.parts[number]
    name, supply = item["name"], "reserved" if item["stock"] else "requested"
    state: dict[str, Any] = {f"orders/{order}/part": number, f"orders/{order}/supply": supply}
    to_order = {"order_id": order, "part_id": number}
    if supply == "requested":
        calls.append(("request_part", to_order))
        answer = f"The {name} is out of stock and is requested for order {order}."
        return Goal(text, template, calls, answer, [("requested",)], state)
    calls.append(("reserve_part", to_order))
    state[f"parts/{number}/stock"] = item["stock"] - 1
    answer = f"The {name} is reserved for order {order}."
    return Goal(text, template, calls, answer, [("reserved",)], state, ["out of stock"], ["request_part"])


def _hand_over(text: str, template: str, calls: list[Call], machine: str) -> Goal:
    calls.append(("hand_over", {"machine_id": machine, "reason": "safety"}))
    answer, state = f"Machine {machine} is handed over to the shift lead.", {f"handovers/{machine}": "safety"}
    return Goal(text, template, calls, answer, [("shift lead",)], state, must_not_call=["open_order"])


def _part_of(plant: Plant, fault: str) -> tuple[str, dict[str, Any]]:
    number = plant.faults[fault]["part"]
    return number, plant.parts[number]
