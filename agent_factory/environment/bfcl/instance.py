"""The classes of one episode: own instances, called by documented names with JSON, and how they stand.

Invariants: only a documented function is ever called; nothing is shared between episodes, and what a call
sets for the whole process (decimal's and mpmath's precision) is as before after it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from decimal import localcontext
from inspect import signature
from typing import Any, NamedTuple

from agent_factory.agent.argument import ArgumentCheck
from agent_factory.contracts.message import Tool
from agent_factory.contracts.record import Json
from agent_factory.core.error import ToolError
from agent_factory.environment.bfcl.call import ParsedCall
from agent_factory.environment.bfcl.package import Case, Package
from agent_factory.environment.snapshot import to_json


class Response(NamedTuple):
    """What a call answered, as BFCL writes it; ``error`` where it failed, with the HTTP status of that sort."""

    text: str
    error: str | None = None
    status: int = 200


class Instances:
    """The instances of a case's classes, in the state that it begins with."""

    def __init__(self, package: Package, case: Case, arguments: ArgumentCheck) -> None:
        self._arguments = arguments
        self._instances: dict[str, Any] = {}
        self.functions: dict[str, tuple[Tool, Any]] = {}
        for name in case.classes:
            instance = self._instances[name] = package.find_class(name)()
            if not package.is_stateless(name):
                instance._load_scenario(deepcopy(case.config.get(name, {})), long_context=case.long_context)
            self.functions |= {tool.name: (tool, instance) for tool in package.tools(name)}

    def call(self, name: str, arguments: Mapping[str, Any]) -> Response:
        """Call one of ``functions``; what does not fit and what the function raises is a response."""
        tool, instance = self.functions[name]
        wrong = self._arguments.find_wrong(name, tool.parameters, arguments)
        if wrong is not None:
            return _refuse(422, wrong)
        try:
            with _keep_precision():
                return _to_response(getattr(instance, name)(**deepcopy(dict(arguments))))
        except Exception as error:  # the class's own checks raise: to BFCL this is an answer like others
            return _refuse(400, str(error))

    def bind(self, call: ParsedCall) -> Json:
        """A parsed call's arguments by name; ToolError where the function does not take them."""
        if call.name not in self.functions:
            raise ToolError(f"the reference calls {call.name!r}, expected one of: {', '.join(self.functions)}")
        method = getattr(self.functions[call.name][1], call.name)
        try:
            return dict(signature(method).bind(*call.positional, **call.named).arguments)
        except TypeError as error:
            raise ToolError(f"the reference calls {call.name} with {call[1:]}: {error}") from error

    def state(self) -> Json:
        """The public attributes of every instance, by class: what BFCL's own checker compares."""
        return {name: _to_attributes(instance) for name, instance in self._instances.items()}


@contextmanager
def _keep_precision() -> Generator[None]:
    with ExitStack() as stack:
        stack.enter_context(localcontext())
        mpmath = sys.modules.get("mpmath")
        if mpmath is not None:
            stack.enter_context(mpmath.workprec(mpmath.mp.prec))
        yield


def _to_response(result: Any) -> Response:
    """As ``execute_multi_turn_func_call`` writes results: text as it is, dictionaries as JSON, all else as str."""
    if isinstance(result, str):
        return Response(result)
    if not isinstance(result, dict):
        return Response(str(result))
    try:
        text = json.dumps(result)
    except (TypeError, ValueError):
        text = str(result)
    return Response(text, str(result["error"]), 400) if "error" in result else Response(text)


def _refuse(status: int, error: str) -> Response:
    return Response(f"Error during execution: {error}", error, status)


def _to_attributes(instance: Any) -> Json:
    """Public attributes; a link to an object of its own class (a folder's parent) leads up and is left out."""
    public = {name: value for name, value in vars(instance).items() if not name.startswith("_")}
    own = type(instance)
    return {name: to_json(value, _describe) for name, value in public.items() if type(value) is not own}


def _describe(value: Any) -> Any:
    if hasattr(value, "__dict__") and type(value).__module__.startswith("bfcl_eval."):
        return {"~class": type(value).__name__, **_to_attributes(value)}
    return str(value)
