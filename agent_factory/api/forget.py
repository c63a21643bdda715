"""Forgetting: a person's traces are removed, and what was made of them is listed and marked."""

from __future__ import annotations

import logging
import threading

from fastapi import APIRouter
from pydantic import Field

from agent_factory.api.context import Context, Ctx
from agent_factory.api.error import tell
from agent_factory.contracts.forgetting import ForgetReport, Forgetting, Mark
from agent_factory.contracts.record import Part
from agent_factory.core.error import ForbiddenError

_log = logging.getLogger(__name__)
router = APIRouter(tags=["data"])


class ForgetRequest(Part):
    """Ways to name one person: an e-mail, a full name, a phone number, an id, or as in ``PERSON:Hedwig``; any counts.

    A ``dry_run`` finds and lists, and changes nothing. Where a name without its label is found, or more than may
    be one person's, its answer has the number to ``confirm``.
    """

    subjects: tuple[str, ...] = Field(min_length=1, max_length=20)
    dry_run: bool = False
    confirm: int | None = Field(default=None, ge=1)


@router.post("/data/forget", summary="Forget a person", responses=tell(422, 507))
def forget_person(body: ForgetRequest, context: Ctx) -> ForgetReport:
    """Answered once it is done; its ``outcome`` says whether there was anything. The person is kept nowhere."""
    from agent_factory.data.forget import forget

    if context.caller is not None and context.caller.name is not None:
        raise ForbiddenError(
            f"this key is that of {context.caller.name!r}: a person is forgotten with the operator's key or one of the "
            "project that is nobody's own"
        )
    return forget(
        context.store,
        context.artifacts,
        context.project,
        body.subjects,
        dry_run=body.dry_run,
        confirm=body.confirm,
    )


@router.get("/data/forgettings", summary="Who was forgotten, by keyed hash", responses=tell(422))
def list_forgettings(context: Ctx) -> list[Forgetting]:
    """The requests, oldest first, with what is marked because of them."""
    return context.store.find(Forgetting, project=context.project)


def marks_of(context: Context, target: str) -> list[Mark]:
    """The marks of a dataset or model."""
    return [mark for mark in context.store.find(Mark, project=context.project) if mark.target == target]


def resume_forgettings(context: Context) -> None:
    """Go on with what was left unfinished when the process ended, beside the requests."""
    if not context.store.find(Forgetting, state="working", limit=1):
        return

    def work() -> None:
        from agent_factory.data.forget import resume_forgettings

        try:
            resume_forgettings(context.store, context.artifacts)
        except Exception:
            _log.exception("what was to be forgotten is not yet: `factory data forget --resume` goes on with it")

    threading.Thread(target=work, name="forget", daemon=True).start()
