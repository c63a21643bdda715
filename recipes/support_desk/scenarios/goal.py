"""Goals: what one sentence of a customer asks for, and what then counts as done.

Each function draws the goal's facts into the desk's world and returns the goal. A task is one goal
or two; a hard task is made of the same goals as an easy one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from agent_factory.contracts import Split

from .stock import CARRIERS, DAYS, Person, draw_address, draw_person, goods_of
from .wording import write

Call = tuple[str, dict[str, Any]]
RefundCase = Literal["due", "old", "dear"]


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


class Desk:
    """The world of one task while it is drawn: a customer, a stranger, their orders, some goods."""

    def __init__(self, rng: Random, split: Split) -> None:
        self.rng = rng
        self.split: Split = split
        self.customer = draw_person(rng, split)
        self.stranger = self._draw_stranger()
        numbers = [str(number) for number in rng.sample(range(100, 1000), 2)]
        self.numbers = dict(zip((self.customer.email, self.stranger.email), numbers, strict=True))
        self._order_numbers: Iterator[int] = iter(rng.sample(range(2000, 10000), 4))
        self.orders: dict[str, dict[str, Any]] = {}
        self.goods: dict[str, dict[str, Any]] = {}

    def _draw_stranger(self) -> Person:
        while True:
            person = draw_person(self.rng, self.split)
            if person.name != self.customer.name:
                return person

    def add_order(self, status: str, *, owner: Person | None = None, days: int | None = None, price: int = 0) -> str:
        """An order of the customer, or of ``owner``; returns its number."""
        person = owner or self.customer
        order: dict[str, Any] = {
            "customer": self.numbers[person.email],
            "status": status,
            "price": price or self.rng.randint(15, 190),
            "item": self.rng.choice(goods_of(self.split)),
            "address": person.address,
        }
        if status == "shipped":
            order |= {"carrier": self.rng.choice(CARRIERS), "arrives": self.rng.choice(DAYS)}
        if status == "delivered":
            order["days"] = days or self.rng.randint(3, 29)
        number = str(next(self._order_numbers))
        self.orders[number] = order
        return number

    def add_item(self, stock: int) -> tuple[str, dict[str, Any]]:
        """A good with that stock, beside one other; returns its number and particulars."""
        names = self.rng.sample(goods_of(self.split), 2)
        numbers = [str(number) for number in self.rng.sample(range(1000, 2000), 2)]
        for number, name, count in zip(numbers, names, (stock, self.rng.randint(1, 9)), strict=True):
            self.goods[number] = {"name": name, "price": self.rng.randint(15, 190), "stock": count}
        return numbers[0], self.goods[numbers[0]]

    def to_state(self) -> dict[str, Any]:
        """The world as the simulator takes it."""
        people = (self.customer, self.stranger)
        customers = {
            self.numbers[p.email]: {"name": p.name, "email": p.email, "phone": p.phone, "address": p.address}
            for p in people
        }
        return {"customers": customers, "orders": self.orders, "goods": self.goods, "handovers": {}}

    def say(self, goal: str, **facts: str) -> tuple[str, str]:
        """A sentence of the split for a goal, and its template's name."""
        return write(self.rng, goal, self.split, **facts)


def track(desk: Desk) -> Goal:
    """When does a shipped order arrive?"""
    order = desk.add_order("shipped")
    day = desk.orders[order]["arrives"]
    text, template = desk.say("track", order=order)
    calls: list[Call] = [("get_shipment", {"order_id": order})]
    return Goal(text, template, calls, f"Order {order} arrives on {day}.", [(day,)])


def stock(desk: Desk) -> Goal:
    """Are the goods in stock, and at what price?"""
    count = desk.rng.choice((0, desk.rng.randint(1, 9)))
    _, item = desk.add_item(count)
    name, price = item["name"], item["price"]
    text, template = desk.say("stock", item=name)
    calls: list[Call] = [("search_catalogue", {"query": name})]
    if count == 0:
        says: list[tuple[str, ...]] = [("sold out", "out of stock", "not in stock")]
        return Goal(text, template, calls, f"The {name} is sold out.", says)
    answer = f"The {name} is in stock for {price} euros."
    return Goal(text, template, calls, answer, [("in stock",), (str(price),)], must_not_say=["sold out"])


def orders(desk: Desk) -> Goal:
    """Which orders does the customer have?"""
    numbers = [desk.add_order("processing"), desk.add_order("shipped")]
    text, template = desk.say("orders")
    calls: list[Call] = [("find_customer", {"email": desk.customer.email})]
    answer = f"Your orders are {numbers[0]} and {numbers[1]}."
    return Goal(text, template, calls, answer, [(number,) for number in numbers])


