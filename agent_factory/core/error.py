"""The failure model: one base, few classes, each naming the border that was crossed.

A message says what failed, the value, what was expected, and what to do. The API maps the classes
to status codes in one place; the CLI prints the message without a traceback and exits with
``exit_code``.
"""

from __future__ import annotations

import errno
import re

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


def is_unwritable(error: Exception) -> bool:
    """Whether something could not be written: a full or read-only disk, as Python, safetensors and torch tell it."""
    if isinstance(error, OSError):
        return error.errno in _UNWRITABLE
    return any(told in str(error) for told in ("Error while serializing", "inline_container.cc"))


def end_once(message: str) -> str:
    """The message with one full stop where a quoted message that has its own was given a second."""
    return re.sub(r"(?<!\.)\.\.(?=\s|$)", ".", message)


class FactoryError(Exception):
    """The base of every error that a user can meet; ``status`` is its HTTP status."""

    status = 500
    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(end_once(message))


class InputError(FactoryError):
    """What came in is malformed or contradicts itself: the caller's to mend."""

    status = 422
    exit_code = 2


class TooLargeError(InputError):
    """More bytes than are taken at once."""

    status = 413


class NotFoundError(FactoryError):
    """A name that nothing answers to."""

    status = 404
    exit_code = 2


class ConflictError(FactoryError):
    """The request contradicts what is there: another content under the same id, no PASS."""

    status = 409
    exit_code = 2


class CheckError(FactoryError):
    """What was made did not pass its checks: it stays to be looked at, and nothing goes on from it."""

    status = 409


class ForgottenError(ConflictError):
    """A trace that a person asked to be forgotten comes again: it is gone for good."""

    status = 410


class AccessError(FactoryError):
    """No key, or the wrong one."""

    status = 401
    exit_code = 2


class ForbiddenError(AccessError):
    """A key that does not open the project, or a name that is another's."""

    status = 403


class BusyError(FactoryError):
    """Too much at once; try again after ``retry_after`` seconds."""

    status = 429

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineError(FactoryError):
    """A wait that reached its deadline."""

    status = 504


class ModelError(FactoryError):
    """The border to a model: an engine that failed, a checkpoint that is not what its digest says."""

    status = 502


class ContextError(ModelError):
    """A conversation that the model's context does not hold: whoever let it grow so long has failed, not the engine."""


class ToolError(FactoryError):
    """The border to a tool or simulator."""

    status = 502


class RecipeError(FactoryError):
    """A recipe's own code raised while it ran: its author's to mend. The error that it raised is the cause."""

    status = 502


class StorageError(FactoryError):
    """The border to disk or database: full, unreadable, or not what was written."""

    status = 507


class WorkerError(FactoryError):
    """A worker process that ended without a result."""

    status = 500


class PortError(WorkerError):
    """A service whose port another process has taken, or shares."""


class UserError(FactoryError):
    """The border to a simulated user: it failed, or does what a user does not; it says nothing about the agent."""

    status = 502
