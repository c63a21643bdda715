"""``[environment.settings.openenv]``: where an OpenEnv server is, and what of its state counts.

Invariant: the server is reached as the http kind's live services are, by the same allow-list and key.
"""

from __future__ import annotations

from pydantic import Field, ValidationError

from agent_factory.contracts.record import Json
from agent_factory.core.buildfile import Section
from agent_factory.core.error import InputError
from agent_factory.environment.http.setting import HttpSection


class OpenEnvSection(Section):
    """``url`` and ``allow`` are http(s) addresses, the key's name and ``max_bytes`` as in the http kind.

    ``state_keys`` names what of the server's state is graded beside ``reward`` and ``done``.
    """

    url: str
    allow: tuple[str, ...]
    key_env: str | None = None
    max_bytes: int = Field(default=1_000_000, ge=1, le=100_000_000)
    state_keys: tuple[str, ...] = ()

    def to_http(self) -> HttpSection:
        """The same as a live service's settings; ValueError where they are wrong."""
        return HttpSection(
            backend="live", url=self.url, allow=self.allow, key_env=self.key_env, max_bytes=self.max_bytes
        )


def read_section(settings: Json, recipe: str) -> tuple[OpenEnvSection, HttpSection]:
    """The settings of a recipe, checked, and how the server is reached; InputError names what is wrong."""
    try:
        section = OpenEnvSection.model_validate(settings)
        return section, section.to_http()
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(("[environment.settings.openenv]", *(str(part) for part in wrong["loc"])))
        told = wrong["msg"].removeprefix("Value error, ")
        raise InputError(f"recipe {recipe!r}: {place} in build.toml: {told}") from error
