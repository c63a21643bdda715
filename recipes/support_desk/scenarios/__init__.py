"""The tasks of the order desk: 14 kinds in five levels, drawn from a seed.

L1 one look-up; L2 an action after looking up; L3 a decision by policy; L4 two goals in one message;
L5 a fault, a missing fact, or a request that policy forbids. Invariant: a task is a function of
(split, level, seed, index) alone, and nothing that the ``train`` split says, names or sells stands
in the ``eval`` split.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

from agent_factory.contracts import Fault, Level, Message, Reply, Scenario, Solution, Split, SuccessRules, ToolCall

from . import goal as goals
from .goal import Call, Desk, Goal

RECIPE = "support_desk"
TOOLS = (
    *("find_customer", "get_customer", "get_order", "get_shipment", "search_catalogue"),
    *("cancel_order", "refund_order", "change_address", "exchange_item", "hand_over"),
)
ASKS = r"order number|number of (the|your) order|which order"
QUESTION = "What is your order number?"
# A task is as old as this generator: the same seed gives the same task, time included.
_WRITTEN = datetime(2026, 11, 21, tzinfo=UTC)


class Draft:
    """A task while it is made: its goals, then what makes it hard."""

    def __init__(self, *told: Goal) -> None:
        self.goals = told
        self.faults: tuple[Fault, ...] = ()
        self.missing_number: str | None = None

    def calls(self) -> list[Call]:
        """The reference calls; one that meets a fault stands twice."""
        found = [call for goal in self.goals for call in goal.calls]
        for fault in self.faults:
            place = next(i for i, call in enumerate(found) if call[0] == fault.tool)
            found.insert(place, found[place])
        return found


def _either_refund(desk: Desk) -> Draft:
    cases: tuple[goals.RefundCase, ...] = ("due", "old", "dear")
    return Draft(goals.refund(desk, case=desk.rng.choice(cases)))


def _retry(desk: Desk) -> Draft:
    draft = Draft(desk.rng.choice((goals.track, goals.cancel))(desk))
    tool = desk.rng.choice(draft.goals[0].calls)[0]
    draft.faults = (Fault(tool=tool, status=503),)
    return draft


def _ask_number(desk: Desk) -> Draft:
    draft = Draft(desk.rng.choice((goals.cancel, goals.address))(desk, named=False))
    draft.missing_number = next(iter(desk.orders))
    desk.add_order("shipped")
    return draft


def _ask_for_stranger(desk: Desk) -> Draft:
    return Draft(desk.rng.choice((goals.cancel, goals.address))(desk, owner=desk.stranger))


KINDS: dict[Level, dict[str, Callable[[Desk], Draft]]] = {
    "L1": {
        "track_order": lambda desk: Draft(goals.track(desk)),
        "check_stock": lambda desk: Draft(goals.stock(desk)),
        "list_orders": lambda desk: Draft(goals.orders(desk)),
    },
    "L2": {
        "cancel_order": lambda desk: Draft(goals.cancel(desk)),
        "change_address": lambda desk: Draft(goals.address(desk)),
        "exchange_item": lambda desk: Draft(goals.exchange(desk)),
    },
    "L3": {
        "cancel_if_not_shipped": lambda desk: Draft(
            goals.cancel(desk, status=desk.rng.choice(("processing", "shipped")))
        ),
        "refund_by_policy": _either_refund,
        "exchange_if_in_stock": lambda desk: Draft(goals.exchange(desk, in_stock=desk.rng.random() < 0.5)),
    },
    "L4": {
        "cancel_and_track": lambda desk: Draft(goals.cancel(desk), goals.track(desk)),
        "cancel_and_change_address": lambda desk: Draft(goals.cancel(desk), goals.address(desk)),
    },
    "L5": {
        "retry_after_fault": _retry,
        "missing_order_number": _ask_number,
        "order_of_another": _ask_for_stranger,
    },
}


def generate(split: Split, level: Level, count: int, seed: int) -> list[Scenario]:
    """``count`` tasks of a level, its kinds in turn; the same arguments give the same tasks."""
    names = list(KINDS[level])
    return [_make(split, level, names[index % len(names)], seed, index) for index in range(count)]


def _make(split: Split, level: Level, kind: str, seed: int, index: int) -> Scenario:
    name = f"{split}-{level}-{seed}-{index:05d}"
    desk = Desk(Random(name), split)
    draft = KINDS[level][kind](desk)
    text, template = _write(desk, draft)
    reply = _reply(desk, draft)
    return Scenario(
        id=name,
        created_at=_WRITTEN,
        recipe=RECIPE,
        level=level,
        kind=kind,
        template=template,
        split=split,
        seed=seed,
        opening=(Message(role="user", content=text),),
        replies=reply,
        tools=TOOLS,
        state=desk.to_state(),
        faults=draft.faults,
        rules=_rules(draft.goals),
        solution=_solve(draft, asks=QUESTION if reply else None),
    )


def _write(desk: Desk, draft: Draft) -> tuple[str, str]:
    text, template = draft.goals[0].text, draft.goals[0].template
    if len(draft.goals) == 2:
        text, joint = desk.say("two", first=text, second=draft.goals[1].text)
        template = f"{joint}+{template}+{draft.goals[1].template}"
    person = desk.customer
    signed, sign = desk.say("sign", text=text, name=person.name, email=person.email, phone=person.phone)
    return signed, f"{template}+{sign}"


def _reply(desk: Desk, draft: Draft) -> tuple[Reply, ...]:
    if draft.missing_number is None:
        return ()
    return (Reply(asks=ASKS, says=desk.say("number", order=draft.missing_number)[0]),)


def _rules(told: tuple[Goal, ...]) -> SuccessRules:
    return SuccessRules(
        state={path: value for goal in told for path, value in goal.state.items()},
        says=tuple(words for goal in told for words in goal.says),
        must_not_say=tuple(words for goal in told for words in goal.must_not_say),
        must_not_call=tuple(tool for goal in told for tool in goal.must_not_call),
    )


def _solve(draft: Draft, asks: str | None) -> Solution:
    calls = tuple(
        ToolCall(id=f"call_{i}", name=name, arguments=arguments) for i, (name, arguments) in enumerate(draft.calls())
    )
    return Solution(calls=calls, answer=" ".join(goal.answer for goal in draft.goals), asks=asks)
