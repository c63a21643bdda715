"""The tools of an agent, read from an OpenAPI 3.1 document: one operation, one tool.

A tool's arguments are the operation's parameters and the properties of its body, side by side; a body
of another shape, or with a name that a parameter has, is one argument, ``body``. A tool is named by the
operationId, or else by method and path (``get_things_id``). Invariant: what ``read_tools`` returns can
be called as it stands; a document that is not OpenAPI 3.1, or that holds something that is not
supported, is refused with the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn
from urllib.parse import unquote

from agent_factory.agent.operation import Operation, Place, Style
from agent_factory.contracts.message import Tool
from agent_factory.core.error import InputError, NotFoundError

_METHODS = ("get", "put", "post", "delete", "patch")
_OWN_HEADERS = ("accept", "content-type", "authorization")
"""Header parameters that OpenAPI says to pass over: the body, the answer and the key decide them."""
_STYLES = {
    "path": ("simple",),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
_FORM = "application/x-www-form-urlencoded"
_MAX_NODES = 300_000
_NOTES = ("description", "summary", "title", "default", "deprecated", "examples", "example")


@dataclass(frozen=True)
class OpenApiTools:
    """The tools of a document, in its order, and how each is called."""

    tools: tuple[Tool, ...]
    operations: Mapping[str, Operation]
    server: str | None

    def operation(self, name: str) -> Operation:
        """The operation of a tool; NotFoundError lists the tools that there are."""
        found = self.operations.get(name)
        if found is None:
            raise NotFoundError(f"there is no tool {name!r}; there are: {', '.join(self.operations)}")
        return found


def read_tools(openapi: dict[str, Any], source: str = "openapi.yaml") -> OpenApiTools:
    """The tools of an OpenAPI 3.1 document; InputError names ``source`` and the place of what is wrong."""
    document = _Document(source, openapi)
    resolved = document.check()
    operations: dict[str, Operation] = {}
    tools: list[Tool] = []
    for path, item in resolved["paths"].items():
        for method in (m for m in _METHODS if m in item):
            place = f"paths/{path}/{method}"
            found = item[method]
            operation = document.read_operation(place, path, method, found, item.get("parameters", []))
            if operation.name in operations:
                document.refuse(
                    place, f"a second tool {operation.name!r}; give the operation an operationId of its own"
                )
            operations[operation.name] = operation
            text = found.get("description") or found.get("summary") or operation.name
            tools.append(Tool(name=operation.name, description=text, parameters=operation.parameters))
    if not tools:
        document.refuse("paths", "no operation; expected at least one")
    servers = resolved.get("servers") or [{}]
    return OpenApiTools(tuple(tools), operations, servers[0].get("url"))


class _Document:
    """A document under examination; every refusal names its source and a place in it."""

    def __init__(self, source: str, openapi: dict[str, Any]) -> None:
        self.source = source
        self.openapi = openapi
        self._nodes = 0

    def refuse(self, place: str, why: str) -> NoReturn:
        raise InputError(f"{self.source}, at {place!r}: {why}")

    def check(self) -> dict[str, Any]:
        """The document with its references put in, once it is known to be valid."""
        # The import takes most of a second: only who reads tools pays for it.
        from openapi_spec_validator import OpenAPIV31SpecValidator

        version = str(self.openapi.get("openapi"))
        if not version.startswith("3.1."):
            self.refuse("openapi", f"the version is {version!r}, expected '3.1.0' or a later 3.1")
        try:
            resolved = self._inline(self.openapi, "", ())
        except RecursionError:
            self.refuse("", "it is nested too deeply to be read")
        for place, schema in _schemas(resolved.get("paths"), "paths"):
            self._check_schema(place, schema)
        for error in OpenAPIV31SpecValidator(resolved).iter_errors():
            place = "/".join(str(part) for part in error.absolute_path) or "paths"
            self.refuse(place, f"{error.message}. Expected a valid OpenAPI 3.1 document.")
        return resolved

    def _check_schema(self, place: str, schema: Any) -> None:
        from jsonschema import Draft202012Validator, SchemaError

        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            inner = "/".join((place, *(str(part) for part in error.absolute_path)))
            self.refuse(inner, f"{error.message}. Expected a JSON Schema (2020-12).")

    def _inline(self, node: Any, place: str, open_refs: tuple[str, ...]) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            self.refuse(
                place, f"it has more than {_MAX_NODES} parts once references are put in; leave out what no tool needs"
            )
        if isinstance(node, list):
            return [self._inline(child, _join(place, i), open_refs) for i, child in enumerate(node)]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        beside = {str(key): child for key, child in node.items() if not (key == "$ref" and isinstance(reference, str))}
        inlined = {key: self._inline(child, _join(place, key), open_refs) for key, child in beside.items()}
        if not isinstance(reference, str):
            return inlined
        if reference in open_refs:
            self.refuse(place, f"the reference {reference!r} leads back to itself; expected a tree")
        target = self._inline(self._find(reference, place), place, (*open_refs, reference))
        if not inlined or not isinstance(target, dict):
            return target
        # What stands beside a reference holds too; what only describes it comes first.
        return {**target, **inlined} if set(inlined) <= set(_NOTES) else {"allOf": [target], **inlined}

    def _find(self, reference: str, place: str) -> Any:
        if not reference.startswith("#/"):
            self.refuse(place, f"the reference {reference!r} leaves the document; expected one that begins with '#/'")
        node: Any = self.openapi
        for part in reference[2:].split("/"):
            key: Any = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                key = int(key)
            elif not isinstance(node, dict) or key not in node:
                self.refuse(place, f"the reference {reference!r} leads nowhere: there is no {key!r}")
            node = node[key]
        return node

    def read_operation(
        self, place: str, path: str, method: str, operation: dict[str, Any], shared: list[dict[str, Any]]
    ) -> Operation:
        """One operation as a tool."""
        name = str(operation.get("operationId") or _name(method, path))
        found = [self._read_parameter(place, one) for one in _merge(operation.get("parameters", []), shared)]
        media, body = self._read_body(place, operation.get("requestBody"), {one.name for one in found if one})
        arguments = [one for one in (*found, *body) if one is not None]
        places: dict[str, Place] = {}
        for one in arguments:
            if one.name in places:
                self.refuse(place, f"the argument {one.name!r} stands twice, in {places[one.name]} and {one.place}")
            places[one.name] = one.place
        parameters = {
            "type": "object",
            "properties": {one.name: one.schema for one in arguments},
            "required": [one.name for one in arguments if one.required],
            "additionalProperties": False,
        }
        return Operation(name, method, path, places, parameters, {one.name: one.style for one in arguments}, media)

    def _read_parameter(self, place: str, parameter: dict[str, Any]) -> _Argument | None:
        """A parameter as an argument; None for a header that is not the caller's to set."""
        name, where = parameter["name"], parameter["in"]
        if where == "header" and name.lower() in _OWN_HEADERS:
            return None
        schema, style = parameter.get("schema"), parameter.get("style", _STYLES[where][0])
        if schema is None:
            media, inner = next(iter(parameter.get("content", {}).items()), ("", {}))
            if "json" not in media:
                self.refuse(place, f"the parameter {name!r} has no schema, and its content is {media!r}: JSON works")
            schema, style = inner.get("schema", {}), "json"
        elif style not in _STYLES[where]:
            self.refuse(place, f"the parameter {name!r} has the style {style!r}: {', '.join(_STYLES[where])} work")
        schema = {"description": parameter["description"], **schema} if "description" in parameter else dict(schema)
        explode = bool(parameter.get("explode", style == "form"))
        return _Argument(name, where, schema, bool(parameter.get("required")), Style(style, explode))

    def _read_body(
        self, place: str, body: dict[str, Any] | None, taken: set[str]
    ) -> tuple[str | None, list[_Argument]]:
        """The type of a body and its arguments."""
        if body is None:
            return None, []
        content = body.get("content", {})
        known = [media for media in content if "json" in media] or [media for media in content if _FORM in media]
        if not known:
            self.refuse(f"{place}/requestBody", f"a body of {sorted(content)!r}: expected application/json or {_FORM}")
        schema, needed = content[known[0]].get("schema", {}), bool(body.get("required"))
        fields = _fields(schema)
        if fields is not None and taken.isdisjoint(fields):
            required = schema.get("required", [])
            return known[0], [_Argument(n, "body", one, needed and n in required) for n, one in fields.items()]
        if "json" not in known[0] and (not isinstance(schema, dict) or schema.get("type") != "object"):
            self.refuse(f"{place}/requestBody", "a form whose schema is no object: expected one with properties")
        whole = "body" if "body" not in taken else "request_body"
        return known[0], [_Argument(whole, "content", schema, needed)]


