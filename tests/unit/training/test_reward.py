import pytest

from agent_factory.contracts import Outcome
from agent_factory.core.error import InputError
from agent_factory.training.reward import Pair, measure_accuracy, pair_rollouts, split_pairs
from agent_factory.training.setting import RewardSettings

SETTINGS = RewardSettings(batch=4, pairs_per_scenario=2)


class Longest:
    """A scorer for which more is better."""

    def score(self, conversations):
        return [float(len(told)) for told in conversations]


def roll(make_rollout, scenario, ids, success):
    trace = make_rollout(scenario, ids)
    return trace.model_copy(update={"outcome": Outcome(success=success, reward=0, graded_by="e")})


def test_pairs_are_of_one_scenario_and_solved_against_unsolved(make_rollout):
    traces = [
        roll(make_rollout, "a", (1,), True),
        roll(make_rollout, "a", (1,), True),
        roll(make_rollout, "a", (2,), False),
        roll(make_rollout, "b", (3,), True),
        roll(make_rollout, "c", (4,), False),
        *(roll(make_rollout, "d", (n,), n > 12) for n in range(10, 16)),
    ]
    pairs = pair_rollouts(traces, SETTINGS, seed=0)
    assert pairs[0] == Pair("a", (1,), (2,))
    assert [pair.task for pair in pairs] == ["a", "d", "d"]
    assert all(pair.chosen > (12,) >= pair.rejected for pair in pairs[1:])


def test_no_task_is_both_learned_and_held_out():
    pairs = [Pair(f"t{n % 20}", (n,), (n,)) for n in range(100)]
    learned, held_out = split_pairs(pairs, SETTINGS, seed=0)
    assert len(learned) + len(held_out) == 100
    assert len({pair.task for pair in held_out}) == 2
    assert not {pair.task for pair in learned} & {pair.task for pair in held_out}


def test_no_conversation_is_both_learned_and_held_out():
    pairs = [Pair(f"t{n}", (n,), (n % 30,)) for n in range(100, 200)]
    learned, held_out = split_pairs(pairs, SETTINGS, seed=0)
    assert len(held_out) == 10
    assert learned
    assert not {pair.rejected for pair in held_out} & {pair.rejected for pair in learned}


def test_too_few_pairs_are_refused():
    with pytest.raises(InputError, match="at least one batch of 4 is needed"):
        split_pairs([Pair("t", (1,), (2,))] * 9, SETTINGS, seed=0)


def test_accuracy_counts_a_tie_half():
    pairs = [Pair("a", (1, 2), (1,)), Pair("b", (1,), (1, 2)), Pair("c", (1,), (2,)), Pair("d", (1, 2), ())]
    assert measure_accuracy(Longest(), pairs) == 2.5 / 4
