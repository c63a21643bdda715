import math
from typing import Any

import pytest

from agent_factory.core.error import InputError
from agent_factory.evaluation.comparison import compare
from agent_factory.evaluation.measure import Episode


@pytest.fixture
def episodes(kit: Any) -> Any:
    def make(solved: list[bool], first: int = 0) -> list[Episode]:
        made: list[Episode] = []
        for number, success in enumerate(solved, start=first):
            scenario = kit.scenario(number)
            trace = kit.trace(scenario, "M", success)
            made.append(Episode(scenario, trace, trace.outcome))
        return made

    return make


def test_the_interval_is_that_of_agresti_and_min(episodes: Any) -> None:
    ours = [True] * 70 + [False] * 30
    theirs = [True] * 40 + [False] * 30 + [True] * 10 + [False] * 20
    found = compare("M2", episodes(ours), "M1", episodes(theirs), "parent")
    assert (found.difference, found.n) == (0.2, 100)
    gained, lost, count = 30.5, 10.5, 102
    middle = (gained - lost) / count
    error = math.sqrt(((gained + lost) / count - middle**2) / (count - 1))
    assert found.low == pytest.approx(middle - 1.959964 * error, abs=1e-6)
    assert found.high == pytest.approx(middle + 1.959964 * error, abs=1e-6)


def test_equal_models_are_not_told_apart_and_the_interval_has_a_width(episodes: Any) -> None:
    same = episodes([True, False] * 25)
    found = compare("M2", same, "M1", same, "champion")
    assert found.difference == 0
    assert found.low < 0 < found.high


def test_pairing_is_narrower_than_two_shares(episodes: Any) -> None:
    ours = [True] * 60 + [False] * 40
    theirs = [True] * 50 + [False] * 50
    paired = compare("M2", episodes(ours), "M1", episodes(theirs), "parent")
    independent = 1.96 * math.sqrt(0.6 * 0.4 / 100 + 0.5 * 0.5 / 100)
    assert paired.low > 0
    assert (paired.high - paired.low) / 2 < independent


def test_only_common_scenarios_are_compared(episodes: Any) -> None:
    found = compare("M2", episodes([True] * 5), "M1", episodes([False] * 5, first=3), "base")
    assert found.n == 2
    with pytest.raises(InputError, match="no counted scenario"):
        compare("M2", episodes([True]), "M1", episodes([True], first=7), "base")
