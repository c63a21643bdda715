"""Datasets made to order: for a build by its data assets, or from free days by this process.

Invariant: an order that this process began and did not finish is begun again when it starts.
"""

from __future__ import annotations

import logging
import threading
from datetime import date
from typing import TYPE_CHECKING, Self

from fastapi import APIRouter, Response
from pydantic import model_validator

from agent_factory.api.context import Context, Ctx, Key
from agent_factory.api.error import tell
from agent_factory.api.forget import marks_of
from agent_factory.api.order import OrderReply, accept, place_for_build
from agent_factory.contracts.build import BuildSpec, DataWindow, Order
from agent_factory.contracts.dataset import BUILD_KINDS, DatasetKind, DatasetManifest, Filters
from agent_factory.contracts.forgetting import Mark
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.record import Name
from agent_factory.contracts.scenario import ScenarioSet
from agent_factory.core.day import require_days
from agent_factory.core.error import FactoryError
from agent_factory.core.order import move_order, place_order

if TYPE_CHECKING:
    from agent_factory.data.query import DatasetQuery

_log = logging.getLogger(__name__)
router = APIRouter(tags=["data"])


class DatasetRequest(Filters):
    """A dataset of a ``build``, or of the days from ``first_day`` to ``last_day``, or of rollouts, or of a taskset.

    The filters are for days and rollouts; a build's dataset takes those that it was ordered with.
    """

    kind: DatasetKind
    build: Name | None = None
    first_day: date | None = None
    last_day: date | None = None
    taskset: Name | None = None

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        days = self.first_day is not None and self.last_day is not None
        free = days or bool(self.rollouts_of) or self.taskset is not None
        if (self.first_day is None) != (self.last_day is None) or (self.build is None) == (not free):
            raise ValueError("give either a build, or first_day and last_day (or rollouts_of, or a taskset)")
        if self.taskset is not None and (self.kind != "eval" or days or self.rollouts_of):
            raise ValueError("a taskset makes an eval dataset, by itself")
        if self.build is not None and self.kind not in BUILD_KINDS:
            raise ValueError(f"a build has no {self.kind} dataset, it has {', '.join(BUILD_KINDS)}: give days")
        changed = {name for name in Filters.model_fields if getattr(self, name) != Filters.model_fields[name].default}
        if self.build is not None and changed:
            raise ValueError(
                f"{', '.join(sorted(changed))}: a build's dataset takes the filters that it was ordered with "
                "([data] of its recipe); give days to choose others"
            )
        return self

    def days(self) -> list[str]:
        """The days asked for, empty where none are; InputError where no data is taken of one."""
        if self.first_day is None or self.last_day is None:
            return []
        require_days(self.first_day, self.last_day)
        return DataWindow(first_day=self.first_day, last_day=self.last_day).days()


@router.post("/datasets/create", status_code=202, summary="Order a dataset", responses=tell(404, 409, 422))
def create_dataset(body: DatasetRequest, response: Response, context: Ctx, key: Key = None) -> OrderReply:
    """The order; when it is done, its ``reason`` names the dataset. One that fails its checks fails the order."""
    request = body.model_dump(mode="json")
    if body.build is not None:
        build = context.get(BuildSpec, body.build)
        order = place_for_build(context, "dataset", request, build.id, key)
        return accept(response, order)
    body.days()
    for name in body.rollouts_of:
        context.get(BuildSpec, name)
    if body.taskset is not None:
        context.get(ScenarioSet, body.taskset)
    if body.tokenizer is not None:
        # A folder of the server's is nothing that a caller may point at.
        context.get(ModelManifest, body.tokenizer)
    # Accepted from the start, so that no sensor takes it: it has no build.
    order = place_order(context.store, "dataset", request, project=context.project, key=key, state="accepted")
    _begin(context, order)
    return accept(response, order)


@router.get("/datasets", summary="The project's datasets", responses=tell(422))
def list_datasets(context: Ctx) -> list[DatasetManifest]:
    """All manifests, oldest first."""
    return context.store.find(DatasetManifest, project=context.project)


class DatasetView(DatasetManifest):
    """A manifest, and the marks of forgotten people whose traces the dataset holds."""

    marks: tuple[Mark, ...] = ()


@router.get("/datasets/{dataset_id}", summary="A dataset's manifest", responses=tell(404, 422))
def show_dataset(dataset_id: str, context: Ctx) -> DatasetView:
    """Kind, rows, digest, where the files are, and whether it holds traces of forgotten people."""
    manifest = context.get(DatasetManifest, dataset_id)
    return DatasetView(**dict(manifest), marks=tuple(marks_of(context, dataset_id)))


def resume_orders(context: Context) -> None:
    """Begin again what was left unfinished when the process ended."""
    for order in context.store.find(Order, state="accepted"):
        if order.kind == "dataset" and order.build is None:
            _begin(context, order)


_working: set[str] = set()
_lock = threading.Lock()


def _begin(context: Context, order: Order) -> None:
    with _lock:
        if order.state != "accepted" or order.id in _working:
            return
        _working.add(order.id)
    threading.Thread(target=_work, args=(context, order), name=f"dataset {order.id}", daemon=True).start()


def _work(context: Context, order: Order) -> None:
    try:
        manifest = _make(context, order)
        move_order(context.store, order, "done", f"dataset {manifest.id}")
    except FactoryError as error:
        move_order(context.store, order, "failed", str(error))
    except Exception as error:
        _log.exception("dataset order %s failed", order.id)
        move_order(context.store, order, "failed", f"{type(error).__name__}: {error}")
    finally:
        with _lock:
            _working.discard(order.id)


def _make(context: Context, order: Order) -> DatasetManifest:
    from agent_factory.data.inspection import build_inspected, require_passed

    body = DatasetRequest.model_validate(order.request)
    return require_passed(build_inspected(context.store, context.artifacts, body.kind, to_query(body, order.project)))


def to_query(body: DatasetRequest, project: str) -> DatasetQuery:
    """The request as data reads it."""
    from agent_factory.data.query import DatasetQuery

    filters = {name: getattr(body, name) for name in Filters.model_fields}
    return DatasetQuery(**filters, days=tuple(body.days()), project=project, taskset=body.taskset)
