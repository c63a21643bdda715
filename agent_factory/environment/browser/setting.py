"""``[environment.settings.browser]`` in build.toml, and which Chromium is started.

Invariant: nothing here is heavy: settings are checked before Playwright is loaded.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from agent_factory.contracts.record import Json
from agent_factory.core.buildfile import Section
from agent_factory.core.error import InputError

VARIABLE = "AGENT_FACTORY_CHROMIUM"
DEBIAN = ("chromium-headless-shell", "chromium")
_HOW = (
    "Install one: `.venv/bin/playwright install --with-deps --only-shell chromium`, or on Debian "
    "`apt-get install chromium-headless-shell`."
)


class BrowserSection(Section):
    """How episodes are played in browsers, whatever their pages.

    ``browsers`` (as many as cores where left out) are started once; each plays ``pages`` episodes at once.
    ``tree_characters`` bounds an observation, ``boxes`` tells each element's place in it, ``action_seconds``
    is how long one action waits for its element, ``step_milliseconds`` what the page's clock goes on in a step.
    """

    executable: Path | None = None
    browsers: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, le=256)
    pages: int = Field(default=8, ge=1, le=256)
    width: int = Field(default=1280, ge=160, le=4096)
    height: int = Field(default=800, ge=160, le=4096)
    screenshots: bool = True
    tree_characters: int = Field(default=12_000, ge=200, le=100_000)
    boxes: bool = False
    action_seconds: float = Field(default=5.0, gt=0, le=60)
    step_milliseconds: int = Field(default=1000, ge=0, le=60_000)


class FrontEndSection(BrowserSection):
    """A recipe's own pages: ``app`` is its front end, ``start`` the path where an episode begins."""

    app: str | None = None
    start: str = Field(default="/", pattern="^/")


AnySection = TypeVar("AnySection", bound=BrowserSection)


def read_section(model: type[AnySection], kind: str, settings: Json, recipe: str) -> AnySection:
    """The settings of a kind that plays in browsers, checked; InputError names what is wrong."""
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise InputError(f"recipe {recipe!r}: [environment.settings.{kind}] in build.toml: {error}") from error


def find_executable(setting: Path | None, of_playwright: str) -> Path:
    """Chromium's executable: of the setting, the environment variable, Playwright's own, Debian's on PATH.

    InputError where what is named is not there, or where there is none at all.
    """
    named = {"[environment.settings.browser] executable": setting, VARIABLE: os.environ.get(VARIABLE)}
    for source, value in named.items():
        if value:
            return _check(source, Path(value))
    if Path(of_playwright).is_file():
        return Path(of_playwright)
    found = next(filter(None, map(shutil.which, DEBIAN)), None)
    if found is None:
        raise InputError(
            f"there is no Chromium: neither Playwright's own ({of_playwright}) nor {' or '.join(DEBIAN)} on PATH, "
            f"and {VARIABLE} is not set. {_HOW}"
        )
    return Path(found)


def _check(source: str, path: Path) -> Path:
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise InputError(f"{source} is {str(path)!r}, expected Chromium's executable. {_HOW}")
    return path
