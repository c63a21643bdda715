"""A build as it may be ordered: all that can be known to be wrong of it is told before it is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent_factory.agent.openapi import read_tools
from agent_factory.contracts.build import BuildSpec, DataWindow
from agent_factory.core.order import make_build_spec
from agent_factory.core.recipe import Recipe
from agent_factory.training.setting import check_build


def draft_build(
    recipe: Recipe,
    project: str,
    window: DataWindow,
    overrides: Mapping[str, Any] | None = None,
    *,
    build_id: str | None = None,
) -> BuildSpec:
    """The work order, not yet stored. InputError at a file, function, tool or setting that a stage would fail on."""
    spec = make_build_spec(recipe, project, window, overrides, build_id=build_id)
    check_build(spec, overrides)
    read_tools(recipe.openapi, str(recipe.folder / "openapi.yaml"))
    return spec
