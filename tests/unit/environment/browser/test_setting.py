"""Settings of the browser kind and the search for Chromium: nothing is started."""

import sys

import pytest

from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.error import InputError
from agent_factory.environment.browser.setting import VARIABLE, FrontEndSection, find_executable, read_section
from agent_factory.environment.world import find_kind, open_world


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Make an executable in the folder that is PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)

    def make(name):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    return make


def test_chromium_is_found_in_the_order_of_the_page(place, monkeypatch):
    chromium = place("chromium")
    assert find_executable(None, "/nowhere") == chromium
    shell = place("chromium-headless-shell")
    assert find_executable(None, "/nowhere") == shell
    own = place("own")
    assert find_executable(None, str(own)) == own
    named = place("named")
    monkeypatch.setenv(VARIABLE, str(named))
    assert find_executable(None, str(own)) == named
    assert find_executable(shell, str(own)) == shell


def test_a_missing_chromium_is_told_with_how_to_get_one(place, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"there is no Chromium: .*playwright install .*apt-get install chromium"):
        find_executable(None, "/nowhere")
    with pytest.raises(InputError, match=r"executable is '.*gone', expected Chromium's executable"):
        find_executable(tmp_path / "gone", "/nowhere")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=f"{VARIABLE} is "):
        find_executable(None, "/nowhere")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"colour": "red"}, "colour"),
        ({"start": "shop"}, "start"),
        ({"browsers": 0}, "browsers"),
        ({"width": 1}, "width"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, told):
    with pytest.raises(InputError, match=rf"(?s)'desk': \[environment.settings.browser\] in build.toml: .*{told}"):
        read_section(FrontEndSection, "browser", settings, "desk")


async def test_a_recipe_without_a_front_end_is_told_what_is_missing(recipe):
    with pytest.raises(InputError, match=r"has no front end: .* app in build.toml is left out"):
        async with open_world(recipe, EnvironmentSection(kind="browser")):
            pass


def test_naming_the_kind_does_not_load_playwright(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "playwright"]:
        monkeypatch.delitem(sys.modules, name)
    find_kind("browser")
    assert "playwright" not in sys.modules
