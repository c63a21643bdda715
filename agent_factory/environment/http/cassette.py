"""A cassette: what a service answered in some episodes, as JSON lines that can be played back.

The first line names format, version and the digest of the OpenAPI document; a line with ``scenario``
begins a *take* (one episode) with the state at its start, each line after it is an exchange, with the
state after it where that changed. Invariants: takes stand in a fixed order, each once; what a name calls
secret is never written.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

import httpx
from pydantic import Field, JsonValue, ValidationError

from agent_factory.contracts.record import Json, Name, Part
from agent_factory.core.error import InputError, StorageError

VERSION = 1
HIDDEN = "***"
_SECRET = re.compile(r"(?i)authori[sz]ation|cookie|api[-_]?key|secret|passw|token|credential")
_COUNTED = re.compile(r"(?i)tokens")
"""Names of secrets that are also names of a count, as ``max_tokens``."""
_KEPT_HEADERS = ("content-type", "retry-after")


class Body(Part):
    """A body as JSON, text, or bytes in base64."""

    kind: Literal["json", "text", "base64"]
    content: JsonValue

    def to_bytes(self) -> bytes:
        """What goes over the wire."""
        if self.kind == "json":
            return json.dumps(self.content, ensure_ascii=False, separators=(",", ":")).encode()
        return str(self.content).encode() if self.kind == "text" else base64.b64decode(str(self.content))


class TapedRequest(Part):
    """A request by what tells it apart: headers are those that the document declares as parameters."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = Field(default_factory=dict)
    body: Body | None = None


class TapedResponse(Part):
    """An answer."""

    status: int
    headers: dict[str, str] = Field(default_factory=dict)
    body: Body | None = None

    def to_httpx(self) -> httpx.Response:
        """The answer as a transport gives it."""
        content = b"" if self.body is None else self.body.to_bytes()
        return httpx.Response(self.status, headers=self.headers, content=content)


class Exchange(Part):
    """A request, its answer, and the state after it where it changed."""

    request: TapedRequest
    response: TapedResponse
    state: Json | None = None


class Take(Part):
    """One episode of a scenario; ``world`` is the digest of the scenario's state."""

    scenario: Name
    world: str
    state: Json
    exchanges: tuple[Exchange, ...] = ()

    def to_lines(self) -> str:
        """The take as lines of a cassette."""
        head = self.model_dump(mode="json", exclude={"exchanges"})
        rows = [head, *(exchange.model_dump(mode="json", exclude_defaults=True) for exchange in self.exchanges)]
        return "".join(_to_line(row) for row in rows)


def read_cassette(path: Path, openapi: str) -> tuple[Take, ...]:
    """The takes of a cassette; InputError names file and line, or both digests of another document.

    A last line without its end is of a recording that was cut off, and left out.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the cassette {str(path)!r} cannot be read: {error}. Record it first.") from error
    rows = list(_read_rows(path, text))
    _check_head(path, rows[0][1] if rows else {}, openapi)
    takes: list[Take] = []
    for number, row in rows[1:]:
        try:
            if "scenario" in row:
                takes.append(Take.model_validate(row))
            else:
                last = takes.pop()
                takes.append(last.model_copy(update={"exchanges": (*last.exchanges, Exchange.model_validate(row))}))
        except IndexError:
            raise InputError(f"{path}, line {number}: an exchange before any scenario; record it anew") from None
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in wrong["loc"])
            raise InputError(f"{path}, line {number}: {place}: {wrong['msg']}. Record the cassette anew.") from error
    return tuple(takes)


def _read_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: it is not JSON: {error}. Record the cassette anew.") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: {line[:80]!r} is no JSON object. Record the cassette anew.")
        yield number, row


def _check_head(path: Path, head: dict[str, Any], openapi: str) -> None:
    if head.get("cassette") != VERSION:
        raise InputError(
            f"{path}, line 1: the format is {head.get('cassette')!r}, expected cassette version {VERSION}. "
            "Record it anew."
        )
    if head.get("openapi") != openapi:
        raise InputError(
            f"{path}: it was recorded with an openapi.yaml of the digest {head.get('openapi')}, the recipe's has "
            f"{openapi}. Record it anew."
        )


def write_head(openapi: str) -> str:
    """The first line."""
    return _to_line({"cassette": VERSION, "openapi": openapi})


def _to_line(row: Any) -> str:
    # Fields keep their order: an agent reads an answer as the service wrote it.
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_cassette(path: Path, openapi: str, takes: Iterable[Take]) -> None:
    """Write a cassette whole or not at all: takes by scenario, each once; StorageError where it cannot be."""
    lines = sorted({(take.scenario, take.to_lines()) for take in takes})
    draft = path.with_name(path.name + ".draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(write_head(openapi))
            file.writelines(take for _, take in lines)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"the cassette {str(path)!r} cannot be written: {error}") from error


def tape_request(request: httpx.Request, body: bytes, base: str, headers: Iterable[str]) -> TapedRequest:
    """A request as a cassette has it; ``headers`` are those that the document declares."""
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    return TapedRequest(
        method=request.method,
        path=path.removeprefix(base.rstrip("/")),
        query=tuple((name, HIDDEN if _is_secret(name, value) else value) for name, value in pairs),
        headers={n: request.headers[n] for n in headers if n in request.headers and not _SECRET.search(n)},
        body=_to_body(body, request.headers.get("content-type", "")),
    )


def tape_response(response: httpx.Response, body: bytes) -> TapedResponse:
    """An answer as a cassette has it."""
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return TapedResponse(
        status=response.status_code, headers=kept, body=_to_body(body, response.headers.get("content-type", ""))
    )


def hide_secrets(value: Any) -> Any:
    """JSON without the values whose name says that they are secret, with all that they hold."""
    if isinstance(value, dict):
        return {n: HIDDEN if _is_secret(n, v) else hide_secrets(v) for n, v in value.items()}
    return [hide_secrets(item) for item in value] if isinstance(value, list) else value


def _is_secret(name: str, value: Any) -> bool:
    if value is None or not _SECRET.search(name):
        return False
    counts = isinstance(value, (int, float)) or (isinstance(value, str) and value.isdecimal())
    return not (counts and _COUNTED.search(name))


def _to_body(body: bytes, content_type: str) -> Body | None:
    if not body:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Body(kind="base64", content=base64.b64encode(body).decode())
    if "form-urlencoded" in content_type:
        pairs: list[JsonValue] = [
            [n, HIDDEN if _is_secret(n, v) else v] for n, v in parse_qsl(text, keep_blank_values=True)
        ]
        return Body(kind="json", content=pairs)
    try:
        return Body(kind="json", content=hide_secrets(json.loads(text)))
    except ValueError:  # it is no JSON: text as it stands
        return Body(kind="text", content=text)
