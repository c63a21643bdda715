"""What commands work with: the store and artifacts of the settings, opened directly.

Only ``agent chat`` and the round's conversation go through the HTTP API, where the models are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent_factory.core.error import InputError

if TYPE_CHECKING:
    from agent_factory.api.context import Context


def open_desk(project: str | None = None) -> Context:
    """The same view of the factory that an API request has."""
    from agent_factory.api.context import Context, SessionRoom
    from agent_factory.core.artifact import open_artifacts
    from agent_factory.core.settings import get_settings
    from agent_factory.core.store import open_store

    settings = get_settings()
    store, artifacts = open_store(settings.database_url), open_artifacts(settings.artifacts_url)
    return Context(settings, store, artifacts, SessionRoom(store, artifacts), project or settings.project)


def response() -> Any:
    """A response object for the endpoints' functions, whose headers nobody reads here."""
    from starlette.responses import Response

    return Response()


def read_overrides(settings: list[str]) -> dict[str, Any]:
    """``["rollouts.episodes=50", "training.sft.steps=20"]`` as nested tables; values are TOML."""
    import tomllib

    found: dict[str, Any] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or len(parts) < 2 or not all(parts):
            raise InputError(f"--set {text!r} is not of the form section.key=value, as in rollouts.episodes=50")
        table = found
        for part in parts[:-1]:
            table = table.setdefault(part, {})
        table[parts[-1]] = _read_value(tomllib, value.strip())
    return found


def _read_value(tomllib: Any, text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word is a string
