"""The labelling pages: sign in, score a trace, compare two. Forms do all of it; keys are a convenience.

Invariant: a label given here names the reviewer who signed in, and a form that another site's page
sends is refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from agent_factory.api.context import Context, Ctx
from agent_factory.api.keyring import Caller
from agent_factory.api.label import progress_of, require_traces
from agent_factory.api.label_view import Shown, draw, show_trace
from agent_factory.api.visitor import COOKIE, LOGIN, PAGES, Doorman, Visitor, is_timeline, require_same_origin
from agent_factory.contracts.record import Name
from agent_factory.core.error import AccessError, ConflictError, FactoryError, InputError, NotFoundError
from agent_factory.data.labelling import queue
from agent_factory.data.labelling.feedback import make_feedback, make_preference, read_comment, read_tags
from agent_factory.data.labelling.item import read_item
from agent_factory.data.labelling.label_studio import TAGS
from agent_factory.data.labelling.record import Assignment, Choice, ItemKind

router = APIRouter(prefix=PAGES, include_in_schema=False)
Token = Annotated[str, Form()]
Text = Annotated[str, Form()]
Many = Annotated[list[str], Form(default_factory=list)]
_PLACES: dict[ItemKind, str] = {"score": PAGES, "compare": f"{PAGES}/compare"}
_CHOICES: dict[str, Choice] = {"a": "first", "b": "second", "tie": "tie"}
_LOST = 20
"""So many items whose traces are gone are passed over before the page says so."""


@router.get("")
def show_score(request: Request, context: Ctx) -> Response:
    """The next trace to score."""
    return _show(request, context, "score")


@router.get("/compare")
def show_compare(request: Request, context: Ctx) -> Response:
    """The next two traces to compare."""
    return _show(request, context, "compare")


@router.post("")
def score(
    request: Request,
    context: Ctx,
    trace_id: Annotated[Name, Form()],
    rating: Annotated[int, Form(ge=1, le=5)],
    token: Token,
    tag: Many,
    tags: Text = "",
    comment: Text = "",
) -> Response:
    """Keep a score and go on to the next trace."""

    def keep(desk: Context, visitor: Visitor) -> None:
        require_traces(desk, [trace_id])
        word = make_feedback(
            desk.project,
            trace_id,
            visitor.reviewer,
            rating,
            comment=read_comment(comment),
            tags=read_tags([*tag, *tags.split(",")]),
        )
        queue.answer(desk.store, word)

    return _act(request, context, token, "score", keep)


@router.post("/compare")
def compare(
    request: Request,
    context: Ctx,
    first: Annotated[Name, Form()],
    second: Annotated[Name, Form()],
    choice: Annotated[Literal["a", "b", "tie"], Form()],
    token: Token,
    tag: Many,
    tags: Text = "",
    comment: Text = "",
) -> Response:
    """Keep a preference and go on to the next two."""

    def keep(desk: Context, visitor: Visitor) -> None:
        require_traces(desk, [first, second])
        word = make_preference(
            desk.project,
            (first, second),
            _CHOICES[choice],
            visitor.reviewer,
            comment=read_comment(comment),
            tags=read_tags([*tag, *tags.split(",")]),
        )
        queue.answer(desk.store, word)

    return _act(request, context, token, "compare", keep)


@router.post("/skip")
def skip(
    request: Request,
    context: Ctx,
    kind: Annotated[ItemKind, Form()],
    token: Token,
    trace_id: Annotated[Name | None, Form()] = None,
    first: Annotated[Name | None, Form()] = None,
    second: Annotated[Name | None, Form()] = None,
) -> Response:
    """Pass the item on."""
    ids = [name for name in (trace_id, first, second) if name]

    def leave(desk: Context, visitor: Visitor) -> None:
        require_traces(desk, ids)
        queue.skip(desk.store, desk.project, visitor.reviewer, kind, ids)

    return _act(request, context, token, kind, leave)


@router.post("/undo")
def undo(request: Request, context: Ctx, kind: Annotated[ItemKind, Form()], token: Token) -> Response:
    """Take the last answer back and show that item again."""

    def take_back(desk: Context, visitor: Visitor) -> None:
        queue.undo(desk.store, desk.project, visitor.reviewer, kind)

    return _act(request, context, token, kind, take_back)


@router.get("/login")
def show_login(request: Request, context: Ctx, to: str = PAGES) -> HTMLResponse:
    """The form by which a reviewer says who they are."""
    return _draw_login(context, to)


@router.post("/login")
def login(
    request: Request, context: Ctx, reviewer: Text = "", project: Text = "", key: Text = "", to: Text = PAGES
) -> Response:
    """Open the pages to a reviewer who gives a name, and a key where the server has any: one of theirs names them."""
    try:
        require_same_origin(request)
        caller = _read_key(context, key)
        named = caller is not None and caller.name is not None
        name = context.keyring.sign(caller, None if named else " ".join(reviewer.split()))
        place = project.strip() or context.project
        response = RedirectResponse(_place_of(to), status_code=303)
        doorman_of(request).admit(response, request, name, caller.choose(place, place) if caller else place, caller)
    except AccessError as error:
        return _draw_login(context, to, error.status, str(error), reviewer)
    except (InputError, ValidationError):
        told = "Give a name of at most 200 characters, and a project of letters, digits, '_', '.' or '-'."
        return _draw_login(context, to, 422, told, reviewer)
    return response


@router.post("/logout")
def logout(request: Request, token: Token) -> Response:
    """Forget the reviewer."""
    doorman_of(request).require_token(request, token)
    response = RedirectResponse(LOGIN, status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


def doorman_of(request: Request) -> Doorman:
    """The application's doorman."""
    doorman: Doorman = request.app.state.doorman
    return doorman


