"""Promotion: a build that passed becomes a release, and a release serves an agent.

Invariant: nothing is released whose report does not say PASS, or whose model is not, byte for byte,
the one that was evaluated. The verdict is read here again, whoever asks.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from agent_factory.contracts.build import BuildSpec
from agent_factory.contracts.evaluation import EvalReport
from agent_factory.contracts.model import ModelManifest
from agent_factory.contracts.record import DEFAULT_PROJECT
from agent_factory.contracts.release import Agent, Deployment, Release
from agent_factory.contracts.session import SessionMemory
from agent_factory.core import clock, table
from agent_factory.core.artifact import Artifacts, open_artifacts
from agent_factory.core.buildfile import EnvironmentSection
from agent_factory.core.digest import digest_folder, digest_json
from agent_factory.core.error import ConflictError
from agent_factory.core.recipe import Recipe
from agent_factory.core.store import Store
from agent_factory.runtime.agent import default_agent_id, find_agent


def release_id(build: str) -> str:
    """The id of a build's release."""
    return f"{build}-release"


def openapi_path(release: str) -> str:
    """The artifact that holds a release's tools: the OpenAPI document as it was evaluated."""
    return f"releases/{release}/openapi.json"


def release_build(store: Store, recipe: Recipe, build_id: str, artifacts: Artifacts | None = None) -> Release:
    """Lock the build's candidate with the prompt and tools that it was evaluated with.

    Made once: asked again it is the release that stands, whatever became of the recipe since.
    Raises ConflictError where there is no report, the report does not say PASS (with its reasons),
    the candidate's files are not what was evaluated, the recipe was changed since the order, or the candidate
    was evaluated in a kind of environment whose tools a session does not have.
    """
    from agent_factory.agent.openapi import read_tools

    artifacts = artifacts or open_artifacts()
    build = store.get(BuildSpec, build_id)
    report = require_pass(store, build_id)
    model = store.get(ModelManifest, report.candidate)
    _verify_model(artifacts, report, model)
    known = store.peek(Release, release_id(build_id))
    if known and (known.report, known.model_digest) == (report.id, model.digest):
        return known
    _require_same(recipe, build)
    _require_http(build)
    release = Release(
        id=release_id(build_id),
        project=build.project,
        created_at=clock.now(),
        build=build_id,
        recipe=recipe.name,
        model=model.id,
        model_digest=model.digest,
        report=report.id,
        system_prompt=recipe.policy,
        openapi_digest=digest_json(recipe.openapi),
        tools=tuple(tool.name for tool in read_tools(recipe.openapi).tools),
        memory_schema=SessionMemory.model_json_schema(),
    )
    artifacts.write_text(openapi_path(release.id), json.dumps(recipe.openapi, ensure_ascii=False))
    store.put(release)
    return store.get(Release, release.id)


def _require_http(build: BuildSpec) -> None:
    kind = EnvironmentSection.read(build.settings).kind
    if kind != "http":
        raise ConflictError(
            f"build {build.id!r} was evaluated in environments of the kind {kind!r}: live sessions act by the "
            "tools of openapi.yaml only, which this model never used, so it is not released. "
            "Its report and models stand."
        )


def require_pass(store: Store, build_id: str) -> EvalReport:
    """The build's newest report, which says PASS; ConflictError with its reasons otherwise."""
    reports = store.find(EvalReport, build=build_id, newest_first=True, limit=1)
    if not reports:
        raise ConflictError(f"build {build_id!r} has no evaluation report: only a build that PASSed may be released")
    if reports[0].verdict != "PASS":
        raise ConflictError(f"build {build_id!r} did not pass its gate: {' '.join(reports[0].reasons)}")
    return reports[0]


def deploy_release(store: Store, release_id: str, agent_id: str | None = None) -> Deployment:
    """Let a release serve an agent (the recipe's own by default) in place of what serves it now.

    The same release twice gives the same deployment; one that was replaced serves again.
    Raises NotFoundError for an unknown release, or an agent that its project has not; ConflictError where
    the agent is of another recipe, or where the build's report no longer says PASS.
    """
    release = store.get(Release, release_id)
    require_pass(store, release.build)
    agent_id = agent_id or default_agent_id(release.recipe, release.project)
    agent = find_agent(store, agent_id, release.recipe, release.project)
    _require_for(agent, release)
    now = clock.now()
    deployment = Deployment(
        id=f"{release.id}-{agent.id}",
        project=release.project,
        created_at=now,
        agent=agent.id,
        release=release.id,
        model=release.model,
        traffic=1.0,
        state="serving",
        updated_at=now,
    )
    columns = table.records.c
    row = agent.row_of(agent.id, agent.project)
    lock = select(columns.id).where(columns.kind == "Agent", columns.id == row).with_for_update()
    with store.begin() as connection:
        connection.execute(lock)  # two deployments of one agent queue, on PostgreSQL too
        current = _serving(connection, agent.id, agent.project)
        if current is not None and current.id == deployment.id:
            return current
        if current is not None:
            replaced = current.model_copy(update={"state": "replaced", "traffic": 0.0, "updated_at": now})
            store.put_in(connection, replaced, replace=True)
            deployment = deployment.model_copy(update={"predecessor": current.id})
        store.put_in(connection, deployment, replace=True)
    return deployment


def serving(store: Store, agent_id: str, project: str = DEFAULT_PROJECT) -> Deployment | None:
    """The deployment that serves the project's agent now, or None."""
    with store.begin(read_only=True) as connection:
        return _serving(connection, agent_id, project)


def _serving(connection: Connection, agent_id: str, project: str) -> Deployment | None:
    columns = table.records.c
    query = select(columns.body).where(
        columns.kind == Deployment.__name__, columns.state == "serving", columns.project == project
    )
    found = [Deployment.model_validate_json(body) for body in connection.execute(query).scalars()]
    return next((deployment for deployment in found if deployment.agent == agent_id), None)


def _require_same(recipe: Recipe, build: BuildSpec) -> None:
    if recipe.name != build.recipe or recipe.digest != build.recipe_digest:
        raise ConflictError(
            f"recipe {recipe.name!r} was changed since build {build.id!r} was ordered "
            f"(digest {recipe.digest[:12]}, ordered with {build.recipe!r} at {build.recipe_digest[:12]}): "
            "its prompt and tools are not the evaluated ones. Order a new build."
        )


def _require_for(agent: Agent, release: Release) -> None:
    if agent.recipe != release.recipe:
        raise ConflictError(
            f"agent {agent.id!r} serves recipe {agent.recipe!r}; release {release.id!r} is of {release.recipe!r}"
        )


def _verify_model(artifacts: Artifacts, report: EvalReport, model: ModelManifest) -> None:
    evaluated = report.settings.get("model_digests")
    known = evaluated.get(model.id) if isinstance(evaluated, dict) else None
    try:
        found = digest_folder(artifacts.local(model.path))
    except FileNotFoundError as error:
        raise ConflictError(f"model {model.id!r} has no folder {model.path!r}: train the stage again") from error
    if not found == model.digest == known:
        raise ConflictError(
            f"model {model.id!r} at {model.path!r} is not what was evaluated: its files have digest {found}, "
            f"its manifest says {model.digest}, the report {known}. Train and evaluate it again."
        )
