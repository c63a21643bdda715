"""Labels: given by people and judges, handed out by the queue, and how far their givers agree.

Invariant: a label by a person names that person: by their key where it is theirs, in the body or in the header
``X-Reviewer`` otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import Field, JsonValue

from agent_factory.api.context import Context, Ctx, Key
from agent_factory.api.delivery import once
from agent_factory.api.error import tell
from agent_factory.api.reviewer import Who, read_name
from agent_factory.contracts.record import Name, Part, Share
from agent_factory.contracts.trace import Feedback
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.data.labelling import queue
from agent_factory.data.labelling.calibration import read_calibrations
from agent_factory.data.labelling.feedback import make_preference, make_scored, read_comment
from agent_factory.data.labelling.item import find_days, read_item
from agent_factory.data.labelling.label_studio import ImportReport, make_config, make_task, take_annotations
from agent_factory.data.labelling.record import (
    Assignment,
    Calibration,
    ItemKind,
    LabelPolicy,
    Preference,
    to_score,
)
from agent_factory.data.labelling.report import AgreementReport, read_agreement

router = APIRouter(tags=["labels"])

Tags = Annotated[list[str], Field(default_factory=list, max_length=20)]
Comment = Annotated[str | None, Field(default=None, max_length=4000)]
Labeler = Annotated[str | None, Field(default=None, min_length=1, max_length=200)]


class LabelRequest(Part):
    """A judgement of a trace: a ``score`` from 0 bad to 1 good, or a ``rating`` from 1 to 5."""

    trace_id: Name
    score: Share | None = None
    rating: int | None = Field(default=None, ge=1, le=5)
    labeler: Labeler
    kind: Literal["person", "rule", "model"] = "person"
    comment: Comment
    tags: Tags


class PreferenceRequest(Part):
    """Which of two traces is better, or that neither is."""

    first: Name
    second: Name
    choice: Literal["first", "second", "tie"]
    labeler: Labeler
    comment: Comment
    tags: Tags


class TakeRequest(Part):
    """A reviewer asks for work."""

    kind: ItemKind = "score"
    reviewer: Labeler


class SkipRequest(TakeRequest):
    """A reviewer passes an item on."""

    trace_ids: tuple[Name, ...] = Field(min_length=1, max_length=2)


class PolicyRequest(Part):
    """What of the queue's policy is to change."""

    overlap: Share | None = None
    overlap_reviewers: int | None = Field(default=None, ge=2, le=20)
    lease_seconds: float | None = Field(default=None, gt=0, le=86_400)
    days: int | None = Field(default=None, ge=1, le=3660)


class Handed(Part):
    """What a reviewer has in hand (None: nothing is left for them), and how far the queue has come."""

    assignment: Assignment | None
    progress: queue.Progress


class Queued(Part):
    """An item that waits for a reviewer, and why it is worth their time."""

    trace_ids: tuple[str, ...]
    informativeness: float
    why: dict[str, JsonValue]


class StudioRequest(Part):
    """An annotated JSON export of Label Studio; ``reviewers`` names people by its user ids or e-mail addresses."""

    tasks: list[Any]
    reviewers: dict[str, str] = Field(default_factory=dict)


@router.post("/data/label", status_code=201, summary="Label a trace", responses=tell(404, 409, 422, 429))
def label_trace(body: LabelRequest, context: Ctx, key: Key = None, who: Who = None) -> Feedback:
    """The label as kept; the same labeler's next one replaces it. 404 where no such trace has come in."""
    score = to_score(body.rating) if body.rating is not None else body.score
    if score is None or None not in (body.score, body.rating):
        raise InputError(f"the score is {body.score!r} and the rating {body.rating!r}: expected one of the two")
    # What rules and models say is not a person's word, though it may not bear a person's name either.
    labeler = (
        context.sign(body.labeler, who) if body.kind == "person" else context.keyring.sign(None, body.labeler, who)
    )
    comment = read_comment(body.comment)
    require_traces(context, [body.trace_id])

    def make() -> Feedback:
        named = (context.project, body.trace_id, labeler, score)
        word = make_scored(*named, comment=comment, tags=body.tags, kind=body.kind)
        queue.answer(context.store, word)
        return context.get(Feedback, word.id)

    fields = {"labeler": labeler, "score": score, "comment": comment}
    return once(context, key, "/data/label", {**body.model_dump(mode="json"), **fields}, Feedback, make)


@router.post("/data/preferences", status_code=201, summary="Say which trace is better", responses=tell(404, 409, 422))
def prefer(body: PreferenceRequest, context: Ctx, who: Who = None) -> Preference:
    """The preference as kept, ids in ascending order; the same person's next word on the pair replaces it."""
    labeler = context.sign(body.labeler, who)
    require_traces(context, [body.first, body.second])
    word = make_preference(
        context.project,
        (body.first, body.second),
        body.choice,
        labeler,
        comment=read_comment(body.comment),
        tags=body.tags,
    )
    queue.answer(context.store, word)
    return context.get(Preference, word.id)