def _act(request: Request, context: Context, token: str, kind: ItemKind, do: Any) -> Response:
    """Do what a form asks for, then show the next item; what is wrong is told on a page."""
    visitor = doorman_of(request).recognize(request.cookies)
    if visitor is None:
        return RedirectResponse(f"{LOGIN}?to={_PLACES[kind]}", status_code=303)
    try:
        doorman_of(request).require_token(request, token)
        do(replace(context, project=visitor.project), visitor)
    except FactoryError as error:
        return draw("error.html.j2", error.status, message=str(error), back=_PLACES[kind], visitor=visitor)
    return RedirectResponse(_PLACES[kind], status_code=303)


def _show(request: Request, context: Context, kind: ItemKind) -> Response:
    doorman = doorman_of(request)
    visitor = doorman.recognize(request.cookies)
    if visitor is None:
        return RedirectResponse(f"{LOGIN}?to={_PLACES[kind]}", status_code=303)
    desk = replace(context, project=visitor.project)
    assignment, shown = _take(desk, visitor.reviewer, kind)
    word = queue.find_word(desk.store, desk.project, assignment) if assignment else None
    return draw(
        f"{kind}.html.j2" if shown else "empty.html.j2",
        kind=kind,
        here=_PLACES[kind],
        visitor=visitor,
        shown=shown,
        comment=(word and word.comment) or "",
        chosen=[tag for tag in (word.tags if word else ()) if tag in TAGS],
        others=", ".join(tag for tag in (word.tags if word else ()) if tag not in TAGS),
        choices=TAGS,
        progress=progress_of(desk, visitor.reviewer, kind),
        token=doorman.token(request.cookies),
    )


def _take(desk: Context, reviewer: str, kind: ItemKind) -> tuple[Assignment | None, list[Shown]]:
    """The reviewer's item and its traces; items whose traces are gone are passed over."""
    for _ in range(_LOST):
        found = queue.take(desk.store, desk.artifacts, desk.project, reviewer, kind)
        if found is None:
            break
        try:
            traces = [read_item(desk.store, desk.artifacts, desk.project, name) for name in found.trace_ids]
        except NotFoundError:
            queue.skip(desk.store, desk.project, reviewer, kind, found.trace_ids)
            continue
        return found, [show_trace(trace) for trace in traces]
    else:
        raise ConflictError(f"the traces of {_LOST} items are gone: materialize data/labels of their days again")
    return None, []


def _place_of(to: str) -> str:
    """Where to go after signing in: a page of ours, whatever was asked for."""
    return to if to in _PLACES.values() or is_timeline(to) else PAGES


def _read_key(context: Context, given: str) -> Caller | None:
    """Whose key it is; None where the server has none. AccessError where it is nobody's."""
    caller = context.keyring.recognize(given)
    if caller is None and context.keyring.keyed:
        raise AccessError("That is not a key of this server.")
    return caller


def _draw_login(context: Context, to: str, status: int = 200, message: str = "", reviewer: str = "") -> HTMLResponse:
    return draw(
        "login.html.j2",
        status,
        to=_place_of(to),
        message=message,
        reviewer=reviewer,
        project=context.project,
        asks_key=context.keyring.keyed,
    )
