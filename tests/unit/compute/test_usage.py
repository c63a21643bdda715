import subprocess
import sys
from pathlib import Path

import pytest

from agent_factory.compute.price import Prices, read_prices
from agent_factory.compute.usage import meter, read_usage, summarize
from agent_factory.core.error import InputError
from agent_factory.core.store import Store, open_store

PRICES = Prices(currency="EUR", cpu_core_hour=0.36, prompt_million_tokens=1.0, completion_million_tokens=10.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path / 'factory.db'}")


def test_work_that_raised_is_recorded(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), meter(store, "training", "sft", build="b1", prices=PRICES):
        _ = 1 / 0
    (usage,) = read_usage(store)
    assert (usage.factory, usage.activity, usage.build, usage.currency) == ("training", "sft", "b1", "EUR")
    assert usage.peak_memory_bytes is not None
    assert usage.peak_memory_bytes > 1_000_000


def test_tokens_are_priced_and_cpu_is_not_charged_again(store: Store) -> None:
    with meter(store, "runtime", "turn", model="M1", prices=PRICES) as count:
        count.add_tokens(1_000_000, 0)
        count.add_tokens(0, 100_000)
        sum(i * i for i in range(200_000))
    (usage,) = read_usage(store)
    assert (usage.prompt_tokens, usage.completion_tokens) == (1_000_000, 100_000)
    assert usage.cost == pytest.approx(2.0)


def test_cpu_of_children_is_counted_and_priced(store: Store) -> None:
    busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    with meter(store, "training", "child", prices=PRICES):
        subprocess.run([sys.executable, "-c", busy], check=True, timeout=60)
    (usage,) = read_usage(store)
    assert usage.cpu_seconds >= 0.3
    assert usage.cost == pytest.approx(usage.cpu_seconds * 0.0001)


def test_sums_by_build_factory_and_day(store: Store) -> None:
    for build, factory, tokens in (("b1", "training", 10), ("b1", "environment", 20), ("b2", "training", 40)):
        with meter(store, factory, "x", build=build, prices=PRICES, project="p") as count:
            count.add_tokens(tokens, 0)
    with meter(store, "data", "clean", project="p"):
        pass
    with meter(store, "data", "clean", project="other"):
        pass
    by_build = {(row.key, row.prompt_tokens, row.pieces) for row in summarize(store, "p", by="build")}
    assert by_build == {("b1", 30, 2), ("b2", 40, 1), (None, 0, 1)}
    by_factory = {row.key: row.prompt_tokens for row in summarize(store, "p", by="factory", build="b1")}
    assert by_factory == {"training": 10, "environment": 20}
    day = read_usage(store)[0].started_at.date().isoformat()
    assert {row.key for row in summarize(store, by="day")} == {day}
    assert summarize(store, "p", day="2001-01-01") == ()


def test_what_was_not_priced_has_no_cost(store: Store) -> None:
    with meter(store, "data", "clean"):
        pass
    (row,) = summarize(store, by="factory")
    assert (row.cost, row.currency) == (None, None)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "prices"),
        ({"prices": {"currency": "EUR"}}, "prices.cpu_core_hour"),
        ({"prices": {**PRICES.model_dump(), "cpu_core_hour": -1}}, "prices.cpu_core_hour"),
        ({"prices": {**PRICES.model_dump(), "currency": "euro"}}, "prices.currency"),
        ({"prices": {**PRICES.model_dump(), "gpu": 1}}, "prices.gpu"),
    ],
)
def test_a_bad_price_table_is_named(settings: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        read_prices(settings)
