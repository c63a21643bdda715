"""The shop's state and what its order system allows.

A world is plain JSON: ``customers``, ``orders`` and ``goods`` by number, ``handovers`` by order.
Invariant: the system refuses what cannot be (a second cancellation, goods that are sold out); what
the desk's policy forbids it does not know, so that a breach of policy shows in the state.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

World = dict[str, Any]

_ENDED = ("cancelled", "refunded", "exchanged")


class RefusalError(Exception):
    """A request that the order system refuses, with its HTTP status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def _find(world: World, table: str, number: str) -> dict[str, Any]:
    found = world[table].get(number)
    if found is None:
        raise RefusalError(HTTPStatus.NOT_FOUND, "not found")
    return found


def _open_order(world: World, order_id: str) -> dict[str, Any]:
    order = _find(world, "orders", order_id)
    if order["status"] in _ENDED:
        raise RefusalError(HTTPStatus.CONFLICT, f"order is {order['status']}")
    return order


def find_customer(world: World, email: str) -> dict[str, Any]:
    """The customer of an e-mail address, with the numbers of their orders."""
    for number, customer in world["customers"].items():
        if customer["email"].lower() == email.strip().lower():
            return {"customer_id": number, "orders": _orders_of(world, number)}
    raise RefusalError(HTTPStatus.NOT_FOUND, "not found")


def get_customer(world: World, customer_id: str) -> dict[str, Any]:
    """A customer's particulars and the numbers of their orders."""
    customer = _find(world, "customers", customer_id)
    return {key: customer[key] for key in ("name", "email", "address")} | {"orders": _orders_of(world, customer_id)}


def _orders_of(world: World, customer_id: str) -> list[str]:
    return [number for number, order in world["orders"].items() if order["customer"] == customer_id]


def get_order(world: World, order_id: str) -> dict[str, Any]:
    """An order with the e-mail address of its customer; ``days`` since delivery, once delivered."""
    order = _find(world, "orders", order_id)
    told = {key: order[key] for key in ("status", "days", "price") if key in order}
    return told | {"email": world["customers"][order["customer"]]["email"]}


def get_shipment(world: World, order_id: str) -> dict[str, Any]:
    """The carrier and day of arrival of a shipped order."""
    order = _find(world, "orders", order_id)
    if order["status"] != "shipped":
        raise RefusalError(HTTPStatus.CONFLICT, f"order is {order['status']}")
    return {"carrier": order["carrier"], "arrives": order["arrives"]}


def search_catalogue(world: World, query: str) -> dict[str, Any]:
    """The goods of that name."""
    for number, item in world["goods"].items():
        if item["name"] == query.strip().lower():
            return {"item_id": number, "price": item["price"], "stock": item["stock"]}
    raise RefusalError(HTTPStatus.NOT_FOUND, "not found")


def cancel_order(world: World, order_id: str) -> dict[str, Any]:
    """Cancel an order, whatever its way to the customer."""
    order = _open_order(world, order_id)
    order["status"] = "cancelled"
    return {"status": "cancelled"}


def refund_order(world: World, order_id: str) -> dict[str, Any]:
    """Pay an order's price back."""
    order = _open_order(world, order_id)
    order["status"] = "refunded"
    return {"status": "refunded"}


def change_address(world: World, order_id: str, address: str) -> dict[str, Any]:
    """Send an order to another address."""
    order = _open_order(world, order_id)
    order["address"] = address.strip().rstrip(".")
    return {"status": "changed"}


def exchange_item(world: World, order_id: str, item_id: str) -> dict[str, Any]:
    """Exchange an order for goods that are in stock."""
    order, item = _open_order(world, order_id), _find(world, "goods", item_id)
    if item["stock"] < 1:
        raise RefusalError(HTTPStatus.CONFLICT, "sold out")
    item["stock"] -= 1
    order.update(status="exchanged", item=item["name"])
    return {"status": "exchanged"}


def hand_over(world: World, order_id: str, reason: str) -> dict[str, Any]:
    """Put an order into a colleague's queue."""
    _find(world, "orders", order_id)
    world["handovers"][order_id] = reason
    return {"status": "handed over"}


def demo_state() -> World:
    """The world that a live conversation with a freshly deployed agent meets."""
    orders = {
        "4417": {"status": "processing", "price": 39, "item": "red lamp"},
        "5520": {"status": "shipped", "price": 120, "item": "blue chair", "carrier": "DPX", "arrives": "Friday"},
        "6031": {"status": "delivered", "days": 12, "price": 64, "item": "white clock"},
        "7284": {"status": "delivered", "days": 71, "price": 85, "item": "green shelf"},
    }
    home = {"customer": "311", "address": "12 Mill Street"}
    anna = {"name": "Anna Berg", "email": "anna.berg@example.com", "address": "12 Mill Street"}
    return {
        "customers": {"311": anna},
        "orders": {number: {**home, **order} for number, order in orders.items()},
        "goods": {
            "1207": {"name": "red lamp", "price": 39, "stock": 4},
            "1215": {"name": "black desk", "price": 140, "stock": 0},
        },
        "handovers": {},
    }
