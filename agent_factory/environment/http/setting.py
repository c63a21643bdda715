"""``[environment.settings.http]``: what answers behind the tools, and whether it is recorded.

Invariant: a setting that the chosen backend would not look at is refused.
"""

from __future__ import annotations

from typing import Literal, Self

import httpx
from pydantic import Field, ValidationError, field_validator, model_validator

from agent_factory.contracts.record import Json
from agent_factory.core.buildfile import Section
from agent_factory.core.error import InputError

_OF_BACKEND = {
    "simulator": frozenset[str](),
    "cassette": frozenset({"cassette"}),
    "live": frozenset({"url", "allow", "key_env", "key_header", "state_path", "max_bytes"}),
}


class HttpSection(Section):
    """The settings; paths of files are relative to the recipe's folder.

    ``allow`` lists origins (``https://host:port``), ``key_env`` names the environment variable that holds the
    service's key, ``state_path`` is where the service tells how its world stands, ``max_bytes`` bounds an answer.
    """

    backend: Literal["simulator", "cassette", "live"] = "simulator"
    cassette: str | None = Field(default=None, min_length=1)
    record: str | None = Field(default=None, min_length=1)
    url: str | None = None
    allow: tuple[str, ...] = ()
    key_env: str | None = Field(default=None, min_length=1)
    key_header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]+$")
    state_path: str | None = Field(default=None, pattern="^/")
    max_bytes: int = Field(default=1_000_000, ge=1, le=100_000_000)

    @field_validator("allow")
    @classmethod
    def _check_allow(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(read_origin(entry) for entry in allow)

    @model_validator(mode="after")
    def _check_backend(self) -> Self:
        beside = self.model_fields_set - {"backend", "record"} - _OF_BACKEND[self.backend]
        if beside:
            raise ValueError(f"backend = {self.backend!r} has no {sorted(beside)[0]!r}; leave it out")
        if self.backend == "cassette" and self.cassette is None:
            raise ValueError("backend = 'cassette' needs cassette = \"file.jsonl\", the recording to play")
        if self.backend == "cassette" and self.record is not None:
            raise ValueError("a cassette is not recorded again: record stands with backend = 'simulator' or 'live'")
        if self.backend == "live":
            self._check_live()
        return self

    def _check_live(self) -> None:
        if self.url is None:
            raise ValueError("backend = 'live' needs url = \"https://host/base\", where the service answers")
        url = httpx.URL(self.url)
        if url.userinfo or url.query or url.fragment:
            raise ValueError("url is an address without password, query or fragment; a key comes by key_env")
        if origin_of(url) not in self.allow:
            raise ValueError(
                f'url has the origin {origin_of(url)!r}, which allow does not list; add it to allow = ["…"]'
            )


def read_section(settings: Json, recipe: str) -> HttpSection:
    """The settings of a recipe, checked; InputError names what is wrong."""
    try:
        return HttpSection.model_validate(settings)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(("[environment.settings.http]", *(str(part) for part in wrong["loc"])))
        told = wrong["msg"].removeprefix("Value error, ")
        raise InputError(f"recipe {recipe!r}: {place} in build.toml: {told}") from error


def read_origin(text: str) -> str:
    """An origin as ``scheme://host:port``; ValueError where it is something else."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"{text!r} is no address: {error}") from error
    plain = url.path in ("", "/") and not (url.query or url.fragment or url.userinfo)
    if url.scheme not in ("http", "https") or not url.host or not plain:
        raise ValueError(f"{text!r} is no origin; expected http(s)://host or http(s)://host:port and nothing more")
    return origin_of(url)


def origin_of(url: httpx.URL) -> str:
    """Where a URL leads: scheme, host and port, the port told in any case."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}:{url.port or {'http': 80, 'https': 443}.get(url.scheme, 0)}"
