"""A kind of environment from a package of its own: the one that the docs show, installed and played."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent_factory.contracts import SuccessRules, ToolCall
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError
from agent_factory.environment.rollout import run_episodes
from agent_factory.environment.world import find_kind, open_world

PAGE = Path(__file__).parents[3] / "docs" / "factories" / "environment-kind.md"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where the page's package is installed."""
    source, target = tmp_path_factory.mktemp("till"), tmp_path_factory.mktemp("site")
    for name, text in re.findall(r"^`([\w.]+)`\n\n```\w+\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        (source / name).write_text(text)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(target), str(source)]
    subprocess.run(command, check=True, timeout=200)
    return target


@pytest.fixture
def till(installed, monkeypatch):
    """Installed for one test."""
    monkeypatch.syspath_prepend(installed)
    yield
    sys.modules.pop("till_environment", None)


def section(**settings):
    return EnvironmentSection(kind="till", settings={"till": settings})


def test_a_kind_is_found_once_its_package_is_installed(till):
    assert find_kind("till").__module__ == "till_environment"


def test_without_its_package_a_kind_is_refused():
    with pytest.raises(InputError, match=r"no kind of environment 'till'; installed are: .*http.*terminal"):
        find_kind("till")


@pytest.mark.usefixtures("till")
async def test_the_kind_plays_episodes_that_are_graded(recipe, draw, moves):
    scenario = draw("L1", "track_order").model_copy(
        update={"state": {"sum": 100}, "rules": SuccessRules(state={"sum": 350}), "replies": ()}
    )
    good = moves("Done.", ("ring", {"cents": 250}))
    short = moves("Done.", ("ring", {"cents": 200}), ("ring", {"cents": -5}))

    for engine, success in ((good, True), (short, False)):
        [trace] = await run_episodes([scenario], recipe, engine, "m", shielded=False, environment=section())
        assert (trace.failure, trace.outcome.success) == (None, success)
        assert [tool.name for tool in trace.tools] == ["ring"]


@pytest.mark.usefixtures("till")
async def test_the_kind_checks_its_settings_and_answers_wrong_calls(recipe, draw):
    with pytest.raises(InputError, match=r"\[environment.settings.till\] is {'colour': 'red'}"):
        async with open_world(recipe, section(colour="red")):
            pass
    async with open_world(recipe, section(most=10)) as world:
        environment = world.make()
        await environment.reset(draw("L1", "track_order"), 0)
        for call, status in ((("fly", {}), 404), (("ring", {}), 422), (("ring", {"cents": 11}), 409)):
            result = await environment.step(ToolCall(id="c", name=call[0], arguments=call[1]), 5.0)
            assert result.error.startswith(f"{call[0]}: {status} ")
