"""Runtime: what passed is promoted, agents are made and talked to."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from agent_factory.api.context import Ctx, Key
from agent_factory.api.error import tell
from agent_factory.api.order import OrderReply, accept, place_for_build
from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.record import Json, Name, Part
from agent_factory.contracts.release import Agent, Deployment, Session
from agent_factory.core import clock
from agent_factory.core.error import ConflictError, NotFoundError
from agent_factory.core.recipe import load_recipe
from agent_factory.runtime.promotion import require_pass, serving
from agent_factory.runtime.session import StepReply

router = APIRouter(tags=["runtime"])


class PromoteRequest(Part):
    """The build to release and deploy to its recipe's agent."""

    build: Name


class AgentRequest(Part):
    """A service: the recipe whose releases it serves, and the bounds of its sessions."""

    id: Name
    recipe: Name
    max_steps: int = Field(default=12, ge=1, le=100)
    step_timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, description="What an answer may take, with all its steps and tool calls."
    )


class AgentView(BaseModel):
    """An agent and what serves it now, if anything."""

    agent: Agent
    deployment: Deployment | None


class DeployRequest(Part):
    """The build whose release is to serve the agent."""

    build: Name


class SessionRequest(Part):
    """Who talks: an application's own name for its user, or nobody in particular."""

    user: str | None = Field(default=None, max_length=200)


class StepRequest(Part):
    """What the user says."""

    message: str = Field(min_length=1, max_length=8000)


@router.post("/models/promote", status_code=202, summary="Release a build that passed", responses=tell(404, 409, 422))
def promote(body: PromoteRequest, response: Response, context: Ctx, key: Key = None) -> OrderReply:
    """The order of the promotion; 409 with the gate's reasons for a build without a PASS."""
    return _order_promotion(body.build, None, response, context, key)


@router.post("/agents", status_code=201, summary="Make an agent", responses=tell(404, 409, 422, 429))
def create_agent(body: AgentRequest, context: Ctx) -> Agent:
    """The agent; made once, however often it is sent, and 409 for another one of that id."""
    load_recipe(body.recipe, context.settings.recipes)
    agent = Agent(project=context.project, created_at=clock.now(), **body.model_dump())
    context.store.put(agent)
    return context.get(Agent, agent.id)


@router.get("/agents/{agent_id}", summary="An agent and what serves it", responses=tell(404, 422))
def show_agent(agent_id: str, context: Ctx) -> AgentView:
    """The agent with its serving deployment."""
    agent = context.get(Agent, agent_id)
    return AgentView(agent=agent, deployment=serving(context.store, agent.id, agent.project))


@router.post("/agents/{agent_id}/deploy", status_code=202, summary="Deploy a build", responses=tell(404, 409, 422))
def deploy(agent_id: str, body: DeployRequest, response: Response, context: Ctx, key: Key = None) -> OrderReply:
    """The order of the deployment; 409 with the gate's reasons for a build without a PASS."""
    agent = context.get(Agent, agent_id)
    build = context.get(BuildSpec, body.build)
    if build.recipe != agent.recipe:
        raise ConflictError(
            f"agent {agent_id!r} serves recipe {agent.recipe!r}; build {build.id!r} is {build.recipe!r}"
        )
    return _order_promotion(build.id, agent.id, response, context, key)


@router.post(
    "/agents/{agent_id}/sessions", status_code=201, summary="Open a session", responses=tell(404, 409, 422, 429)
)
async def open_session(agent_id: str, body: SessionRequest, context: Ctx) -> Session:
    """A session with what serves the agent; 409 where nothing does."""
    agent = context.get(Agent, agent_id)
    manager = await context.sessions.manager()
    return await manager.open(agent.id, body.user, agent.project)


@router.post(
    "/agents/{agent_id}/sessions/{session_id}/step",
    summary="Say something",
    responses=tell(404, 409, 422, 429, 502, 504, 507),
)
async def take_step(agent_id: str, session_id: str, body: StepRequest, context: Ctx, key: Key = None) -> StepReply:
    """The agent's answer; every step that led to it is durable before it is given."""
    _require_session(agent_id, session_id, context)
    manager = await context.sessions.manager()
    return await manager.step(session_id, body.message, key)


@router.post("/agents/{agent_id}/sessions/{session_id}/end", summary="End a session", responses=tell(404, 422, 429))
async def end_session(agent_id: str, session_id: str, context: Ctx) -> Session:
    """Close a session and erase what is personal in its memory; twice is once."""
    _require_session(agent_id, session_id, context)
    manager = await context.sessions.manager()
    return await manager.end(session_id)


def _require_session(agent_id: str, session_id: str, context: Ctx) -> None:
    session = context.get(Session, session_id)
    if session.agent != agent_id:
        raise NotFoundError(f"agent {agent_id!r} has no session {session_id!r}")


def _order_promotion(build_id: str, agent: str | None, response: Response, context: Ctx, key: str | None) -> OrderReply:
    build = context.get(BuildSpec, build_id)
    require_pass(context.store, build.id)
    request: Json = {"build": build.id, "agent": agent}
    order = place_for_build(context, "promotion", request, build.id, key)
    return accept(response, order)
