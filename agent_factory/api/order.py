"""Orders: what was asked for and takes long, and how far it has come."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from agent_factory.api.context import Context, Ctx
from agent_factory.api.error import tell
from agent_factory.contracts.build import Order, OrderKind, OrderState
from agent_factory.contracts.record import Json
from agent_factory.core.order import place_order

router = APIRouter(tags=["orders"])


class OrderReply(BaseModel):
    """An accepted order: ask ``status_url`` how far it is."""

    id: str
    kind: OrderKind
    state: OrderState
    build: str | None
    status_url: str
    reason: str | None = None


@router.get("/orders/{order_id}", summary="An order and its state", responses=tell(404, 422))
def show_order(order_id: str, context: Ctx) -> Order:
    """The order with its state, and the reason where it was refused or failed."""
    return context.get(Order, order_id)


def accept(response: Response, order: Order, status_url: str | None = None) -> OrderReply:
    """The 202 answer of an order, with its ``Location``."""
    url = status_url or f"/orders/{order.id}"
    response.headers["Location"] = url
    return OrderReply(
        id=order.id, kind=order.kind, state=order.state, build=order.build, status_url=url, reason=order.reason
    )


def tell_wait(context: Context) -> str | None:
    """Why an order of the caller's project waits for a platform other than this one; None where it does not."""
    served = context.settings.project
    if context.project == served:
        return None
    return (
        f"it waits for the platform of project {context.project!r}, this one works for {served!r}: start one on the "
        f"same store with AGENT_FACTORY_PROJECT={context.project} and an AGENT_FACTORY_HOME of its own"
    )


def place_for_build(context: Context, kind: OrderKind, request: Json, build: str, key: str | None) -> Order:
    """``place_order`` of the caller's project about a build, which says what it waits for."""
    return place_order(
        context.store, kind, request, project=context.project, build=build, key=key, reason=tell_wait(context)
    )
