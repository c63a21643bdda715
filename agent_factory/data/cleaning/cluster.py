"""Clusters of like tasks: a codebook is fitted once, every day after that is only assigned to it.

Model: a task is the words that the user opened with (no numbers, no placeholders) and, with less weight,
the names of the tools that were called; weighted by TF-IDF and grouped by scikit-learn's
KMeans, the number of groups by silhouette. A cluster is named by its top terms by class-based TF-IDF
(https://arxiv.org/abs/2203.05794). Invariant: names change with the codebook's version alone, and the
same traces and seed fit the same codebook.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from agent_factory.contracts.decision import ClusterShape
from agent_factory.contracts.trace import Trace
from agent_factory.privacy.label import PLACEHOLDER

ENOUGH = 100
"""Traces from which a codebook is fitted, at least."""
OTHER = "other"
"""The cluster of what shares no term with any other."""
_SIZES = (3, 4, 5, 6, 7, 8, 10, 12, 16)
_VOCABULARY, _WORDS_READ, _NAMED_BY = 600, 400, 3
_TOOL, _TOOL_SHARE = "tool:", 0.4
_CLEARLY = 0.03
_SEED = 0
# Words of courtesy and contact, beside the stop words that scikit-learn has.
_COURTESY = frozenset(
    """
    does did long soon want like need know tell let please thanks thank hello hey dear regards sincerely kind best
    cheers hope help could would mail email phone reach sent written forward got get just also one two make
    question quick good morning day bitte danke hallo gruß grüße der die das und ich mein meine por
    favor gracias hola merci bonjour
    """.split()  # noqa: SIM905  words, not a list of strings
)
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")
_WORD = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]{3,}")
_Weights = Mapping[str, float]


class Fit(NamedTuple):
    """What a fit found: the parts of a codebook."""

    weights: dict[str, float]
    clusters: tuple[ClusterShape, ...]
    reach: float
    silhouette: float


def read_terms(trace: Trace) -> tuple[str, ...]:
    """The words of a redacted trace's task and the tools that were called for it, each once, in order of appearance."""
    said: list[str] = []
    for message in trace.messages():
        if message.role == "assistant" and said:
            break
        if message.role == "user" and message.content:
            said.append(PLACEHOLDER.sub(" ", message.content))
    text = " ".join(said).lower()
    terms = _WORD.findall(text)[:_WORDS_READ]
    for run in _IDEOGRAPHS.findall(text)[:_WORDS_READ]:
        terms += [run[i : i + 2] for i in range(len(run) - 1)]
    terms += [f"{_TOOL}{call.name}" for step in trace.steps for call in step.action.tool_calls]
    return tuple(dict.fromkeys(terms))


def fit_clusters(documents: Sequence[Sequence[str]]) -> Fit:
    """Group tasks; ``documents`` are the terms of at least ``ENOUGH`` traces."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    weights = _weigh(documents)
    order = {term: column for column, term in enumerate(weights)}
    table: Any = np.zeros((len(documents), len(order)))
    for row, terms in enumerate(documents):
        for term, weight in _vector(terms, weights).items():
            table[row, order[term]] = weight
    with threadpool_limits(1):  # sums in another order would move what lies on a border
        labels, silhouette = _group(table)
    shapes = _shape(table, labels, list(order))
    nearest = [assign(terms, weights, shapes)[1] for terms in documents]
    reach = float(np.quantile(nearest, 0.05))
    return Fit(weights, shapes, min(1.0, max(0.0, reach)), silhouette)


def assign(terms: Iterable[str], weights: _Weights, clusters: Sequence[ClusterShape]) -> tuple[str, float]:
    """The name of the nearest cluster, and the cosine similarity to its centre; ``OTHER`` where that is 0."""
    vector = _vector(terms, weights)
    best, name = 0.0, OTHER
    for shape in clusters:
        similarity = sum(weight * shape.terms.get(term, 0.0) for term, weight in vector.items())
        if similarity > best:
            best, name = similarity, shape.name
    return name, min(1.0, best)


def _weigh(documents: Sequence[Sequence[str]]) -> dict[str, float]:
    """Smoothed inverse document frequencies of the terms that tell tasks apart."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stop: Any = ENGLISH_STOP_WORDS | _COURTESY
    count = len(documents)
    frequency = Counter(term for terms in documents for term in set(terms))
    least = max(2, count // 200)
    fit = [(term, n) for term, n in frequency.items() if least <= n <= 0.6 * count and term not in stop]
    chosen = sorted(fit, key=lambda item: (-item[1], item[0]))[:_VOCABULARY]
    return {
        term: round((math.log((1 + count) / (1 + n)) + 1) * (_TOOL_SHARE if term.startswith(_TOOL) else 1), 6)
        for term, n in sorted(chosen)
    }


def _vector(terms: Iterable[str], weights: _Weights) -> dict[str, float]:
    known = {term: weights[term] for term in terms if term in weights}
    length = math.sqrt(sum(weight * weight for weight in known.values()))
    return {term: weight / length for term, weight in known.items()}


def _group(table: Any) -> tuple[Any, float]:
    """Labels of the best number of groups, and their silhouette (-1 to 1)."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best: tuple[float, Any] = (-1.0, np.zeros(len(table), dtype=int))
    kinds = len(np.unique(table, axis=0))
    for size in _SIZES:
        if size > kinds:
            break
        labels: Any = KMeans(size, n_init=cast(Any, 3), random_state=_SEED).fit_predict(table)
        score = float(silhouette_score(table, labels, sample_size=min(1000, len(table)), random_state=_SEED))
        # A finer grouping must be clearly better: fewer names are read more easily.
        if score > best[0] + _CLEARLY:
            best = (score, labels)
    return best[1], best[0]


def _shape(table: Any, labels: Any, terms: list[str]) -> tuple[ClusterShape, ...]:
    """Centres and names, the largest cluster first."""
    import numpy as np

    groups = sorted(set(labels.tolist()), key=lambda label: (-int((labels == label).sum()), label))
    share: Any = np.array([_TOOL_SHARE if term.startswith(_TOOL) else 1.0 for term in terms])
    counts: Any = np.array([(table[labels == label] > 0).sum(axis=0) for label in groups], dtype=float)
    total = counts.sum(axis=0)
    words = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    relevance = share * counts / words * np.log(1 + counts.sum() / len(groups) / np.maximum(total, 1))
    shapes: list[ClusterShape] = []
    for row, label in enumerate(groups):
        members: Any = table[labels == label]
        centre: Any = members.mean(axis=0)
        length = float(np.linalg.norm(centre)) or 1.0
        kept = {terms[k]: round(float(centre[k]) / length, 5) for k in np.flatnonzero(centre > 1e-3 * length).tolist()}
        top = [terms[k] for k in np.argsort(-relevance[row], kind="stable")[:_NAMED_BY] if counts[row, k] > 0]
        words = [term.removeprefix(_TOOL) for term in top]
        name = _free_name("-".join(dict.fromkeys(words)) or OTHER, {shape.name for shape in shapes})
        shapes.append(ClusterShape(name=name, terms=kept, members=len(members)))
    return tuple(shapes)


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free = f"{name}-{number}"
        number += 1
    return free
