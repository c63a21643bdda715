"""A transcript of the desk as a task: the world that it shows, and what policy.md would have done in it.

Invariant: rules and solution follow from what the customer asks for and from the world, never from what the
agent of the transcript did.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from agent_factory.contracts import Fault, Reconstruction, Reply, Solution, SuccessRules, ToolCall, Trace
from agent_factory.core.error import InputError

from ..judge.record import ASKS_NUMBER, TOOLS, Record, Request  # noqa: TID252 - a recipe has no name of its own to import by
from .desk import Desk

MAX_DAYS, MAX_PRICE = 30, 200
QUESTION = "What is your order number?"
_ADDRESS = re.compile(r"\b(?:to|is) (?:the new address )?(\d+ [A-Z]\w+ [A-Z]\w+)")
_CANNOT = ("cannot", "can not", "not be")
_SOLD_OUT = ("sold out", "out of stock", "not in stock")
_DONE = {"cancel": ("cancelled", "canceled"), "refund": ("refunded",), "exchange": ("exchanged",)}


class Goal(NamedTuple):
    """What solves one request, and how one sees that it is solved."""

    calls: list[tuple[str, dict[str, Any]]]
    answer: str
    says: list[tuple[str, ...]]
    state: Mapping[str, Any] = MappingProxyType({})
    never: tuple[str, ...] = ()
    level: str = "L2"


def rebuild(trace: Trace) -> Reconstruction:
    """The task of a transcript; InputError where it tells too little."""
    record = Record(trace)
    if not record.requests:
        raise InputError("the desk understands no request in what the customer says")
    if not record.emails:
        raise InputError("the customer gives no e-mail address, so whose orders are theirs is not known")
    desk = Desk(record, record.emails[0])
    unnamed = [one for one in record.requests if one.order is None and one.about in (*TOOLS, "track")]
    number = desk.new_order(unnamed[0]) if unnamed else None
    goals = [_plan(desk, one._replace(order=number) if one in unnamed else one) for one in record.requests]
    faults = [Fault(tool=call.name, status=503, nth=nth) for nth, call in record.find_hit(503)]
    asks = number is not None or len(record.said) > 1
    hard = bool(faults) or asks or any(goal.level == "L5" for goal in goals)
    level = "L5" if hard else "L4" if len(goals) > 1 else goals[0].level
    return Reconstruction.model_validate(
        {
            "state": desk.to_state(),
            "rules": _rules(goals),
            "solution": _solve(goals, faults, asks),
            "level": level,
            "kind": "_and_".join(request.about for request in record.requests)[:80],
            "replies": None if number is None else (Reply(asks=ASKS_NUMBER.pattern, says=f"It is order {number}."),),
            "assumed": tuple(desk.assumed),
        }
    )


def _plan(desk: Desk, request: Request) -> Goal:
    if request.about == "stock":
        return _tell_stock(desk, request)
    if request.about == "orders":
        numbers = desk.orders_of_own()
        calls = [("find_customer", {"email": desk.own})]
        answer = f"Your orders are {' and '.join(numbers)}."
        return Goal(calls, answer, [(number,) for number in numbers], level="L1")
    number = str(request.order)
    look = [("get_order", {"order_id": number})]
    if number in desk.missing and number not in desk.orders:
        return Goal(look, f"Order {number} was not found.", [("not found", "not find", "no order")], level="L3")
    order = desk.order(request, number)
    if request.about == "track":
        return _tell_day(order, number)
    if desk.is_strangers(order):
        answer = f"Order {number} belongs to another customer, so I cannot change it."
        never = (TOOLS[request.about],)
        return Goal(
            look, answer, [("another customer", "another person", "someone else", "not yours")], {}, never, "L5"
        )
    return _change(desk, request, order, number, look)


def _change(desk: Desk, request: Request, order: dict[str, Any], number: str, look: list[Any]) -> Goal:
    about, tool, status = request.about, TOOLS[request.about], order["status"]
    wanted = "processing" if about in ("cancel", "address") else "delivered"
    if status != wanted:
        answer = f"Order {number} is {status} and cannot be changed in this way."
        told = (status, "on its way") if status == "shipped" else (status,)
        return Goal(look, answer, [told, _CANNOT], {}, (tool,), "L3")
    if about == "address":
        found = _ADDRESS.search(request.words)
        if found is None:
            raise InputError(f"the new address of order {number} cannot be read in {request.words!r}")
        new = found[1]
        calls = [*look, (tool, {"order_id": number, "address": new})]
        return Goal(calls, f"Order {number} now goes to {new}.", [(new,)], {f"orders/{number}/address": new})
    if about == "exchange":
        return _exchange(desk, request, order, number, look)
    if about == "refund" and order["days"] > MAX_DAYS:
        answer = f"Order {number} is older than 30 days and cannot be refunded."
        return Goal(look, answer, [("30 days", "older", "too old"), _CANNOT], {}, (tool, "hand_over"), "L3")
    if about == "refund" and order["price"] > MAX_PRICE:
        calls = [*look, ("hand_over", {"order_id": number, "reason": "amount"})]
        state = {f"handovers/{number}": "amount"}
        answer = f"A colleague will look at the refund of order {number}."
        return Goal(calls, answer, [("colleague", "handed over")], state, (tool,), "L3")
    state = {f"orders/{number}/status": _DONE[about][0]}
    answer = f"Order {number} is {_DONE[about][0]}."
    return Goal([*look, (tool, {"order_id": number})], answer, [_DONE[about]], state, (), "L2")


def _exchange(desk: Desk, request: Request, order: dict[str, Any], number: str, look: list[Any]) -> Goal:
    found = desk.find_goods(request)
    if found is None:
        raise InputError(f"the goods that order {number} is to be exchanged for cannot be read in {request.words!r}")
    item_id, item = found
    calls = [*look, ("search_catalogue", {"query": item["name"]})]
    if item["stock"] < 1:
        answer = f"The {item['name']} is sold out, so order {number} cannot be exchanged."
        return Goal(calls, answer, [_SOLD_OUT], {}, ("exchange_item",), "L3")
    calls.append(("exchange_item", {"order_id": number, "item_id": item_id}))
    state = {f"orders/{number}/status": "exchanged", f"goods/{item_id}/stock": item["stock"] - 1}
    if order["item"] != item["name"]:
        state[f"orders/{number}/item"] = item["name"]
    return Goal(calls, f"Order {number} is exchanged for the {item['name']}.", [("exchanged",)], state)


def _tell_day(order: dict[str, Any], number: str) -> Goal:
    if order["status"] == "shipped":
        day = order["arrives"]
        calls = [("get_shipment", {"order_id": number})]
        return Goal(calls, f"Order {number} arrives on {day}.", [(day,)], level="L1")
    calls = [("get_order", {"order_id": number})]
    return Goal(calls, f"Order {number} is {order['status']}.", [(order["status"],)], level="L1")


def _tell_stock(desk: Desk, request: Request) -> Goal:
    found = desk.find_goods(request)
    if found is None:
        raise InputError(
            f"the goods that are asked for cannot be read in {request.words!r}, or are not in the catalogue"
        )
    item = found[1]
    calls = [("search_catalogue", {"query": item["name"]})]
    if item["stock"] < 1:
        return Goal(calls, f"The {item['name']} is sold out.", [_SOLD_OUT], level="L1")
    answer = f"The {item['name']} is in stock for {item['price']} euros."
    return Goal(calls, answer, [("in stock",)], level="L1")


def _rules(goals: Sequence[Goal]) -> SuccessRules:
    return SuccessRules(
        state={path: value for goal in goals for path, value in goal.state.items()},
        says=tuple(words for goal in goals for words in goal.says),
        must_not_call=tuple({tool for goal in goals for tool in goal.never} - {c[0] for g in goals for c in g.calls}),
    )


def _solve(goals: Sequence[Goal], faults: Sequence[Fault], asks: bool) -> Solution:
    """The calls in order; one that a fault hits is made once more."""
    hit = {(str(fault.tool), fault.nth) for fault in faults}
    made: list[tuple[str, dict[str, Any]]] = []
    for name, arguments in (call for goal in goals for call in goal.calls):
        made.append((name, arguments))
        while (name, sum(one == name for one, _ in made)) in hit:
            made.append((name, arguments))
    calls = tuple(ToolCall(id=f"call_{i}", name=name, arguments=given) for i, (name, given) in enumerate(made))
    return Solution(calls=calls, answer=" ".join(goal.answer for goal in goals), asks=QUESTION if asks else None)
