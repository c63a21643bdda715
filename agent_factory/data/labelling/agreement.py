"""How far labelers agree beyond chance: Cohen's κ of two, Krippendorff's α of any number.

Sources: J. Cohen (1960, 1968); K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011).
Intervals are percentiles of a seeded bootstrap over items. Invariant: what is not defined (too few items
in common, no variation) has no value but a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal

from agent_factory.data.labelling.record import Interval, Statistic

Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]
RESAMPLES = 2_000
SEED = 20_261_121
_CHUNK = 250


def cohen_kappa(
    first: Sequence[Any], second: Sequence[Any], labels: Sequence[Any], weights: Weights = "none"
) -> Statistic:
    """κ of two labelers' values of the same items; ``labels`` are all values there could be, in order."""
    import numpy as np
    from sklearn.metrics import cohen_kappa_score

    name = "Cohen's kappa" if weights == "none" else f"Cohen's kappa, {weights} weights"
    if len(first) < 2:
        return _undefined(name, len(first), f"{len(first)} items in common, at least 2 are needed")
    if len(set(first)) == 1 and set(first) == set(second):
        return _undefined(name, len(first), f"both gave {first[0]!r} everywhere: chance alone would agree as well")
    order = {label: index for index, label in enumerate(labels)}
    a, b = (np.array([order[value] for value in side]) for side in (first, second))
    scheme = None if weights == "none" else weights
    value = float(cohen_kappa_score(a, b, labels=np.arange(len(labels)), weights=scheme))
    cells = np.bincount(a * len(labels) + b, minlength=len(labels) ** 2)
    cost = _costs(len(labels), weights)

    def score(counts: Any) -> Any:
        table = counts.reshape(-1, len(labels), len(labels)).astype(float)
        expected = table.sum(2)[:, :, None] * table.sum(1)[:, None, :] / table.sum((1, 2))[:, None, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1.0 - (table * cost).sum((1, 2)) / (expected * cost).sum((1, 2))

    # To draw items with replacement is to draw cells of the table by their shares.
    drawn = np.random.default_rng(SEED).multinomial(len(first), cells / cells.sum(), size=RESAMPLES)
    return Statistic(name=name, value=value, interval=_interval(score(drawn)), items=len(first))


def krippendorff_alpha(items: Sequence[Sequence[Hashable]], level: Level) -> Statistic:
    """α of items, each the values that its labelers gave; items with one value only cannot be paired.

    Values must be numbers for "ordinal" and "interval".
    """
    import numpy as np

    name = f"Krippendorff's alpha, {level}"
    pairable = [list(item) for item in items if len(item) > 1]
    if len(pairable) < 2:
        return _undefined(name, len(pairable), f"{len(pairable)} items have two labels or more, at least 2 are needed")
    found: set[Any] = {value for item in pairable for value in item}
    values = sorted(found, key=str) if level == "nominal" else sorted(found)
    if len(values) == 1:
        return _undefined(name, len(pairable), f"all gave {values[0]!r}: chance alone would agree as well")
    index = {value: position for position, value in enumerate(values)}
    counts = np.zeros((len(pairable), len(values)))
    for row, item in enumerate(pairable):
        for value in item:
            counts[row, index[value]] += 1
    told = counts.sum(1)
    # Each item's share of the coincidence matrix: its ordered pairs of values, weighted by 1 / (m - 1).
    pairs = counts[:, :, None] * counts[:, None, :] - np.einsum("ij,jk->ijk", counts, np.eye(len(values)))
    shares = (pairs / (told - 1)[:, None, None]).reshape(len(pairable), -1)
    score = _alpha_of(values, level)
    value = float(score(shares.sum(0)[None])[0])
    rng = np.random.default_rng(SEED)
    drawn: list[Any] = []
    for _ in range(RESAMPLES // _CHUNK):
        times = rng.multinomial(len(pairable), np.full(len(pairable), 1 / len(pairable)), size=_CHUNK)
        drawn.append(score(times @ shares))
    return Statistic(name=name, value=value, interval=_interval(np.concatenate(drawn)), items=len(pairable))


def pair_up(labels: Mapping[Hashable, Mapping[str, Any]]) -> dict[tuple[str, str], tuple[list[Any], list[Any]]]:
    """For each two labelers the values of what both labelled, from values by item and labeler."""
    found: dict[tuple[str, str], tuple[list[Any], list[Any]]] = {}
    for by_labeler in labels.values():
        names = sorted(by_labeler)
        for place, one in enumerate(names):
            for other in names[place + 1 :]:
                sides = found.setdefault((one, other), ([], []))
                sides[0].append(by_labeler[one])
                sides[1].append(by_labeler[other])
    return dict(sorted(found.items()))


def _alpha_of(values: Sequence[Any], level: Level) -> Callable[[Any], Any]:
    """α of coincidence matrices, one a row: 1 - (n - 1) · Σ o·δ² / Σ n_c·n_k·δ²."""
    import numpy as np

    size = len(values)

    def score(matrices: Any) -> Any:
        observed = matrices.reshape(-1, size, size)
        margins = observed.sum(2)
        total = margins.sum(1)
        if level == "ordinal":  # from c to k: all between, and half of both ends
            running = np.cumsum(margins, axis=1) - margins / 2
            distance = (running[:, :, None] - running[:, None, :]) ** 2
        elif level == "interval":
            numbers = np.array([float(value) for value in values])
            distance = ((numbers[:, None] - numbers[None, :]) ** 2)[None]
        else:
            distance = (1.0 - np.eye(size))[None]
        expected = (margins[:, :, None] * margins[:, None, :] * distance).sum((1, 2))
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1.0 - (total - 1) * (observed * distance).sum((1, 2)) / expected

    return score


def _costs(size: int, weights: Weights) -> Any:
    import numpy as np

    apart = np.abs(np.arange(size)[:, None] - np.arange(size)[None, :]).astype(float)
    return (apart > 0).astype(float) if weights == "none" else apart ** (1 if weights == "linear" else 2)


def _interval(drawn: Any) -> Interval | None:
    """The middle 95 % of the resamples that have a value; None where fewer than half of them do."""
    import numpy as np

    finite = drawn[np.isfinite(drawn)]
    if len(finite) < RESAMPLES / 2:
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return Interval(low=float(low), high=float(high))


def _undefined(name: str, items: int, reason: str) -> Statistic:
    return Statistic(name=name, value=None, items=items, reason=reason)
