"""A conversation with a deployed agent, as an application has it: through the HTTP API."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from agent_factory.cli.service import ServiceFolder
from agent_factory.core import clock
from agent_factory.core.error import FactoryError, NotFoundError
from agent_factory.core.settings import get_settings

_SECONDS = 180.0


def find_api() -> str:
    """The address of the running platform's API, or the one that the settings name."""
    settings = get_settings()
    running = ServiceFolder(settings.home).read("api")
    return running.url if running is not None and running.url else settings.api_url


def open_client(url: str) -> httpx.Client:
    """A client of the API that sends the settings' key and project."""
    settings = get_settings()
    headers = {"X-Project": settings.project}
    if settings.api_key is not None:
        headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
    return httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=False)


def read_reply(answer: httpx.Response) -> Any:
    """The body of a good answer; FactoryError with the API's own message otherwise."""
    if answer.is_success:
        return answer.json()
    try:
        told = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        told = answer.text[:400]
    error = FactoryError(f"{answer.request.method} {answer.request.url.path} answered {answer.status_code}: {told}")
    error.exit_code = 2 if answer.status_code < 500 else 1
    raise error


class Conversation:
    """A session with an agent, ended with the block."""

    def __init__(self, url: str, agent: str) -> None:
        self.url = url
        self.agent = agent
        self.client = open_client(url)
        self.session: str = ""

    def __enter__(self) -> Self:
        try:
            reply = read_reply(self.client.post(f"/agents/{self.agent}/sessions", json={}))
        except httpx.ConnectError as error:
            raise NotFoundError(f"no API answers at {self.url}: start the platform with `make up`") from error
        self.session = reply["id"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.client.post(f"/agents/{self.agent}/sessions/{self.session}/end")
        finally:
            self.client.close()

    def say(self, text: str) -> dict[str, Any]:
        """The agent's reply to a message; a repeated delivery would be answered with the same one."""
        key = clock.new_id("message")
        path = f"/agents/{self.agent}/sessions/{self.session}/step"
        return read_reply(self.client.post(path, json={"message": text}, headers={"Idempotency-Key": key}))
