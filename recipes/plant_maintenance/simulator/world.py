"""The plant's state and what its maintenance system allows.

A world is plain JSON: ``machines``, ``orders``, ``parts`` and ``staff`` by number, ``faults`` by
code, ``handovers`` by machine. Invariant: the system refuses what cannot be (a part that is not
there, an order that is closed twice, a reporter whom nobody knows); what the desk's policy forbids
(a second order for a fault, an order on a machine that runs) it does not know, so that a breach of
policy shows in the state.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

World = dict[str, Any]


class RefusalError(Exception):
    """A request that the maintenance system refuses, with its HTTP status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def _find(world: World, table: str, number: str) -> dict[str, Any]:
    found = world[table].get(number)
    if found is None:
        raise RefusalError(HTTPStatus.NOT_FOUND, "not found")
    return found


def _find_open(world: World, order_id: str) -> dict[str, Any]:
    order = _find(world, "orders", order_id)
    if order["status"] != "open":
        raise RefusalError(HTTPStatus.CONFLICT, f"order is {order['status']}")
    return order


def get_machine(world: World, machine_id: str) -> dict[str, Any]:
    """What a machine is, its state, and the faults that it has open orders for."""
    machine = _find(world, "machines", machine_id)
    open_orders = [o for o in world["orders"].values() if (o["machine"], o["status"]) == (machine_id, "open")]
    told = {key: machine[key] for key in ("kind", "state")}
    return told | {"open_faults": [order["fault"] for order in open_orders]}


def get_sensors(world: World, machine_id: str) -> dict[str, Any]:
    """Whether each of a machine's sensors is ok, or beyond the machine's limit: high, of oil low."""
    machine = _find(world, "machines", machine_id)
    return {sensor: _compare(sensor, value, machine["limits"][sensor]) for sensor, value in machine["readings"].items()}


def _compare(sensor: str, value: int, limit: int) -> str:
    if sensor == "oil":
        return "low" if value < limit else "ok"
    return "high" if value > limit else "ok"


def get_reading(world: World, machine_id: str, sensor: str) -> dict[str, Any]:
    """What one sensor of a machine shows, and its limit."""
    machine = _find(world, "machines", machine_id)
    if sensor not in machine["readings"]:
        raise RefusalError(HTTPStatus.NOT_FOUND, "not found")
    return {"value": machine["readings"][sensor], "limit": machine["limits"][sensor]}


def get_fault(world: World, fault: str) -> dict[str, Any]:
    """The spare part that a fault needs."""
    number = _find(world, "faults", fault)["part"]
    part = _find(world, "parts", number)
    return {"part_id": number, "part": part["name"], "stock": part["stock"]}


def find_part(world: World, query: str) -> dict[str, Any]:
    """The spare part of that name."""
    for number, part in world["parts"].items():
        if part["name"] == query.strip().lower():
            return {"part_id": number, "stock": part["stock"], "bin": part["bin"]}
    raise RefusalError(HTTPStatus.NOT_FOUND, "not found")


def get_order(world: World, order_id: str) -> dict[str, Any]:
    """A work order with the name of its technician; one that nobody works on yet has none."""
    order = _find(world, "orders", order_id)
    told = {key: order[key] for key in ("fault", "status")}
    technician = order.get("technician")
    return told | ({} if technician is None else {"technician": world["staff"][technician]["name"]})


def open_order(world: World, machine_id: str, fault: str, priority: str, reporter: str) -> dict[str, Any]:
    """A new order for a machine, whatever its state; orders are numbered on from the highest."""
    _find(world, "machines", machine_id)
    _find(world, "faults", fault)
    order_id = str(max(map(int, world["orders"]), default=5000) + 1)
    world["orders"][order_id] = {
        "machine": machine_id,
        "fault": fault,
        "priority": priority,
        "reporter": _find_person(world, reporter),
        "status": "open",
    }
    return {"order_id": order_id}


def _find_person(world: World, email: str) -> str:
    for number, person in world["staff"].items():
        if person["email"].lower() == email.strip().lower():
            return number
    raise RefusalError(HTTPStatus.NOT_FOUND, "reporter not found")


def close_order(world: World, order_id: str) -> dict[str, Any]:
    """Close an order that is open."""
    _find_open(world, order_id)["status"] = "closed"
    return {"status": "closed"}


def reserve_part(world: World, order_id: str, part_id: str) -> dict[str, Any]:
    """Take a part from stock for an open order."""
    order, part = _find_open(world, order_id), _find(world, "parts", part_id)
    if part["stock"] < 1:
        raise RefusalError(HTTPStatus.CONFLICT, "out of stock")
    part["stock"] -= 1
    order.update(part=part_id, supply="reserved")
    return {"status": "reserved"}


def request_part(world: World, order_id: str, part_id: str) -> dict[str, Any]:
    """Have purchase buy a part for an open order."""
    order = _find_open(world, order_id)
    _find(world, "parts", part_id)
    order.update(part=part_id, supply="requested")
    return {"status": "requested"}


def hand_over(world: World, machine_id: str, reason: str) -> dict[str, Any]:
    """Put a machine into the shift lead's hands."""
    _find(world, "machines", machine_id)
    world["handovers"][machine_id] = reason
    return {"status": "handed over"}


def demo_state() -> World:
    """The world that a live conversation with a freshly deployed agent meets."""
    limits = {"temperature": 80, "vibration": 40, "pressure": 50, "oil": 30}
    calm = {"temperature": 58, "vibration": 16, "pressure": 22, "oil": 72}
    return {
        "machines": {
            "2417": {"kind": "north press", "state": "stopped", "readings": {**calm, "oil": 12}, "limits": limits},
            "2520": {
                "kind": "south pump",
                "state": "running",
                "readings": {**calm, "temperature": 94},
                "limits": limits,
            },
            "2631": {"kind": "east mill", "state": "alarm", "readings": calm, "limits": limits},
        },
        "orders": {
            "5208": {
                "machine": "2520",
                "fault": "bearing wear",
                "priority": "normal",
                "status": "open",
                "technician": "312",
            }
        },
        "faults": {
            "drive overheating": {"part": "1215"},
            "rotor imbalance": {"part": "1215"},
            "bearing wear": {"part": "1215"},
            "line blockage": {"part": "1207"},
            "oil leak": {"part": "1207"},
        },
        "parts": {
            "1207": {"name": "rubber seal", "stock": 4, "bin": "7304"},
            "1215": {"name": "steel belt", "stock": 0, "bin": "7118"},
        },
        "staff": {
            "311": {"name": "Nora Hofer", "email": "nora.hofer@example.com"},
            "312": {"name": "Emil Urban", "email": "emil.urban@example.com"},
        },
        "handovers": {},
    }
