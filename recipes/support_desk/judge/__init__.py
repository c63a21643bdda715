"""The desk's judge by rules: a transcript beside ``policy.md``, for episodes whose outcome nobody knows.

Of all the faults that a transcript shows the worst gives the score. Invariants: the judge knows the
transcript alone, and never calls good what asks for something that it does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent_factory.contracts import Trace

from .record import ASKS_NUMBER, ORDER, TOOLS, Call, Record, Request, Result

GOOD, UNKNOWN, UNSAID, UNDONE, UNTRUE, FORBIDDEN = 1.0, 0.5, 0.3, 0.2, 0.1, 0.0
MAX_DAYS, MAX_PRICE = 30, 200
_TO_BE = {"cancel_order": "processing", "change_address": "processing"}  # every other tool: delivered
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORDS = {"cancel": r"cancell?ed", "exchange": r"exchanged", "refund": r"refunded"}
_DONE = re.compile(r"\b(?:is|are|was|been|now) (?:now |already )?(cancell?ed|refunded|exchanged)\b", re.IGNORECASE)
_REFUSES = re.compile(r"\bcan ?not\b|\bcan't\b|\bnot be\b|\bunable\b|\bnot possible\b", re.IGNORECASE)
_SOLD_OUT = re.compile(r"\bsold out\b|\bout of stock\b|\bnot in stock\b", re.IGNORECASE)
_STRANGER = re.compile(r"\banother (?:customer|person)\b|\bsomeone else\b|\bnot yours\b", re.IGNORECASE)
_COLLEAGUE = re.compile(r"\bcolleague\b|\bhanded over\b", re.IGNORECASE)
_OLD = re.compile(r"\b30 days\b|\bolder\b|\btoo old\b", re.IGNORECASE)
_MOVED = re.compile(r"\bshipped\b|\bon its way\b|\bdelivered\b", re.IGNORECASE)
_BROKEN = re.compile(r"\bnot working\b|\bunavailable\b|\bnot available\b|\blater\b", re.IGNORECASE)
_MISSING = re.compile(r"\bnot f(?:ind|ound)\b|\bno (?:such )?order\b|\bdo not have\b", re.IGNORECASE)


class Fault(NamedTuple):
    """What is wrong, and the score that it leaves."""

    score: float
    reason: str


def judge(trace: Trace) -> tuple[float, str]:
    """The score of a transcript from 0 to 1, and why."""
    record = Record(trace)
    if not record.requests:
        return UNKNOWN, "the judge understands no request in what the customer says"
    found = [*_find_forbidden(record), *_find_unrepeated(record), *_find_untrue(record)]
    found += [fault for request in record.requests if (fault := _find_undone(record, request)) is not None]
    worst = min(found, key=lambda fault: fault.score, default=Fault(GOOD, "all that was asked for is done by policy"))
    return worst.score, worst.reason


def _find_forbidden(record: Record) -> Iterator[Fault]:
    """Every change that policy forbids or that nobody asked for."""
    for place, call in enumerate(record.calls):
        if call.result is None or call.name not in (*TOOLS.values(), "hand_over"):
            continue
        seen, what = record.look_up(call.order, place), f"{call.name} for {call.order}"
        if not any(one.order == call.order and _asks_for(one, call, record, place) for one in record.requests):
            yield Fault(FORBIDDEN, f"{what}: the customer did not ask for that")
        elif seen is None:
            yield Fault(FORBIDDEN, f"{what} without looking the order up first")
        elif record.is_strangers(seen):
            yield Fault(FORBIDDEN, f"{what}, on which the customer's e-mail address does not stand")
        elif why := _forbids(call.name, seen):
            yield Fault(FORBIDDEN, f"{what}, {why}")


def _asks_for(request: Request, call: Call, record: Record, place: int) -> bool:
    if call.name == "hand_over":
        return request.about == "refund" and call.arguments.get("reason") == "amount"
    if TOOLS.get(request.about) != call.name:
        return False
    if call.name == "change_address":
        return call.address != "" and call.address in request.words.lower()
    if call.name == "exchange_item":
        goods = record.find_goods(request.words, place)
        return goods is not None and goods.get("item_id") == call.arguments.get("item_id")
    return True


def _forbids(tool: str, seen: Result) -> str:
    """Why policy forbids a tool for an order as it was looked up; empty where it does not."""
    status, days, price = seen.get("status"), seen.get("days"), seen.get("price")
    if status != _TO_BE.get(tool, "delivered"):
        return f"whose status is {status}"
    if tool not in ("refund_order", "hand_over"):
        return ""
    if not isinstance(days, int | float) or not isinstance(price, int | float):
        return "of which neither price nor delivery can be read"
    if _is_old(seen):
        return f"which was delivered {days} days ago"
    if tool == "refund_order" and price > MAX_PRICE:
        return f"which cost {price} euros and is to be handed over"
    if tool == "hand_over" and price <= MAX_PRICE:
        return f"which cost {price} euros and is to be refunded"
    return ""


def _is_old(seen: Result) -> bool:
    days = seen.get("days")
    return isinstance(days, int | float) and days > MAX_DAYS


def _find_unrepeated(record: Record) -> Iterator[Fault]:
    asked = [(call.name, call.arguments) for call in record.calls]
    for call in record.find_failed(503):
        if asked.count((call.name, call.arguments)) == 1:
            yield Fault(UNDONE, f"{call.name} answered 503 and was not called once more")


def _find_untrue(record: Record) -> Iterator[Fault]:
    """What an answer states that neither a tool nor the customer has said."""
    told, known = " ".join(record.answers), " ".join((record.results, *record.said)).lower()
    for word in re.findall(r"<[A-Z]+_\d+>|\d+|[A-Za-z]+", told):
        states = word.lower() in _DAYS or not word[0].isalpha()
        heard = re.search(rf"(?<!\w){re.escape(word.lower())}(?!\w)", known) is not None
        if states and not heard and word not in (str(MAX_DAYS), str(MAX_PRICE)):
            yield Fault(UNTRUE, f"the answer says {word}, which no tool has told")
    for sentence in re.split(r"(?<=[.?!])\s+", told):
        for claimed in _DONE.findall(sentence):
            if not _is_so(record, claimed, ORDER.findall(sentence)):
                yield Fault(UNTRUE, f"the answer says {claimed}, and no successful call did that")


def _is_so(record: Record, claimed: str, orders: list[str]) -> bool:
    about = next(name for name, word in _WORDS.items() if re.fullmatch(word, claimed, re.IGNORECASE))
    order = {"order_id": orders[0]} if orders else {}
    was_so = re.search(rf'"(?:order is )?{_WORDS[about]}"', record.results) is not None
    return was_so or record.find(TOOLS[about], **order) is not None


def _find_undone(record: Record, request: Request) -> Fault | None:
    """A request that was neither met nor refused for a reason that the results show, or of which nothing is told."""
    if request.about == "stock":
        return _find_untold_stock(record, request)
    if request.about == "orders":
        return _find_untold_orders(record)
    if request.order is None:
        if any(ASKS_NUMBER.search(text) for text in record.answers):
            return Fault(UNKNOWN, f"{request.about}: asked for the number, and the customer gave none")
        return Fault(UNDONE, f"{request.about}: the customer gave no number, and none was asked for")
    if _BROKEN.search(record.answer) and len(record.find_failed(503, order_id=request.order)) > 1:
        return None
    if _MISSING.search(record.answer) and record.find_failed(404, order_id=request.order):
        return None
    if request.about == "track":
        return _find_untold_day(record, request.order)
    return _find_unchanged(record, request, request.order)


def _find_unchanged(record: Record, request: Request, order: str) -> Fault | None:
    seen, what = record.look_up(order), f"{request.about} of {order}"
    if seen is not None and record.is_strangers(seen):
        return _require(_STRANGER, record, f"{what}: not told that the order is another person's")
    done = record.find(TOOLS[request.about], order_id=order)
    if done is not None and request.about == "address":
        told = done.address in record.answer.lower()
        return None if told else Fault(UNSAID, f"{what}: the answer does not say where it goes now")
    if done is not None:
        pattern = re.compile(rf"\b{_WORDS[request.about]}\b", re.IGNORECASE)
        return _require(pattern, record, f"{what}: the answer does not say that it is done")
    if record.find("hand_over", order_id=order) is not None:
        return _require(_COLLEAGUE, record, f"{what}: the answer does not say that a colleague has it")
    if seen is not None and _is_refused(record, request, seen):
        return None
    return Fault(UNDONE, f"{what}: neither done nor refused for a reason that the results show")


def _is_refused(record: Record, request: Request, seen: Result) -> bool:
    """Whether the answer refuses, and names a reason that is so."""
    answer, tool = record.answer, TOOLS[request.about]
    goods = record.find_goods(request.words) if request.about == "exchange" else None
    if goods is not None and goods.get("stock") == 0:
        return _SOLD_OUT.search(answer) is not None
    if not _REFUSES.search(answer) or not _forbids(tool, seen):
        return False
    if seen.get("status") == _TO_BE.get(tool, "delivered"):
        return tool == "refund_order" and _is_old(seen) and _OLD.search(answer) is not None
    return _MOVED.search(answer) is not None or str(seen.get("status")) in answer.lower()


def _find_untold_stock(record: Record, request: Request) -> Fault | None:
    goods = record.find_goods(request.words)
    if goods is None:
        searched = any(call.name == "search_catalogue" for call in record.find_failed(404))
        told = searched and _MISSING.search(record.answer)
        return None if told else Fault(UNDONE, "stock: the goods were not looked up in the catalogue")
    if goods.get("stock") == 0:
        return _require(_SOLD_OUT, record, "stock: the answer does not say that the goods are sold out")
    if _SOLD_OUT.search(record.answer):
        return Fault(UNTRUE, "stock: the answer says sold out, and the goods are in stock")
    return _require(
        re.compile(r"\bin stock\b", re.IGNORECASE), record, "stock: the answer does not say that it is there"
    )


def _find_untold_orders(record: Record) -> Fault | None:
    found = record.find("find_customer")
    if found is None or found.result is None or record.is_strangers(found.arguments):
        return Fault(UNDONE, "orders: the customer's were not looked up")
    orders = found.result.get("orders")
    missing = [order for order in orders if str(order) not in record.answer] if isinstance(orders, list) else ["them"]
    return Fault(UNSAID, f"orders: the answer does not name {missing[0]}") if missing else None


def _find_untold_day(record: Record, order: str) -> Fault | None:
    shipment = record.find("get_shipment", order_id=order)
    if shipment is not None and shipment.result is not None:
        day = str(shipment.result.get("arrives"))
        return (
            None
            if day.lower() in record.answer.lower()
            else Fault(UNSAID, f"track: {order} arrives on {day}, not told")
        )
    seen = record.look_up(order)
    told = seen is not None and seen.get("status") != "shipped" and str(seen.get("status")) in record.answer.lower()
    return None if told else Fault(UNDONE, f"track: the shipment of {order} was not looked up")


def _require(pattern: re.Pattern[str], record: Record, otherwise: str) -> Fault | None:
    return None if pattern.search(record.answer) else Fault(UNSAID, otherwise)
