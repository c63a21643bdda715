"""The shipped recipes, and what of each the tests that hold for all have to know by name."""

import importlib
from types import ModuleType
from typing import NamedTuple

from agent_factory.core.recipe import Recipe, load_recipe

SPLITS = ("train", "eval")


class Shipped(NamedTuple):
    """A recipe and its particulars.

    ``stock`` is the module of what its splits keep apart: the tables ``apart``, and ``goods``, functions of a
    split. ``people`` is the state's table of persons, ``new_words`` what only held-out sentences say. Of the
    predecessor, ``always`` and ``seldom`` are kinds that it solves so, ``breached`` those where it breaks policy.
    """

    recipe: Recipe
    kinds: int
    stock: str
    apart: tuple[str, ...]
    goods: tuple[str, ...]
    people: str
    new_words: frozenset[str]
    always: frozenset[str]
    seldom: frozenset[str]
    breached: frozenset[str]
    policy: tuple[str, ...]

    def module(self, name: str = "") -> ModuleType:
        """A module of the recipe's generator."""
        return importlib.import_module(f"{self.recipe.load_part('scenarios').__module__}{name and '.' + name}")

    def sentences(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """What people write, by goal and split."""
        return self.module("wording").SENTENCES

    def held_apart(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """All that stands in one split only, by what it is and split."""
        stock = self.module(self.stock)
        made = {name: {split: getattr(stock, name)(split) for split in SPLITS} for name in self.goods}
        return {name: getattr(stock, name) for name in self.apart} | made


SHIPPED = {
    "support_desk": Shipped(
        recipe=load_recipe("support_desk"),
        kinds=14,
        stock="stock",
        apart=("FIRST_NAMES", "LAST_NAMES", "STREETS"),
        goods=("goods_of",),
        people="customers",
        new_words=frozenset(["and", "their", "refund"]),
        always=frozenset(["track_order", "check_stock", "cancel_order", "change_address"]),
        seldom=frozenset(["list_orders", "exchange_item", "exchange_if_in_stock"]),
        breached=frozenset(["cancel_if_not_shipped", "refund_by_policy", "order_of_another"]),
        policy=("Cancel", "Refund", "Exchange", "503", "order number", "another customer", "30 days", "200 euros"),
    ),
    "plant_maintenance": Shipped(
        recipe=load_recipe("plant_maintenance"),
        kinds=17,
        stock="inventory",
        apart=("FIRST_NAMES", "LAST_NAMES"),
        goods=("machines_of", "parts_of"),
        people="staff",
        new_words=frozenset(["and"]),
        always=frozenset(["read_sensor", "find_part", "find_technician", "open_order", "close_order"]),
        seldom=frozenset(["part_of_fault", "reserve_part", "reserve_or_request"]),
        breached=frozenset(["check_machine", "open_unless_running", "second_order", "safety_alarm"]),
        policy=("within limits", "shift lead", "already", "is running", "requested", "503", "machine number"),
    ),
}
