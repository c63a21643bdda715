from pathlib import Path
from typing import Any

import pytest

from agent_factory.contracts import Agent, BuildSpec, Deployment, Release
from agent_factory.core.error import ConflictError, NotFoundError
from agent_factory.core.recipe import Recipe
from agent_factory.runtime.agent import create_agent
from agent_factory.runtime.promotion import deploy_release, openapi_path, release_build, serving
from agent_factory.runtime.session import SessionManager


def release(plant: Any) -> Release:
    return release_build(plant.store, plant.recipe, "b1", plant.artifacts)


def test_a_pass_is_released_once_with_prompt_and_tools(plant: Any) -> None:
    plant.report()
    first = release(plant)
    assert first == release(plant)
    assert first.model == "M2"
    assert first.system_prompt == plant.recipe.policy
    assert "cancel_order" in first.tools
    assert plant.artifacts.read_json(openapi_path(first.id)) == plant.recipe.openapi


def test_a_fail_is_refused_with_the_reports_reasons(plant: Any) -> None:
    plant.report("FAIL", ("Success: 12.0 %, below the 50.0 % asked.",))
    with pytest.raises(ConflictError, match=r"12\.0 %, below the 50\.0 %"):
        release(plant)
    assert plant.store.find(Release) == []


def test_a_build_without_report_is_refused(plant: Any) -> None:
    with pytest.raises(ConflictError, match="no evaluation report"):
        release(plant)


def test_a_model_that_was_touched_after_its_evaluation_is_refused(plant: Any) -> None:
    plant.report()
    plant.artifacts.write_bytes("builds/b1/models/policy/model.safetensors", b"other weights")
    with pytest.raises(ConflictError, match="not what was evaluated"):
        release(plant)
    assert plant.store.find(Release) == []


def test_a_model_that_was_made_again_after_its_evaluation_is_refused(plant: Any) -> None:
    plant.report(settings={"model_digests": {"M2": "another"}})
    with pytest.raises(ConflictError, match="another"):
        release(plant)


def test_a_recipe_that_was_changed_since_the_order_is_refused(plant: Any, tmp_path: Path) -> None:
    plant.report()
    copy = tmp_path / "support_desk"
    copy.mkdir()
    (copy / "policy.md").write_text("Be rude.")
    with pytest.raises(ConflictError, match="Order a new build"):
        release_build(plant.store, Recipe(copy), "b1", plant.artifacts)


def test_a_model_that_was_evaluated_with_other_tools_than_a_session_has_is_refused(plant: Any) -> None:
    plant.report()
    build = plant.store.get(BuildSpec, "b1")
    settings = {**build.settings, "environment": {"kind": "browser"}}
    plant.store.put(build.model_copy(update={"settings": settings}), replace=True)
    with pytest.raises(ConflictError, match=r"of the kind 'browser': live sessions act by the tools"):
        release(plant)
    assert plant.store.find(Release) == []


def test_a_release_that_stands_is_found_again_after_the_recipe_was_edited(plant: Any, tmp_path: Path) -> None:
    plant.report()
    first = release(plant)
    copy = tmp_path / "support_desk"
    copy.mkdir()
    assert release_build(plant.store, Recipe(copy), "b1", plant.artifacts) == first


def test_deploying_twice_is_deploying_once(plant: Any) -> None:
    plant.report()
    first = deploy_release(plant.store, release(plant).id)
    assert first == deploy_release(plant.store, first.release)
    assert serving(plant.store, "support_desk") == first
    assert (first.state, first.traffic, first.predecessor) == ("serving", 1.0, None)
    assert len(plant.store.find(Deployment)) == 1
    assert plant.store.get(Agent, "support_desk").recipe == "support_desk"


def other_release(plant: Any, project: str = "default") -> Release:
    plant.store.put(plant.build.model_copy(update={"id": "b2"}))
    plant.report(id="b2-report", build="b2")
    made = release(plant).model_copy(update={"id": "b2-release", "build": "b2", "project": project})
    plant.store.put(made)
    return made


def test_a_successor_replaces_and_a_replaced_one_can_serve_again(plant: Any) -> None:
    plant.report()
    first = deploy_release(plant.store, release(plant).id)
    second = deploy_release(plant.store, other_release(plant).id)
    assert second.predecessor == first.id
    replaced = plant.store.get(Deployment, first.id)
    assert (replaced.state, replaced.traffic) == ("replaced", 0.0)
    assert serving(plant.store, "support_desk") == second
    back = deploy_release(plant.store, first.release)
    assert (back.id, back.predecessor, back.state) == (first.id, second.id, "serving")
    assert [one.id for one in plant.store.find(Deployment, state="serving")] == [first.id]


def test_two_agents_are_served_apart(plant: Any) -> None:
    plant.report()
    create_agent(plant.store, "night-desk", "support_desk")
    made = release(plant)
    day, night = deploy_release(plant.store, made.id), deploy_release(plant.store, made.id, "night-desk")
    assert serving(plant.store, "support_desk") == day
    assert serving(plant.store, "night-desk") == night


async def test_agents_of_one_name_in_two_projects_are_served_apart(plant: Any) -> None:
    plant.report()
    mine = release(plant)
    theirs = other_release(plant, "shop")
    for project in ("default", "shop"):
        create_agent(plant.store, "desk", "support_desk", project=project)
    first, second = (deploy_release(plant.store, made.id, "desk") for made in (mine, theirs))
    assert (first.state, second.state, second.predecessor) == ("serving", "serving", None)
    assert serving(plant.store, "desk") == first
    assert serving(plant.store, "desk", "shop") == second
    manager = SessionManager(plant.store, plant.artifacts)
    opened = [await manager.open("desk", None, project) for project in ("default", "shop")]
    assert [(session.project, session.deployment) for session in opened] == [("default", first.id), ("shop", second.id)]
    await manager.close()


def test_a_release_does_not_serve_what_it_is_not_for(plant: Any) -> None:
    plant.report()
    made = release(plant)
    with pytest.raises(NotFoundError, match="nobody"):
        deploy_release(plant.store, made.id, "nobody")
    create_agent(plant.store, "travel", "travel_desk")
    with pytest.raises(ConflictError, match="travel_desk"):
        deploy_release(plant.store, made.id, "travel")
    create_agent(plant.store, "theirs", "support_desk", project="other")
    with pytest.raises(NotFoundError, match="no agent 'theirs'"):
        deploy_release(plant.store, made.id, "theirs")
    with pytest.raises(NotFoundError, match="b9-release"):
        deploy_release(plant.store, "b9-release")


def test_a_release_whose_build_fails_on_a_second_look_is_not_deployed(plant: Any) -> None:
    plant.report()
    made = release(plant)
    plant.report("FAIL", ("The interval was read wrongly.",))
    with pytest.raises(ConflictError, match="read wrongly"):
        deploy_release(plant.store, made.id)
    assert serving(plant.store, "support_desk") is None


def test_an_agent_is_registered_once(plant: Any) -> None:
    assert create_agent(plant.store, "a", "support_desk") == create_agent(plant.store, "a", "support_desk")
    with pytest.raises(ConflictError):
        create_agent(plant.store, "a", "support_desk", max_steps=3)
