"""The tools of an agent, read from an OpenAPI 3.1 document: one operation, one tool.

A tool's arguments are the operation's parameters and the properties of its JSON body, side by side.
Invariant: what ``read_tools`` returns can be called as it stands; a document that is not OpenAPI
3.1, or that holds something that is not supported, is refused with the place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from agent_factory.contracts.message import Tool
from agent_factory.core.error import InputError, NotFoundError

Place = Literal["path", "query", "header", "body"]
_METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class HttpCall:
    """A call as HTTP has it: ``body`` is None where the operation takes none."""

    method: str
    url: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any] | None


@dataclass(frozen=True)
class Operation:
    """How a tool is called over HTTP: which argument goes to which place of the request."""

    name: str
    method: str
    path: str
    places: Mapping[str, Place]
    parameters: dict[str, Any]

    def to_call(self, arguments: Mapping[str, Any]) -> HttpCall:
        """The request for arguments that fit ``parameters``."""
        by_place: dict[Place, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "body": {}}
        for name, value in arguments.items():
            by_place[self.places[name]][name] = value
        url = self.path
        for name, value in by_place["path"].items():
            url = url.replace("{" + name + "}", quote(_to_text(value), safe=""))
        return HttpCall(
            method=self.method.upper(),
            url=url,
            query={name: _to_text(value) for name, value in by_place["query"].items()},
            headers={name: _to_text(value) for name, value in by_place["header"].items()},
            body=by_place["body"] if "body" in self.places.values() else None,
        )


def _to_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
            operations[operation.name] = operation
            text = found.get("description") or found.get("summary") or operation.name
            tools.append(Tool(name=operation.name, description=text, parameters=operation.parameters))
    if not tools:
        document.refuse("paths", "no operation; expected at least one with an operationId")
    servers = resolved.get("servers") or [{}]
    return OpenApiTools(tuple(tools), operations, servers[0].get("url"))


class _Document:
    """A document under examination; every refusal names its source and a place in it."""

    def __init__(self, source: str, openapi: dict[str, Any]) -> None:
        self.source = source
        self.openapi = openapi

    def refuse(self, place: str, why: str) -> None:
        raise InputError(f"{self.source}, at {place!r}: {why}")

    def check(self) -> dict[str, Any]:
        """The document with its references put in, once it is known to be valid."""
        # The import takes most of a second: only who reads tools pays for it.
        from openapi_spec_validator import OpenAPIV31SpecValidator

        version = str(self.openapi.get("openapi"))
        if not version.startswith("3.1."):
            self.refuse("openapi", f"the version is {version!r}, expected '3.1.0' or a later 3.1")
        resolved = self._inline(self.openapi, "", ())
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
        if isinstance(node, list):
            return [self._inline(child, _join(place, i), open_refs) for i, child in enumerate(node)]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return {key: self._inline(child, _join(place, key), open_refs) for key, child in node.items()}
        if reference in open_refs:
            self.refuse(place, f"the reference {reference!r} leads back to itself; expected a tree")
        return self._inline(self._find(reference, place), place, (*open_refs, reference))

    def _find(self, reference: str, place: str) -> Any:
        if not reference.startswith("#/"):
            self.refuse(place, f"the reference {reference!r} leaves the document; expected one that begins with '#/'")
        node: Any = self.openapi
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or key not in node:
                self.refuse(place, f"the reference {reference!r} leads nowhere: there is no {key!r}")
            node = node[key]
        return node

    def read_operation(
        self, place: str, path: str, method: str, operation: dict[str, Any], shared: list[dict[str, Any]]
    ) -> Operation:
        """One operation as a tool."""
        name = operation.get("operationId")
        if not name:
            self.refuse(place, "no operationId; the tool takes its name from it")
        places: dict[str, Place] = {}
        properties: dict[str, Any] = {}
        required: list[str] = []
        for argument, where, schema, needed in self._arguments(place, operation, shared):
            if argument in places:
                self.refuse(place, f"the argument {argument!r} stands twice, in {places[argument]} and {where}")
            places[argument], properties[argument] = where, schema
            if needed:
                required.append(argument)
        parameters = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        return Operation(str(name), method, path, places, parameters)

    def _arguments(
        self, place: str, operation: dict[str, Any], shared: list[dict[str, Any]]
    ) -> Iterator[tuple[str, Place, Any, bool]]:
        own = operation.get("parameters", [])
        named = {(p["name"], p["in"]) for p in own}
        for parameter in (*(p for p in shared if (p["name"], p["in"]) not in named), *own):
            where = parameter["in"]
            if where not in ("path", "query", "header"):
                self.refuse(place, f"the parameter {parameter['name']!r} is in {where!r}: path, query or header work")
            if "schema" not in parameter:
                self.refuse(place, f"the parameter {parameter['name']!r} has no schema")
            schema = dict(parameter["schema"])
            if "description" in parameter:
                schema.setdefault("description", parameter["description"])
            yield parameter["name"], where, schema, bool(parameter.get("required"))
        if "requestBody" in operation:
            yield from self._body_arguments(place, operation["requestBody"])

    def _body_arguments(self, place: str, body: dict[str, Any]) -> Iterator[tuple[str, Place, Any, bool]]:
        content = body.get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if schema.get("type") != "object" or "properties" not in schema:
            self.refuse(
                f"{place}/requestBody",
                f"a body of {sorted(content)!r}: expected application/json whose schema is an object with properties",
            )
        required = schema.get("required", [])
        for name, inner in schema["properties"].items():
            yield name, "body", inner, bool(body.get("required")) and name in required


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
