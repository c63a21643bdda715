"""The timeline of a trace: as a page, as JSON, and its screenshots.

Invariant: a trace of another project is told of as if it were nowhere. The pages open to a key, or to the cookie
of the labelling pages' login, which shows its own project alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, JsonValue

from agent_factory.api.context import Context, Ctx
from agent_factory.api.error import tell
from agent_factory.api.label_view import draw
from agent_factory.api.timeline import PAGE_STEPS, Timeline, draw_timeline, spell_out
from agent_factory.api.visitor import Doorman
from agent_factory.contracts.record import Name
from agent_factory.contracts.trace import Trace
from agent_factory.core.error import ConflictError, FactoryError, NotFoundError
from agent_factory.core.played import Found, find_trace
from agent_factory.core.recipe import load_recipe

if TYPE_CHECKING:
    from agent_factory.privacy.redactor import Redactor

router = APIRouter(prefix="/env/trace", tags=["environment"])
_MANY_CHANGES = 200
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


class Change(BaseModel):
    """A path of the world's state; ``before`` is None where it was not there, or is not known."""

    path: str
    before: JsonValue = None
    after: JsonValue = None


class TraceView(BaseModel):
    """A trace as the timeline shows it, and what it changed in the world."""

    trace: Trace
    changes: list[Change]


class _Side(NamedTuple):
    """One trace on the page."""

    trace: Trace
    timeline: Timeline
    changes: list[Change]


@router.get("/{trace_id}", summary="A trace", responses=tell(404, 422))
def show_trace(trace_id: Name, context: Ctx) -> TraceView:
    """A trace of any source without personal data, with each change of the state before and after."""
    return _read(context, trace_id)


@router.get("/{trace_id}/timeline", summary="A trace as a page", response_class=HTMLResponse, responses=tell(404, 422))
def show_timeline(
    request: Request,
    trace_id: Name,
    context: Ctx,
    beside: Annotated[str | None, Query(max_length=128, description="Another trace, shown beside it.")] = None,
    first: Annotated[int, Query(alias="from", ge=0, description="The first step shown.")] = 0,
    project: Annotated[Name | None, Query(description="Its project, where no header can be sent.")] = None,
) -> HTMLResponse:
    """Steps, calls with results, rewards, times, faults, screenshots and what changed; works without JavaScript."""
    desk = _enter(request, context, project)
    other = (beside or "").strip()
    try:
        views = [_read(desk, name) for name in (trace_id, other) if name]
    except FactoryError as error:
        return draw("error.html.j2", error.status, message=str(error), back=request.url.path)
    traces = [view.trace for view in views]
    sides = [
        _Side(view.trace, draw_timeline(view.trace, desk.project, first, _other_of(traces, at)), view.changes)
        for at, view in enumerate(views)
    ]
    total = max(side.timeline.total for side in sides)
    return draw(
        "timeline.html.j2",
        sides=sides,
        rows=range(first, min(total, first + PAGE_STEPS)),
        first=first,
        total=total,
        page=PAGE_STEPS,
        beside=other,
        project=project or "",
        desk=desk.project,
        many=_MANY_CHANGES,
        spell_out=spell_out,
    )


@router.get("/{trace_id}/screenshot/{digest}", include_in_schema=False)
def show_screenshot(
    request: Request, trace_id: Name, digest: Digest, context: Ctx, project: Name | None = None
) -> Response:
    """A screenshot of the project; nothing else among the artifacts can be named."""
    desk = _enter(request, context, project)
    path = f"projects/{desk.project}/screenshots/{digest}.png"
    if not desk.artifacts.exists(path):
        raise NotFoundError(f"there is no screenshot {digest!r} in project {desk.project!r}")
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}
    return Response(desk.artifacts.read_bytes(path), media_type="image/png", headers=headers)


def _enter(request: Request, context: Context, project: str | None) -> Context:
    """The desk of the project that the caller's key, the visitor's cookie or, without keys, the query opens."""
    if context.caller is not None:
        return replace(context, project=context.caller.choose(project or context.project, context.project))
    doorman: Doorman = request.app.state.doorman
    visitor = doorman.recognize(request.cookies)
    if visitor is not None and (context.keyring.keyed or project is None):
        return replace(context, project=visitor.project)
    return replace(context, project=project or context.project)


def _other_of(traces: list[Trace], at: int) -> Trace | None:
    return traces[1 - at] if len(traces) == 2 else None


def _read(context: Context, trace_id: str) -> TraceView:
    found = find_trace(context.store, context.artifacts, context.project, trace_id)
    trace = found.trace
    if found.file is None:  # as it came in: what the sender did not hide is hidden here
        trace = _redactor(trace.recipe).redact_trace(trace)
    return TraceView(trace=trace, changes=_find_changes(context, found, trace))


def _find_changes(context: Context, found: Found, shown: Trace) -> list[Change]:
    after = (shown.outcome and shown.outcome.changes) or {}
    if not after:
        return []
    before = _find_before(context, found)
    redactor = _redactor(shown.recipe)
    session = redactor.open_session(shown)

    def hide(path: str) -> Any:
        name = path.rsplit("/", 1)[-1]
        return redactor.redact_json({name: before.get(path)}, session)[name]

    return [Change(path=path, before=hide(path), after=value) for path, value in after.items()]


def _find_before(context: Context, found: Found) -> dict[str, Any]:
    """The leaves of the state that the scenario began with; none where the scenario is not the recorded one."""
    from agent_factory.environment.grade import flatten
    from agent_factory.environment.replay.origin import Archive

    try:
        return flatten(Archive(context.store, context.artifacts).find_scenario(found.trace, found.file).state)
    except ConflictError:
        return {}


def _redactor(recipe: str | None) -> Redactor:
    try:
        return _open_redactor(recipe, None if recipe is None else load_recipe(recipe).digest)
    except NotFoundError:
        return _open_redactor(None, None)


@lru_cache(maxsize=8)
def _open_redactor(recipe: str | None, digest: str | None) -> Redactor:
    from agent_factory.privacy.redactor import open_redactor

    return open_redactor(None if recipe is None else load_recipe(recipe))
