"""From production: failed traces become scenarios that reproduce them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from agent_factory.api.context import Context, Ctx
from agent_factory.api.error import tell
from agent_factory.contracts.production import AdmissionReport, Amendment
from agent_factory.contracts.record import Name, Part
from agent_factory.contracts.trace import Trace
from agent_factory.core.error import InputError
from agent_factory.core.played import find_trace
from agent_factory.core.recipe import load_recipe

router = APIRouter(prefix="/env", tags=["environment"])


class FromTraceRequest(Part):
    """Traces of one recipe, of any source; ``set`` is added to, ``<recipe>-production`` without it.

    ``solution`` stands in the place of what the recipe's hook would read, for all of these traces.
    """

    traces: tuple[Name, ...] = Field(min_length=1, max_length=500)
    set: Name | None = None
    solution: Amendment | None = None


@router.post("/from-trace", summary="Make scenarios of failed traces", responses=tell(404, 409, 422, 429, 502, 504))
def make_from_traces(body: FromTraceRequest, context: Ctx) -> AdmissionReport:
    """What became of each trace: admitted, there already, or refused with the condition that did not hold."""
    named = dict.fromkeys(body.traces)
    found = [find_trace(context.store, context.artifacts, context.project, name).trace for name in named]
    return admit_traces(context, found, body.set, body.solution)


def admit_traces(
    context: Context, traces: list[Trace], name: str | None, solution: Amendment | None
) -> AdmissionReport:
    """See ``make_from_traces``; InputError where the traces are not of one recipe."""
    from agent_factory.environment.production.admission import admit

    recipes = {trace.recipe for trace in traces}
    recipe = next(iter(recipes)) if len(recipes) == 1 else None
    if recipe is None:
        told = ", ".join(sorted(str(one) for one in recipes)) or "none"
        raise InputError(f"the traces are of the recipes {told}; give traces of one recipe, which is known")
    return admit(
        context.store,
        context.artifacts,
        load_recipe(recipe, context.settings.recipes),
        traces,
        set_id=name or f"{recipe}-production",
        project=context.project,
        amendment=solution,
    )
