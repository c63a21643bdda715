"""Who plays the users of a run's episodes: a script, or the model that ``[environment.user]`` names.

Invariant: a scenario whose user a model plays is not played where no model is named. The server's key goes to
no address but the one that the recipe's own build.toml names; an order cannot name another (``core.override``).
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from agent_factory.contracts.scenario import Scenario
from agent_factory.core.buildfile import EnvironmentSection, UserSection
from agent_factory.core.error import InputError
from agent_factory.core.recipe import Recipe
from agent_factory.environment.dialogue.user import ModelUser
from agent_factory.environment.task import opening_text
from agent_factory.environment.user import MakeUser, ScriptedUser, User, make_scripted
from agent_factory.gateway.chat import Engine, Sampling
from agent_factory.gateway.gateway import open_gateway

KEY_ENV = "AGENT_FACTORY_USER_KEY"


@asynccontextmanager
async def open_cast(recipe: Recipe, section: EnvironmentSection, needed: bool) -> AsyncGenerator[MakeUser]:
    """What makes the user of each episode for the block; no model is loaded unless it is ``needed``.

    InputError where the model has no checkpoint at its place.
    """
    chosen = section.user
    if chosen is None or not needed:
        yield make_scripted
        return
    place = chosen.place if chosen.place.startswith(("http://", "https://")) else _find_folder(recipe, chosen.place)
    gateway = open_gateway({chosen.model: place}, api_key=_read_key(recipe, chosen))
    try:
        await gateway.open(chosen.model)
        yield cast_model(gateway, chosen)
    finally:
        await gateway.close()


def cast_model(engine: Engine, section: UserSection) -> MakeUser:
    """What makes users that a model plays where a scenario asks for one, and scripted ones elsewhere."""
    sampling = Sampling(temperature=section.temperature, max_tokens=section.max_tokens)

    def make(scenario: Scenario, seed: int) -> User:
        if scenario.user is None:
            return ScriptedUser(scenario.replies)
        opening = opening_text(scenario)
        return ModelUser(engine, section.model, scenario.user, opening, seed, sampling, section.seconds)

    return make


def _find_folder(recipe: Recipe, place: str) -> Path:
    folder = recipe.folder / place  # an absolute path stays as it is
    if not folder.is_dir():
        raise InputError(
            f"[environment.user] place = {place!r} of recipe {recipe.name!r} is neither an http(s) address nor a "
            f"folder: there is no {folder}"
        )
    return folder


def _read_key(recipe: Recipe, chosen: UserSection) -> SecretStr | None:
    own = EnvironmentSection.read(recipe.settings).user
    key = os.environ.get(KEY_ENV)
    return SecretStr(key) if key and own is not None and own.place == chosen.place else None
