"""An operation of an OpenAPI document as a call over HTTP: where each argument goes, and how it is written.

Invariant: whatever an argument holds, it stays in its place: no value can lead to another path, add a
header or a field of a query. A segment of a path that would lead elsewhere (empty, ``.``, ``..``) is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from agent_factory.core.error import InputError

Place = Literal["path", "query", "header", "cookie", "body", "content"]
"""``body`` is a property of the request's body, ``content`` the body as a whole."""

_VISIBLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_SEPARATORS = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


class Style(NamedTuple):
    """How a parameter is written (OpenAPI's style and explode); ``json`` where its content is JSON."""

    name: str = "form"
    explode: bool = True


@dataclass(frozen=True)
class HttpCall:
    """A call as HTTP has it: ``body`` is JSON, ``form`` fields; both None where the call has no body."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: Any = None
    form: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class Operation:
    """How a tool is called over HTTP: which argument goes to which place of the request.

    ``media`` is the type of its body, None where it takes none.
    """

    name: str
    method: str
    path: str
    places: Mapping[str, Place]
    parameters: dict[str, Any]
    styles: Mapping[str, Style] = field(default_factory=dict[str, Style])
    media: str | None = None

    def to_call(self, arguments: Mapping[str, Any]) -> HttpCall:
        """The request for arguments that fit ``parameters``; an optional one that is null is left out.

        InputError where an argument cannot stand in the path.
        """
        url, headers, cookies = self.path, dict[str, str](), list[str]()
        query: list[tuple[str, str]] = []
        for name, value in arguments.items():
            place = self.places[name]
            if place == "path":
                url = url.replace("{" + name + "}", _to_segment(name, value, self._style(name)))
            elif value is None or place in ("body", "content"):
                continue
            elif place == "query":
                query.extend(_to_pairs(name, value, self._style(name)))
            elif place == "header":
                headers[name] = quote(_to_simple(value, self._style(name)), safe=_VISIBLE)
            else:
                cookies += [f"{n}={quote(v, safe='')}" for n, v in _to_pairs(name, value, self._style(name))]
        if cookies:
            headers["Cookie"] = "; ".join(cookies)
        body = self._find_body(arguments)
        if body is None or self.media is None:
            return HttpCall(self.method.upper(), url, tuple(query), headers)
        if "json" in self.media:
            if self.media != "application/json":
                headers["Content-Type"] = self.media
            return HttpCall(self.method.upper(), url, tuple(query), headers, body)
        form = [pair for name, value in body.items() if value is not None for pair in _to_pairs(name, value, Style())]
        return HttpCall(self.method.upper(), url, tuple(query), headers, form=tuple(form))

    def _style(self, name: str) -> Style:
        return self.styles.get(name, Style())

    def _find_body(self, arguments: Mapping[str, Any]) -> Any:
        whole = [name for name, place in self.places.items() if place == "content"]
        if whole:
            return arguments.get(whole[0])
        if "body" not in self.places.values():
            return None
        return {name: value for name, value in arguments.items() if self.places[name] == "body"}


def _to_pairs(name: str, value: Any, style: Style) -> Iterator[tuple[str, str]]:
    if style.name == "json":
        yield name, json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list) and (style.explode or style.name == "deepObject"):
        yield from ((name, _to_text(item)) for item in value)
    elif isinstance(value, list):
        yield name, _SEPARATORS[style.name].join(_to_text(item) for item in value)
    elif isinstance(value, dict) and style.name == "deepObject":
        yield from ((f"{name}[{key}]", _to_text(item)) for key, item in value.items())
    elif isinstance(value, dict) and style.explode:
        yield from ((str(key), _to_text(item)) for key, item in value.items())
    else:
        yield name, _to_simple(value, style)


def _to_simple(value: Any, style: Style) -> str:
    if style.name == "json":
        return json.dumps(value)
    if isinstance(value, list):
        return ",".join(_to_text(item) for item in value)
    if isinstance(value, dict):
        mark = "=" if style.explode else ","
        return ",".join(f"{key}{mark}{_to_text(item)}" for key, item in value.items())
    return _to_text(value)


def _to_segment(name: str, value: Any, style: Style) -> str:
    text = quote(_to_simple(value, style), safe="," if isinstance(value, (list, dict)) else "")
    if text in ("", ".", ".."):
        raise InputError(f"{name}: {value!r} leads to another path, expected text other than '', '.' and '..'")
    return text


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return (
        json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, list, dict)) or value is None else str(value)
    )
