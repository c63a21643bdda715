"""The desk's world as a transcript shows it, before its first call.

Invariant: what a tool has told stands here as it was told; what nobody looked up is assumed to be the ordinary
case of what was asked, and ``assumed`` names it.
"""

from __future__ import annotations

import re
from typing import Any

from ..judge.record import TOOLS, Call, Record, Request  # noqa: TID252 - a recipe has no name of its own to import by

_ENDED = ("cancelled", "refunded", "exchanged")
_ORDINARY = {"cancel": "processing", "address": "processing", "track": "shipped", "orders": "processing"}
_ITEM = re.compile(r"\bthe ((?:red|blue|green|white|black|grey|brown|yellow) \w+)", re.IGNORECASE)
_IS = re.compile(r"order is (\w+)")


class Desk:
    """Customers, orders and goods."""

    def __init__(self, record: Record, own: str) -> None:
        self.record, self.own = record, own
        self.assumed: list[str] = []
        self.customers: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.goods: dict[str, dict[str, Any]] = {}
        self.missing = {call.order for call in record.calls if call.status == 404 and "order_id" in call.arguments}
        self._changed: set[str] = set()
        for call in record.calls:
            self._learn(call)
        self._number_of(own)

    def order(self, request: Request, number: str) -> dict[str, Any]:
        """An order that is asked about, assumed where it was not looked up."""
        order = self.orders.get(number)
        if order is None:
            order = self._assume_order(number, _ORDINARY.get(request.about, "delivered"))
        return order

    def new_order(self, request: Request) -> str:
        """An order of the customer's that nothing tells of."""
        number = next(str(n) for n in range(8001, 9000) if str(n) not in self.orders)
        self.order(request, number)
        return number

    def find_goods(self, request: Request) -> tuple[str, dict[str, Any]] | None:
        """The goods that a request names, assumed where nobody looked; None where the catalogue lacks them."""
        words = request.words.lower()
        for number, item in self.goods.items():
            if item["name"] in words:
                return number, item
        named = _ITEM.search(request.words)
        asked = [str(call.arguments.get("query", "")).strip().lower() for call in self.record.find_failed(404)]
        if named is None or named[1].lower() in asked:
            return None
        number = next(str(n) for n in range(1901, 1999) if str(n) not in self.goods)
        self.goods[number] = {"name": named[1].lower(), "price": 50, "stock": 5}
        self.assumed.append(f"goods/{number}")
        return number, self.goods[number]

    def is_strangers(self, order: dict[str, Any]) -> bool:
        """Whether an order is another's than the customer's."""
        return order["customer"] != self._number_of(self.own)

    def orders_of_own(self) -> list[str]:
        """The customer's orders, two where none is known."""
        found = [number for number, order in self.orders.items() if not self.is_strangers(order)]
        request = Request("orders", None, "")
        return found or [self.new_order(request), self.new_order(request)]

    def to_state(self) -> dict[str, Any]:
        """The world as the simulator takes it."""
        return {"customers": self.customers, "orders": self.orders, "goods": self.goods, "handovers": {}}

    def _learn(self, call: Call) -> None:
        told = call.result
        if call.name == "get_order" and told is not None:
            self._learn_order(call.order, told)
        elif call.name == "get_shipment":
            self._learn_shipment(call)
        elif call.name == "search_catalogue" and told is not None:
            name = str(call.arguments.get("query", "")).strip().lower()
            item = {"name": name, "price": told.get("price"), "stock": told.get("stock")}
            self.goods.setdefault(str(told.get("item_id")), item)
        elif call.name == "find_customer" and told is not None:
            number = self._number_of(str(call.arguments.get("email", "")).lower(), str(told.get("customer_id")))
            for order in told.get("orders", []):
                self.orders.setdefault(str(order), self._make_order("processing", number))
        elif told is not None and call.name in TOOLS.values():
            self._changed.add(call.order)

    def _learn_order(self, number: str, told: dict[str, Any]) -> None:
        if number in self._changed:
            return  # what it shows is what the agent made of it
        order = self._make_order(str(told.get("status")), self._number_of(str(told.get("email")).lower()))
        order |= {name: told[name] for name in ("price", "days") if name in told}
        seen = self.orders.get(number, {})
        if "arrives" in seen:
            order |= {name: seen[name] for name in ("carrier", "arrives")}
        if number not in self.orders or order["status"] not in _ENDED:
            self.orders[number] = order

    def _learn_shipment(self, call: Call) -> None:
        if call.result is not None:
            order = self.orders.setdefault(call.order, self._make_order("shipped", self._number_of(self.own)))
            order |= {name: call.result[name] for name in ("carrier", "arrives")}
        elif call.status == 409 and call.order not in self.orders:
            found = _IS.search(call.error)
            self.orders[call.order] = self._make_order(found[1] if found else "processing", self._number_of(self.own))

    def _assume_order(self, number: str, status: str) -> dict[str, Any]:
        self.orders[number] = self._make_order(status, self._number_of(self.own))
        self.assumed.append(f"orders/{number}")
        return self.orders[number]

    def _make_order(self, status: str, customer: str) -> dict[str, Any]:
        order: dict[str, Any] = {"customer": customer, "status": status, "price": 50, "item": "parcel"}
        order["address"] = "99 Mill Street"
        if status == "shipped":
            order |= {"carrier": "DPX", "arrives": "Friday"}
        if status == "delivered":
            order["days"] = 10
        return order

    def _number_of(self, email: str, number: str | None = None) -> str:
        """The number of the customer with an e-mail address, who is there from then on."""
        known = next((name for name, one in self.customers.items() if one["email"].lower() == email), None)
        if known is None:
            known = number or next(str(n) for n in range(901, 999) if str(n) not in self.customers)
            self.customers[known] = {"name": "Customer", "email": email, "address": "99 Mill Street"}
        elif number is not None and number != known:
            self.customers[number] = self.customers.pop(known)
            for order in self.orders.values():
                order["customer"] = number if order["customer"] == known else order["customer"]
            known = number
        return known
