"""What a replay plays in reaches nothing outside: a live service is refused, a cassette is not recorded."""

import pytest

from agent_factory.core.played import Found
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.replay import replay
from agent_factory.environment.replay.origin import Archive
from agent_factory.environment.replay.regrade import rescore_traces
from agent_factory.environment.replay.replay import replay_traces

HTTP = "\n[environment.settings.http]\n"
LIVE = f'{HTTP}backend = "live"\nurl = "http://127.0.0.1:9"\nallow = ["http://127.0.0.1:9"]\n'


@pytest.fixture
async def played(make_set, play, by_scenario):
    """Scenarios, and traces of them that only a replay can grade."""
    scenarios = make_set()[:2]
    traces = await play(scenarios, by_scenario(scenarios))
    found = [Found(trace.model_copy(update={"pseudonyms": {"<EMAIL_1>": "k"}}), play.file) for trace in traces]
    return {one.id: one for one in scenarios}, found


@pytest.fixture
def set_up(recipe):
    def append(block):
        with (recipe.folder / "build.toml").open("a") as file:
            file.write(block)
        return load_recipe("support_desk")

    return append


async def test_a_live_service_is_not_called_again(played, set_up, store, artifacts, monkeypatch):
    scenarios, found = played
    set_up(LIVE)
    monkeypatch.setattr(replay, "open_world", lambda *given: pytest.fail("a world was opened"))
    replays = await replay_traces(Archive(store, artifacts), found)
    rescored = await rescore_traces(Archive(store, artifacts), found, scenarios)

    assert [one.verdict for one in replays] == ["refused"] * 2
    for one in (*replays, *rescored):
        assert "backend = 'live'), and it is not called again" in one.reason


async def test_a_replay_records_nothing(played, set_up, store, artifacts):
    _, found = played
    recipe = set_up(f'{HTTP}record = "cassette.jsonl"\n')
    plain = [one._replace(trace=one.trace.model_copy(update={"pseudonyms": {}})) for one in found]

    assert {one.verdict for one in await replay_traces(Archive(store, artifacts), plain)} == {"identical"}
    assert not (recipe.folder / "cassette.jsonl").exists()
