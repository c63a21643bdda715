"""Published values, what is not defined, and intervals that behave."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score

from agent_factory.data.labelling import agreement
from agent_factory.data.labelling.agreement import cohen_kappa, krippendorff_alpha, pair_up

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": data of section A, B and C ("." is missing).
BINARY = ("0100000010", "1110010000")
NOMINAL = ("aabbdcccedda", "babbbcccEddd".lower())
FOUR = ("123321412...", "12332241 25.3".replace(" ", ""), ".333234225 1.".replace(" ", ""), "12332441251.")


def units(*rows: str, number: bool = True) -> list[list[Any]]:
    """The values of each item, from the rows of the observers."""
    return [[int(v) if number else v for v in column if v != "."] for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("items", "level", "published"),
    [
        (units(*BINARY), "nominal", 0.095),
        (units(*NOMINAL, number=False), "nominal", 0.692),
        (units(*FOUR), "nominal", 0.743),
        (units(*FOUR), "ordinal", 0.815),
        (units(*FOUR), "interval", 0.849),
    ],
)
def test_alpha_is_as_published(items: list[list[Any]], level: Any, published: float) -> None:
    found = krippendorff_alpha(items, level)
    assert found.value == pytest.approx(published, abs=0.0005)
    assert found.interval is not None
    assert found.interval.low <= published <= found.interval.high


def test_kappa_of_a_published_table() -> None:
    # Cohen's table as in many textbooks: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no give 0.4.
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    found = cohen_kappa(first, second, labels=("n", "y"))
    assert found.value == pytest.approx(0.4)
    assert found.items == 50
    assert found.interval is not None
    assert 0.1 < found.interval.low < 0.4 < found.interval.high < 0.7


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_the_resampled_kappa_is_scikit_learns(weights: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Random(3)
    first = [rng.randint(1, 5) for _ in range(60)]
    second = [min(5, max(1, value + rng.choice((-1, 0, 0, 1)))) for value in first]
    drawn: list[Any] = []
    monkeypatch.setattr(agreement, "_interval", lambda found: drawn.append(found))

    class Same:
        def multinomial(self, count: int, shares: Any, size: int) -> Any:
            return (shares * count).round().astype(int)[None]

    monkeypatch.setattr("numpy.random.default_rng", lambda seed: Same())
    found = cohen_kappa(first, second, labels=(1, 2, 3, 4, 5), weights=weights)
    expected = cohen_kappa_score(first, second, weights=None if weights == "none" else weights)
    assert found.value == pytest.approx(expected)
    assert drawn[0][0] == pytest.approx(expected)


def test_what_is_not_defined_has_a_reason() -> None:
    assert cohen_kappa([1], [1], (1, 2)).value is None
    same = cohen_kappa([1, 1, 1], [1, 1, 1], (1, 2))
    assert same.value is None
    assert "everywhere" in (same.reason or "")
    lonely = krippendorff_alpha([[1], [2], [3, 3]], "ordinal")
    assert (lonely.value, lonely.items) == (None, 1)
    assert "everywhere" not in (lonely.reason or "")
    assert krippendorff_alpha([[2, 2], [2, 2]], "nominal").value is None


def test_more_items_narrow_the_interval_and_the_seed_holds_it() -> None:
    few = krippendorff_alpha(units(*FOUR) * 2, "ordinal")
    many = krippendorff_alpha(units(*FOUR) * 20, "ordinal")
    assert few.interval is not None
    assert many.interval is not None
    assert many.interval.high - many.interval.low < few.interval.high - few.interval.low
    assert krippendorff_alpha(units(*FOUR) * 2, "ordinal") == few


def test_labelers_are_paired_on_what_both_labelled() -> None:
    labels = {"t1": {"ann": 1, "bob": 2}, "t2": {"bob": 3}, "t3": {"cyd": 5, "ann": 4}}
    assert pair_up(labels) == {("ann", "bob"): ([1], [2]), ("ann", "cyd"): ([4], [5])}
