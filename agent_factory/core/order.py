"""Orders: what the API or CLI asks for, and the build that a recipe's files make of it.

Invariants: a BuildSpec is made from ``build.toml`` and ``gate.toml`` as they are now, and every key
in it was understood and every part of it is there; an order placed twice with the same key is one order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from agent_factory.contracts.build import (
    BuildSpec,
    DataWindow,
    GateSpec,
    Order,
    OrderKind,
    OrderState,
    StageSpec,
)
from agent_factory.contracts.record import Json
from agent_factory.core import clock
from agent_factory.core.buildfile import GateFile, RecipeSettings
from agent_factory.core.day import require_days
from agent_factory.core.digest import digest_json
from agent_factory.core.error import ConflictError
from agent_factory.core.override import explain, merge, read_table
from agent_factory.core.recipe import Recipe, load_recipe
from agent_factory.core.store import Store


def read_settings_of(recipe: Recipe, overrides: Mapping[str, Any] | None = None) -> RecipeSettings:
    """``build.toml`` checked, with ``overrides`` merged over it; InputError names every wrong key."""
    merged = merge(recipe, overrides or {})
    try:
        return RecipeSettings.model_validate(merged)
    except ValidationError as error:
        raise explain(f"{recipe.folder / 'build.toml'}", error, overrides) from error


def make_build_spec(
    recipe: Recipe | str,
    project: str,
    window: DataWindow,
    overrides: Mapping[str, Any] | None = None,
    *,
    build_id: str | None = None,
) -> BuildSpec:
    """The work order that the recipe's files describe, not yet stored.

    ``overrides`` has the shape of build.toml, with ``training`` by kind and ``gate`` beside it:
    ``{"rollouts": {"episodes": 50}, "training": {"sft": {"steps": 20}}, "gate": {"min_success": 0.5}}``.
    Raises NotFoundError for an unknown recipe, InputError for what its files, its code or the overrides
    get wrong, and for a window with days that no data is taken of.
    """
    require_days(window.first_day, window.last_day)
    if isinstance(recipe, str):
        recipe = load_recipe(recipe)
    overrides = dict(overrides or {})
    gate = read_table(overrides.pop("gate", {}), "gate")
    settings = read_settings_of(recipe, overrides)
    _require_parts(recipe, settings)
    moment = clock.now()
    try:
        return BuildSpec(
            id=build_id or f"{recipe.name}-{moment:%Y%m%d-%H%M%S}-{digest_json(moment.isoformat())[:4]}",
            project=project,
            created_at=moment,
            recipe=recipe.name,
            recipe_digest=recipe.digest,
            base_model=settings.build.base_model,
            window=window,
            min_rows=settings.build.min_rows,
            train_scenarios=settings.build.train_scenarios,
            stages=_read_stages(recipe, settings),
            evaluation=settings.evaluation,
            gate=_read_gate(recipe, gate),
            seed=settings.build.seed,
            priority=settings.build.priority,
            settings=settings.model_dump(mode="json"),
        )
    except ValidationError as error:
        raise explain(f"the build of recipe {recipe.name!r}", error) from error


def order_build(store: Store, spec: BuildSpec, *, key: str | None = None, reason: str | None = None) -> Order:
    """Keep the spec and place the order that a sensor accepts; the order's ``build`` is the spec's id."""
    store.put(spec)
    request: Json = {"recipe": spec.recipe, "window": spec.window.model_dump(mode="json")}
    return place_order(store, "build", request, project=spec.project, build=spec.id, key=key or spec.id, reason=reason)


def place_order(
    store: Store,
    kind: OrderKind,
    request: Json,
    *,
    project: str,
    build: str | None = None,
    key: str | None = None,
    state: OrderState = "waiting",
    reason: str | None = None,
) -> Order:
    """Write an order, with the ``reason`` why it waits if that is known.

    With a ``key`` that was used before, the order that it made is returned.
    Raises ConflictError where the key was used for another request.
    """
    now = clock.now()
    order_id = clock.new_id("order") if key is None else f"order-{digest_json([project, kind, key])[:20]}"
    known = store.peek(Order, order_id)
    if known is not None:
        return _same_order(known, key, kind, request, build)
    order = Order(
        id=order_id,
        project=project,
        created_at=now,
        kind=kind,
        request=request,
        state=state,
        reason=reason if state == "waiting" else None,
        build=build,
        updated_at=now,
    )
    try:
        store.put(order)
    except ConflictError:  # the same key came twice at once, and the other was first
        return _same_order(store.get(Order, order_id), key, kind, request, build)
    return order


def _same_order(known: Order, key: str | None, kind: OrderKind, request: Json, build: str | None) -> Order:
    if (known.request, known.build) != (request, build):
        raise ConflictError(
            f"the key {key!r} was used for another {kind} order ({known.id!r}: {known.request!r}). "
            "Use a new key for a new request."
        )
    return known


def move_order(store: Store, order: Order, state: OrderState, reason: str | None = None) -> Order:
    """The order in its new state, stored."""
    moved = order.model_copy(update={"state": state, "reason": reason, "updated_at": clock.now()})
    store.put(moved, replace=True)
    return moved


def _require_parts(recipe: Recipe, settings: RecipeSettings) -> None:
    # What a stage would miss hours later is looked for now: each of these raises the InputError that names it.
    _ = (recipe.policy, recipe.openapi, recipe.names)
    for target in settings.recipe.targets().values():
        recipe.load(target)


def _read_stages(recipe: Recipe, settings: RecipeSettings) -> tuple[StageSpec, ...]:
    stages: list[StageSpec] = []
    for number, stage in enumerate(settings.training.stage, start=1):
        parameters = {key: value for key, value in stage.items() if key != "kind"}
        try:
            stages.append(StageSpec.model_validate({"kind": stage.get("kind"), "parameters": parameters}))
        except ValidationError as error:
            where = f"[[training.stage]] number {number} in {recipe.folder / 'build.toml'}"
            raise explain(where, error) from error
    return tuple(stages)


def _read_gate(recipe: Recipe, overrides: Mapping[str, Any]) -> GateSpec:
    try:
        return GateSpec.model_validate(GateFile.model_validate({**recipe.gate, **overrides}).model_dump())
    except ValidationError as error:
        raise explain(f"{recipe.folder / 'gate.toml'}", error, {"gate": overrides}, "gate") from error
