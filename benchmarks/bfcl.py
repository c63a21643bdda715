"""BFCL's references of multi-turn ``base``: ours replays them and refuses spoiled ones, beside BFCL's own checker.

Every case's reference is played through the kind ``bfcl`` and graded by the scenario's rules; the same calls, as
text, go through BFCL's ``multi_turn_checker`` in the same run. A spoiled sequence is a reference with one call
dropped, one argument changed, two calls swapped, one call moved to the next turn, or one state-changing call more, at
a place drawn by seed; it counts as spoiled where BFCL's checker refuses it: what it takes did no harm, and ours must
take it too.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from agent_factory.contracts import Scenario, ToolCall
from agent_factory.core.error import InputError
from agent_factory.environment.bfcl.package import Case, Package
from agent_factory.environment.bfcl.scenario import play_turns, to_scenario
from agent_factory.environment.bfcl.world import BfclWorld
from benchmarks.figure import Figure, skip

CATEGORY = "multi_turn_base"
_SEED = 20260323
_RUNS = count()  # BFCL keeps instances in module globals, by the name of the model
Turns = list[list[ToolCall]]
Spoil = Callable[[Turns, list[ToolCall], Random], None]


def measure() -> list[Figure]:
    try:
        world = BfclWorld(Package())
    except InputError as error:
        return [skip("bfcl", error)]
    pairs = [(case, to_scenario(world, case, "bfcl")) for case in world.package.cases(CATEGORY).values()]
    whole = [_judge(world, case, scenario, _turns(world, case)) for case, scenario in pairs]
    spoiled = Counter[tuple[str, bool, bool]]()
    for name, spoil in SPOILS.items():
        spoiled += _spoil_all(world, pairs, name, spoil)
    return [*_tell_whole(whole), *_tell_spoiled(spoiled)]


def _tell_whole(whole: list[tuple[bool, bool]]) -> list[Figure]:
    ours, theirs = sum(mine for mine, _ in whole), sum(peer for _, peer in whole)
    reach = f"all {len(whole)}"
    return [Figure("bfcl/references_solved", ours, "cases", theirs, reach=reach, met=ours == theirs == len(whole))]


def _tell_spoiled(spoiled: Counter[tuple[str, bool, bool]]) -> list[Figure]:
    figures: list[Figure] = []
    for name in SPOILS:
        refused = sum(n for (spoil, _, peer), n in spoiled.items() if spoil == name and not peer)
        ours = spoiled[name, False, False]
        figures.append(Figure(f"bfcl/refused_{name}", ours, "sequences", refused, reach="all", met=ours == refused))
    harmless = sum(n for (_, _, peer), n in spoiled.items() if peer)
    agreed = sum(n for (_, mine, peer), n in spoiled.items() if peer and mine)
    reach = "all that BFCL takes"
    return [
        *figures,
        Figure("bfcl/taken_without_harm", agreed, "sequences", harmless, reach=reach, met=agreed == harmless),
    ]


def _spoil_all(
    world: BfclWorld, pairs: list[tuple[Case, Scenario]], name: str, spoil: Spoil
) -> Counter[tuple[str, bool, bool]]:
    found = Counter[tuple[str, bool, bool]]()
    changing = [call for _, scenario in pairs for call in scenario.solution.calls if call.name in CHANGING]
    for case, scenario in pairs:
        turns, rng = _turns(world, case), Random(f"{_SEED} {name} {case.id}")
        before = [list(turn) for turn in turns]
        spoil(turns, [call for call in changing if call.name in scenario.tools], rng)
        if turns != before:
            found[(name, *_judge(world, case, scenario, turns))] += 1
    return found


def _turns(world: BfclWorld, case: Case) -> Turns:
    return [list(turn.calls) for turn in world.reference(case)]


def _drop(turns: Turns, _others: list[ToolCall], rng: Random) -> None:
    turn = rng.choice([turn for turn in turns if turn])
    turn.pop(rng.randrange(len(turn)))


def _change(turns: Turns, _others: list[ToolCall], rng: Random) -> None:
    places = [(turn, i, key) for turn in turns for i, call in enumerate(turn) for key in call.arguments]
    if places:
        turn, i, key = rng.choice(places)
        turn[i] = turn[i].model_copy(update={"arguments": {**turn[i].arguments, key: _other(turn[i].arguments[key])}})


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x" if isinstance(value, str) else []


def _swap(turns: Turns, _others: list[ToolCall], rng: Random) -> None:
    places = [(turn, i) for turn in turns for i in range(len(turn) - 1)]
    if places:
        turn, i = rng.choice(places)
        turn[i], turn[i + 1] = turn[i + 1], turn[i]


def _move(turns: Turns, _others: list[ToolCall], rng: Random) -> None:
    places = [i for i in range(len(turns) - 1) if turns[i]]
    if places:
        i = rng.choice(places)
        turns[i + 1].insert(0, turns[i].pop())


def _add(turns: Turns, others: list[ToolCall], rng: Random) -> None:
    if others:
        rng.choice([turn for turn in turns if turn]).append(rng.choice(others))


SPOILS: dict[str, Spoil] = {"dropped": _drop, "changed": _change, "swapped": _swap, "moved": _move, "added": _add}
CHANGING = frozenset(
    [
        "mkdir",
        "touch",
        "rm",
        "mv",
        "echo",
        "post_tweet",
        "comment",
        "create_ticket",
        "close_ticket",
        "send_message",
        "add_contact",
        "place_order",
        "cancel_order",
        "add_to_watchlist",
        "fund_account",
        "withdraw_funds",
        "book_flight",
        "cancel_booking",
        "set_budget_limit",
        "lockDoors",
        "fillFuelTank",
        "startEngine",
        "setHeadlights",
    ]
)


def _judge(world: BfclWorld, case: Case, scenario: Scenario, turns: Turns) -> tuple[bool, bool]:
    """Whether ours and whether BFCL's checker finds the calls good."""
    return not asyncio.run(play_turns(world, scenario, turns, "It is done.")), _check(case, turns)


def _check(case: Case, turns: Turns) -> bool:
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import (  # pyright: ignore[reportMissingImports]
        multi_turn_checker,
    )

    texts = [[[_to_text(call) for call in turn]] for turn in turns]
    entry = {"id": case.id, "initial_config": case.config, "involved_classes": list(case.classes)}
    reference = [list(turn) for turn in case.reference]
    return bool(multi_turn_checker(texts, reference, entry, CATEGORY, f"bench_{next(_RUNS)}")["valid"])


def _to_text(call: ToolCall) -> str:
    return f"{call.name}({', '.join(f'{key}={value!r}' for key, value in call.arguments.items())})"
