"""Errors on the wire, mapped in this one place: ``{"error": {"type": …, "message": …}}``.

Invariant: every answer of 400 and above has that body; a fault of ours tells no internals.
"""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from agent_factory.core.error import AccessError, BusyError, FactoryError, RecipeError

_log = logging.getLogger(__name__)


class ErrorDetail(BaseModel):
    """What failed, by class, and what to do about it, in words."""

    type: str
    message: str


class ErrorBody(BaseModel):
    """The body of every error answer."""

    error: ErrorDetail


_TEXTS = {
    401: "No API key, or the wrong one",
    403: "The key does not open the project, or the person named is another",
    404: "There is no such thing in the project",
    409: "It contradicts what is there; the message says why",
    410: "It was forgotten at a person's request and is not taken in again",
    413: "The body is too large",
    422: "The body or a parameter is not as expected",
    429: "Too much at once; ask again after Retry-After seconds",
    502: "A model, tool or a recipe's own code failed",
    504: "A deadline was reached",
    507: "The store or the disk failed",
}


def tell(*statuses: int, keyed: bool = True) -> dict[int | str, dict[str, Any]]:
    """The error answers of an endpoint, for OpenAPI; one that is not ``keyed`` answers without a key."""
    told = (401, 403, *statuses) if keyed else statuses
    return {status: {"model": ErrorBody, "description": _TEXTS[status]} for status in told}


def render(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error answer."""
    body = ErrorBody(error=ErrorDetail(type=kind, message=message))
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def render_error(error: FactoryError) -> JSONResponse:
    """The answer for an error of ours: its status, its class's name, its message."""
    headers: dict[str, str] = {}
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, AccessError) and error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status >= 500:
        cause = error.__cause__ if isinstance(error, RecipeError) else None
        _log.error("%s: %s", type(error).__name__, error, exc_info=cause)
    return render(error.status, type(error).__name__, str(error), headers)


def install_errors(app: FastAPI) -> None:
    """Give the app its handlers."""

    async def on_factory(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, FactoryError)
        return render_error(error)

    async def on_validation(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError | ValidationError)
        return render(422, "InputError", _describe(list(error.errors())))

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, FactoryError):  # raised while FastAPI was reading the body
            return render_error(error.__cause__)
        return render(error.status_code, "HTTPError", str(error.detail), dict(error.headers or {}))

    async def on_fault(request: Request, error: Exception) -> JSONResponse:
        _log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return render(500, "InternalError", "a fault of the factory; its log has the details")

    app.add_exception_handler(FactoryError, on_factory)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(ValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)


def _describe(errors: list[Any]) -> str:
    """Each wrong value: where it is, what it was, what was expected."""
    told = [
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}, got {str(item.get('input'))[:120]!r}" for item in errors
    ]
    return "; ".join(told)