class _Argument(NamedTuple):
    """An argument of a tool, and where in the request it goes."""

    name: str
    place: Place
    schema: Any
    required: bool
    style: Style = Style()


def _name(method: str, path: str) -> str:
    return "_".join((method, *re.findall(r"[A-Za-z0-9]+", path)))


def _merge(own: list[dict[str, Any]], shared: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parameters of an operation: those of its path, unless it has the same itself."""
    named = {(one["name"], one["in"]) for one in own}
    return [*(one for one in shared if (one["name"], one["in"]) not in named), *own]


def _fields(schema: Any) -> dict[str, Any] | None:
    """The properties of a body that can be given one by one, without those that only answers have."""
    if not isinstance(schema, dict) or any(word in schema for word in ("oneOf", "anyOf", "allOf")):
        return None
    if schema.get("type", "object") != "object" or not schema.get("properties"):
        return None
    fields = schema["properties"]
    return {name: one for name, one in fields.items() if not (isinstance(one, dict) and one.get("readOnly"))}


def _join(place: str, part: object) -> str:
    return f"{place}/{part}" if place else str(part)


def _schemas(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, child in node.items():
            if key == "schema":
                yield f"{place}/{key}", child
            else:
                yield from _schemas(child, f"{place}/{key}")
    elif isinstance(node, list):
        for i, child in enumerate(node):
            yield from _schemas(child, f"{place}/{i}")
