"""The storm of the benchmark, with three hundred episodes: none hangs, each failure has a cause, nothing is left."""

from benchmarks.rollouts import weather


def test_in_a_storm_every_episode_ends_and_says_why():
    found = weather(300, 60)

    assert (found.episodes, found.hung, found.unexplained, found.left) == (300, 0, 0, 0)
    assert {cause.split(":")[0] for cause in found.causes} == {"agent", "engine", "environment"}
    assert 0 < found.graded < 300


def test_in_calm_weather_nothing_breaks():
    found = weather(300, 0)
    assert (found.graded, found.causes, found.left) == (300, {}, 0)
