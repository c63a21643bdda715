from collections import Counter

import pytest

from agent_factory.contracts import Outcome
from agent_factory.contracts.reward import RewardConfig
from agent_factory.core.error import InputError
from agent_factory.gateway.template import Encoded
from agent_factory.training.rft import Episode, choose_episodes, plan_mix
from agent_factory.training.setting import RftSettings

SETTINGS = RftSettings(steps=50, batch=20, keep=2, anchor_share=0.25, balance=0.5)
KINDS = {"a": ("L1", "status"), "b": ("L2", "refund")}


class Last:
    """A scorer for which the last id is the score."""

    def score(self, conversations):
        return [float(told[-1]) for told in conversations]


@pytest.fixture
def mix(build):
    return RewardConfig(id="B1", created_at=build.created_at, build="B1")


def choose(traces, mix):
    return choose_episodes(traces, KINDS, Last(), mix, SETTINGS)


def test_the_best_distinct_successes_of_each_scenario_are_kept(make_rollout, mix):
    failed = make_rollout("b", (0, 99)).model_copy(
        update={"outcome": Outcome(success=False, reward=0, graded_by="environment")}
    )
    traces = [make_rollout("a", (0, n)) for n in (3, 7, 7, 5)] + [make_rollout("b", (0, 1)), failed]
    episodes = choose(traces, mix)
    assert [(e.scenario, e.kind, e.row.ids) for e in episodes] == [
        ("a", "L1/status", [0, 7]),
        ("a", "L1/status", [0, 5]),
        ("b", "L2/refund", [0, 1]),
    ]
    assert episodes[0].row == Encoded([0, 7], [0, 1])


def test_the_mix_of_the_build_decides(make_rollout, mix):
    clean, hasty = make_rollout("a", (0, 2)), make_rollout("a", (0, 4))
    hasty = hasty.model_copy(update={"steps": tuple(s.model_copy(update={"error": "404"}) for s in hasty.steps)})
    assert [e.row.ids[-1] for e in choose([clean, hasty], mix)] == [4, 2]
    strict = mix.model_copy(update={"tool_error": -3.0})
    assert [e.row.ids[-1] for e in choose([clean, hasty], strict)] == [2, 4]
    assert [e.row.ids[-1] for e in choose([clean, hasty], mix.model_copy(update={"reward_model": 0.0}))] == [2, 4]


def test_rollouts_without_a_success_teach_nothing(mix):
    with pytest.raises(InputError, match="no rollout was graded a success"):
        choose([], mix)


def test_a_scenario_of_another_build_is_refused(make_rollout, mix):
    with pytest.raises(InputError, match="of scenario 'z', which the build has not"):
        choose([make_rollout("z", (0, 1))], mix)


def test_batches_are_anchored_and_balanced_over_kinds():
    common = [Episode("a", "L1/status", Encoded([n], [1]), 0.0) for n in range(95)]
    rare = [Episode("b", "L2/refund", Encoded([n], [1]), 0.0) for n in range(5)]
    order = plan_mix([*common, *rare], anchors=10, settings=SETTINGS, seed=0)
    counted = Counter("anchor" if at >= 100 else "rare" if at >= 95 else "common" for at in order)
    assert len(order) == 1000
    assert counted["anchor"] / 1000 == pytest.approx(0.25, abs=0.05)
    # Half of what is left is drawn by kind (half of it rare), half evenly (a twentieth of it rare).
    assert counted["rare"] / 750 == pytest.approx(0.5 * 0.5 + 0.5 * 0.05, abs=0.05)
    assert order == plan_mix([*common, *rare], anchors=10, settings=SETTINGS, seed=0)
