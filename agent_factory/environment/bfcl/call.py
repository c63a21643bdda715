"""BFCL's calls as text, ``cd(folder='x')``, read without running anything.

Invariant: what is returned is a plain name and literal arguments; every other Python is refused by name.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from agent_factory.core.error import InputError

_LONGEST = 20_000
"""Characters of a call; the longest of the references has a few hundred."""


class ParsedCall(NamedTuple):
    """A function's name, its positional and its named arguments."""

    name: str
    positional: tuple[Any, ...]
    named: dict[str, Any]


def parse_call(text: str) -> ParsedCall:
    """One call with literal arguments; InputError says what else stands there."""
    if len(text) > _LONGEST:
        raise _refuse(text, f"{len(text)} characters")
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refuse(text, f"no Python expression ({error})") from error
    if not isinstance(body, ast.Call):
        raise _refuse(text, f"a {type(body).__name__}")
    if not isinstance(body.func, ast.Name):
        raise _refuse(text, f"a call of a {type(body.func).__name__}")
    if body.func.id.startswith("_"):
        raise _refuse(text, f"the private name {body.func.id!r}")
    positional = tuple(_read_literal(node, text) for node in body.args)
    return ParsedCall(body.func.id, positional, _read_named(body, text))


def _read_named(call: ast.Call, text: str) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise _refuse(text, "unpacked arguments (**)")
        named[keyword.arg] = _read_literal(keyword.value, text)
    return named


def _read_literal(node: ast.expr, text: str) -> Any:
    """A value as JSON has it: a tuple is a list."""
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool | int | float | str)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return -value
    if isinstance(node, ast.List | ast.Tuple):
        return [_read_literal(item, text) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {
            _read_key(key, text): _read_literal(value, text) for key, value in zip(node.keys, node.values, strict=True)
        }
    raise _refuse(text, f"a {type(node).__name__} as an argument")


def _read_key(node: ast.expr | None, text: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise _refuse(text, "a dictionary whose key is no string")


def _refuse(text: str, found: str) -> InputError:
    shown = text if len(text) <= 200 else f"{text[:200]}…"
    return InputError(
        f"the call {shown!r} has {found}, expected one function by name with literal arguments, as cd(folder='x')"
    )
