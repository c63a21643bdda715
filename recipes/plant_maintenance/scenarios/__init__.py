"""The tasks of the maintenance desk: 17 kinds in five levels, drawn from a seed.

L1 one look-up; L2 an action after looking up; L3 a decision by what is read; L4 two goals in one
message; L5 a fault, a missing fact, or a request that policy forbids. Invariant: a task is a
function of (split, level, seed, index) alone, and nothing that the ``train`` split says, names or
keeps in stock stands in the ``eval`` split.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

from agent_factory.contracts import Fault, Level, Message, Reply, Scenario, Solution, Split, SuccessRules, ToolCall

from . import goal as goals
from .goal import Call, Goal
from .inventory import FAULTS
from .plant import Plant

RECIPE = "plant_maintenance"
TOOLS = (
    *("get_machine", "get_sensors", "get_reading", "get_fault", "find_part", "get_order"),
    *("open_order", "close_order", "reserve_part", "request_part", "hand_over"),
)
ASKS = r"machine number|number of (the|your) machine|which machine"
QUESTION = "What is the machine number?"
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


def _check_anything(plant: Plant) -> Draft:
    return Draft(goals.check(plant, fault=plant.rng.choice((None, None, *FAULTS))))


def _open_unless_running(plant: Plant) -> Draft:
    if plant.rng.random() < 0.5:
        return Draft(goals.open_order(plant, state="running"))
    return Draft(goals.open_order(plant, state=plant.rng.choice(("stopped", "running")), urgency="urgent"))


def _open_and_reserve(plant: Plant) -> Draft:
    first = goals.open_order(plant)
    return Draft(first, goals.reserve_needed(plant, first.calls[-1][1]["fault"]))


def _check_and_reserve(plant: Plant) -> Draft:
    fault = plant.rng.choice(FAULTS)
    return Draft(goals.check(plant, fault=fault), goals.reserve_needed(plant, fault))


def _retry(plant: Plant) -> Draft:
    draft = Draft(plant.rng.choice((goals.reading, goals.close))(plant))
    tool = plant.rng.choice(draft.goals[0].calls)[0]
    draft.faults = (Fault(tool=tool, status=503),)
    return draft


def _ask_number(plant: Plant) -> Draft:
    draft = Draft(goals.open_order(plant, named=False))
    draft.missing_number = draft.goals[0].calls[0][1]["machine_id"]
    return draft


KINDS: dict[Level, dict[str, Callable[[Plant], Draft]]] = {
    "L1": {
        "read_sensor": lambda plant: Draft(goals.reading(plant)),
        "find_part": lambda plant: Draft(goals.part(plant)),
        "find_technician": lambda plant: Draft(goals.technician(plant)),
        "part_of_fault": lambda plant: Draft(goals.need(plant)),
    },
    "L2": {
        "open_order": lambda plant: Draft(goals.open_order(plant)),
        "close_order": lambda plant: Draft(goals.close(plant)),
        "reserve_part": lambda plant: Draft(goals.reserve(plant)),
    },
    "L3": {
        "check_machine": _check_anything,
        "open_unless_running": _open_unless_running,
        "reserve_or_request": lambda plant: Draft(goals.reserve(plant, in_stock=plant.rng.random() < 0.5)),
    },
    "L4": {
        "open_and_reserve": _open_and_reserve,
        "check_and_reserve": _check_and_reserve,
        "close_and_find_part": lambda plant: Draft(goals.close(plant), goals.part(plant, in_stock=True)),
    },
    "L5": {
        "retry_after_fault": _retry,
        "missing_machine_number": _ask_number,
        "second_order": lambda plant: Draft(goals.open_order(plant, known=True)),
        "safety_alarm": lambda plant: Draft(goals.open_order(plant, state="alarm")),
    },
}


def generate(split: Split, level: Level, count: int, seed: int) -> list[Scenario]:
    """``count`` tasks of a level, its kinds in turn; the same arguments give the same tasks."""
    names = list(KINDS[level])
    return [_make(split, level, names[index % len(names)], seed, index) for index in range(count)]


def _make(split: Split, level: Level, kind: str, seed: int, index: int) -> Scenario:
    name = f"{split}-{level}-{seed}-{index:05d}"
    plant = Plant(Random(name), split)
    draft = KINDS[level][kind](plant)
    text, template = _write(plant, draft)
    reply = _reply(plant, draft)
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
        state=plant.to_state(),
        faults=draft.faults,
        rules=_rules(draft.goals),
        solution=_solve(draft, asks=QUESTION if reply else None),
    )


def _write(plant: Plant, draft: Draft) -> tuple[str, str]:
    text, template = draft.goals[0].text, draft.goals[0].template
    if len(draft.goals) == 2:
        text, joint = plant.say("two", first=text, second=draft.goals[1].text)
        template = f"{joint}+{template}+{draft.goals[1].template}"
    person = plant.reporter
    signed, sign = plant.say("sign", text=text, name=person.name, email=person.email, phone=person.phone)
    return signed, f"{template}+{sign}"


def _reply(plant: Plant, draft: Draft) -> tuple[Reply, ...]:
    if draft.missing_number is None:
        return ()
    return (Reply(asks=ASKS, says=plant.say("number", machine=draft.missing_number)[0]),)


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
