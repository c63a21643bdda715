"""BFCL's function documents as tools: its Python-like types become JSON Schema.

Invariant: a type that is not known is refused, never passed on; numbers are bounded, since the classes
run in this process and a power or a precision without bound would hold it up for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent_factory.contracts.message import Tool
from agent_factory.core.error import InputError

_TYPES = {
    "array": "array",
    "boolean": "boolean",
    "dict": "object",
    "float": "number",
    "integer": "integer",
    "list": "array",
    "number": "number",
    "object": "object",
    "string": "string",
    "tuple": "array",
}
_NUMBER_MAX = 10**15
_BOUNDS = {"precision": 1_000, "exponent": 1_000, "decimal_places": 1_000}
"""Arguments by which the work of a call grows, and how far."""


def to_tool(document: Mapping[str, Any]) -> Tool:
    """A function's document as a tool; InputError names the function where its document is malformed."""
    name = str(document.get("name"))
    try:
        parameters = {**_to_schema(document["parameters"], ""), "additionalProperties": False}
        return Tool(name=name, description=document["description"], parameters=parameters)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"BFCL's document of {name!r} is malformed: {type(error).__name__}: {error}") from error


def _to_schema(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    kind = _TYPES.get(document["type"])
    if kind is None:
        raise ValueError(f"{name or 'parameters'} has the type {document['type']!r}, expected one of {sorted(_TYPES)}")
    schema: dict[str, Any] = {"type": kind}
    schema |= {key: document[key] for key in ("description", "enum", "default") if key in document}
    if kind in ("number", "integer"):
        most = _BOUNDS.get(name, _NUMBER_MAX)
        schema |= {"minimum": -most, "maximum": most}
    if "items" in document:
        schema["items"] = _to_schema(document["items"], name)
    if "properties" in document:
        schema |= _to_object(document)
    return _allow_none(schema)


def _to_object(document: Mapping[str, Any]) -> dict[str, Any]:
    properties = {key: _to_schema(value, key) for key, value in document["properties"].items()}
    required = list(document.get("required") or ())
    unknown = [key for key in required if key not in properties]
    if unknown:
        raise ValueError(f"required {unknown[0]!r} is no property")
    return {"properties": properties, "required": required}


def _allow_none(schema: dict[str, Any]) -> dict[str, Any]:
    """``None`` as a default is written ``"None"`` there: null is then a value."""
    if schema.get("default") != "None":
        return schema
    return {**schema, "type": [schema["type"], "null"], "default": None}