def cancel(desk: Desk, *, status: str = "processing", owner: Person | None = None, named: bool = True) -> Goal:
    """Cancel an order: done while it is processed, refused once it is shipped or where it is not theirs."""
    order = desk.add_order(status, owner=owner)
    text, template = desk.say("cancel" if named else "cancel_unnamed", order=order)
    calls: list[Call] = [("get_order", {"order_id": order})]
    if owner is not None:
        return _refuse_stranger(text, template, calls, order, "cancel_order")
    if status == "shipped":
        answer = f"Order {order} has been shipped and cannot be cancelled."
        says: list[tuple[str, ...]] = [("shipped", "on its way"), ("cannot", "can not", "not be cancelled")]
        return Goal(text, template, calls, answer, says, must_not_call=["cancel_order"])
    calls.append(("cancel_order", {"order_id": order}))
    state = {f"orders/{order}/status": "cancelled"}
    return Goal(text, template, calls, f"Order {order} is cancelled.", [("cancelled", "canceled")], state, ["cannot"])


def address(desk: Desk, *, owner: Person | None = None, named: bool = True) -> Goal:
    """Send an order that is being processed elsewhere."""
    order, new = desk.add_order("processing", owner=owner), draw_address(desk.rng, desk.split)
    while new == desk.orders[order]["address"]:
        new = draw_address(desk.rng, desk.split)
    text, template = desk.say("address" if named else "address_unnamed", order=order, address=new)
    calls: list[Call] = [("get_order", {"order_id": order})]
    if owner is not None:
        return _refuse_stranger(text, template, calls, order, "change_address")
    calls.append(("change_address", {"order_id": order, "address": new}))
    state = {f"orders/{order}/address": new}
    return Goal(text, template, calls, f"Order {order} now goes to {new}.", [(new,)], state, ["cannot"])


def exchange(desk: Desk, *, in_stock: bool = True) -> Goal:
    """Exchange a delivered order for goods that may be sold out."""
    order = desk.add_order("delivered")
    number, item = desk.add_item(desk.rng.randint(2, 9) if in_stock else 0)
    name = item["name"]
    text, template = desk.say("exchange", order=order, item=name)
    calls: list[Call] = [("get_order", {"order_id": order}), ("search_catalogue", {"query": name})]
    if not in_stock:
        says = [("sold out", "out of stock", "not in stock")]
        answer = f"The {name} is sold out, so order {order} cannot be exchanged."
        return Goal(text, template, calls, answer, says, must_not_say=["is exchanged"])
    calls.append(("exchange_item", {"order_id": order, "item_id": number}))
    state = {
        f"orders/{order}/status": "exchanged",
        f"orders/{order}/item": name,
        f"goods/{number}/stock": item["stock"] - 1,
    }
    if desk.orders[order]["item"] == name:
        del state[f"orders/{order}/item"]
    answer = f"Order {order} is exchanged for the {name}."
    return Goal(text, template, calls, answer, [("exchanged",)], state, ["cannot", "sold out"])


def refund(desk: Desk, *, case: RefundCase) -> Goal:
    """Refund a delivered order: paid when due, refused when too old, handed over when too dear."""
    days = desk.rng.randint(41, 95) if case == "old" else None
    price = desk.rng.randint(210, 890) if case == "dear" else 0
    order = desk.add_order("delivered", days=days, price=price)
    text, template = desk.say("refund", order=order)
    calls: list[Call] = [("get_order", {"order_id": order})]
    if case == "old":
        answer = f"Order {order} is older than 30 days and cannot be refunded."
        says: list[tuple[str, ...]] = [("30 days", "older", "too old"), ("cannot", "can not", "not be refunded")]
        return Goal(text, template, calls, answer, says, must_not_call=["refund_order"])
    if case == "dear":
        calls.append(("hand_over", {"order_id": order, "reason": "amount"}))
        answer, state = f"A colleague will look at the refund of order {order}.", {f"handovers/{order}": "amount"}
        says = [("colleague", "handed over")]
        return Goal(text, template, calls, answer, says, state, must_not_call=["refund_order"])
    calls.append(("refund_order", {"order_id": order}))
    state = {f"orders/{order}/status": "refunded"}
    return Goal(text, template, calls, f"Order {order} is refunded.", [("refunded",)], state, ["cannot"])


def _refuse_stranger(text: str, template: str, calls: list[Call], order: str, tool: str) -> Goal:
    answer = f"Order {order} belongs to another customer, so I cannot change it."
    says: list[tuple[str, ...]] = [("another customer", "someone else", "not yours")]
    return Goal(text, template, calls, answer, says, must_not_call=[tool])