@router.get("/data/labels/queue", summary="What waits for reviewers", responses=tell(422))
def show_queue(
    context: Ctx, kind: ItemKind = "score", limit: Annotated[int, Query(ge=1, le=1000)] = 20
) -> list[Queued]:
    """The most informative items that are in nobody's hands, with what makes them so."""
    found = queue.read_queue(context.store, context.artifacts, context.project, kind, limit)
    return [Queued(trace_ids=one.trace_ids, informativeness=one.informativeness, why=dict(one.why)) for one in found]


@router.post("/data/labels/next", summary="Get an item to label", responses=tell(422))
def take_item(body: TakeRequest, context: Ctx, who: Who = None) -> Handed:
    """The item in the reviewer's hands, else the most informative one that they have not had and nobody holds."""
    reviewer = context.sign(body.reviewer, who)
    found = queue.take(context.store, context.artifacts, context.project, reviewer, body.kind)
    return Handed(assignment=found, progress=progress_of(context, reviewer, body.kind))


@router.post("/data/labels/skip", summary="Pass an item on", responses=tell(404, 409, 422))
def skip_item(body: SkipRequest, context: Ctx, who: Who = None) -> Assignment:
    """The item goes to others; this reviewer does not get it again."""
    require_traces(context, body.trace_ids)
    reviewer = context.sign(body.reviewer, who)
    return queue.skip(context.store, context.project, reviewer, body.kind, body.trace_ids)


@router.post("/data/labels/undo", summary="Take the last answer back", responses=tell(404, 422))
def undo_item(body: TakeRequest, context: Ctx, who: Who = None) -> Assignment:
    """The reviewer's last answer or skip is withdrawn, and the item is in their hands again."""
    return queue.undo(context.store, context.project, context.sign(body.reviewer, who), body.kind)


@router.get("/data/labels/policy", summary="How the queue hands out work", responses=tell(422))
def show_policy(context: Ctx) -> LabelPolicy:
    """The project's policy."""
    return queue.read_policy(context.store, context.project)


@router.put("/data/labels/policy", summary="Change how the queue hands out work", responses=tell(422))
def change_policy(body: PolicyRequest, context: Ctx) -> LabelPolicy:
    """The policy as it stands now; what the body leaves out stays."""
    known = queue.read_policy(context.store, context.project).model_dump()
    policy = LabelPolicy.model_validate({**known, **body.model_dump(exclude_none=True)})
    context.store.put(policy, replace=True)
    return policy


@router.get("/data/labels/agreement", summary="How far reviewers agree", responses=tell(422))
def show_agreement(context: Ctx) -> AgreementReport:
    """Krippendorff's alpha over all reviewers, Cohen's kappa of each two, with 95 % intervals."""
    return read_agreement(context.store, context.project)


@router.get("/data/labels/calibrations", summary="How far judges can be trusted", responses=tell(422))
def show_calibrations(context: Ctx) -> list[Calibration]:
    """The newest calibration of each judge against people."""
    return read_calibrations(context.store, context.project)


@router.get("/data/labels/label-studio/config", summary="Label Studio's labelling configuration", responses=tell(422))
def show_studio_config(kind: ItemKind = "score") -> PlainTextResponse:
    """The XML for a Label Studio project of these tasks."""
    return PlainTextResponse(make_config(kind), media_type="application/xml")


@router.get("/data/labels/label-studio/tasks", summary="Tasks for Label Studio", responses=tell(422))
def export_tasks(
    context: Ctx, kind: ItemKind = "score", limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[dict[str, JsonValue]]:
    """The most informative items as tasks to import; nobody is given them here by that."""
    found = queue.read_queue(context.store, context.artifacts, context.project, kind, limit)
    return [
        make_task(context.project, [read_item(context.store, context.artifacts, context.project, name) for name in ids])
        for ids in (one.trace_ids for one in found)
    ]


@router.post("/data/labels/label-studio/annotations", summary="Take annotations in", responses=tell(413, 422))
def import_annotations(body: StudioRequest, context: Ctx) -> ImportReport:
    """What became of each annotation; the same export again changes nothing.

    The operator's key brings in what anybody said; every other key only what it may say itself (403).
    """
    operator = context.caller is not None and context.caller.projects is None
    sign = read_name if operator else context.sign
    return take_annotations(context.store, context.project, body.tasks, body.reviewers, sign)


def require_traces(context: Context, trace_ids: Any) -> None:
    """NotFoundError for the first trace that the project does not have."""
    known = find_days(context.store, context.project, trace_ids)
    for name in trace_ids:
        if name not in known:
            raise NotFoundError(f"there is no trace {name!r} in project {context.project!r}")


def progress_of(context: Context, reviewer: str, kind: ItemKind) -> queue.Progress:
    """How far the queue has come."""
    return queue.read_progress(context.store, context.artifacts, context.project, reviewer, kind)
