"""The order desk's front end in a real Chromium: what is solved by API is solved by browser, with the same grade."""

import json
import os
import re
from pathlib import Path

import pytest

from agent_factory.contracts import LEVELS, ToolCall
from agent_factory.core.recipe import load_recipe
from agent_factory.environment.episode import Player
from agent_factory.environment.reference import NullEngine, ReferenceEngine
from agent_factory.environment.world import open_world
from tests.browser import find_chromium, find_ref
from tests.shop import BrowserReference

pytestmark = pytest.mark.live
SHOTS = os.environ.get("AGENT_FACTORY_TEST_SHOTS")


@pytest.fixture(scope="module", autouse=True)
def chromium():
    find_chromium()


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("support_desk")


@pytest.fixture(scope="module")
def scenarios(recipe):
    """Every kind of every level once, and a fault on every tool that one is drawn for."""
    drawn = [s for level in LEVELS for s in recipe.load("scenarios:generate")("train", level, 24, 0)]
    return list({(s.kind, s.faults, s.rules.must_not_call): s for s in drawn}.values())


async def play(world, recipe, engine, scenario, run="t"):
    return await Player(world, recipe, engine, "scripted", run).play(scenario)


async def test_every_kind_has_the_same_grade_by_api_and_by_browser(recipe, scenarios):
    assert len({s.kind for s in scenarios}) == 14
    async with open_world(recipe) as http, open_world(recipe, kind="browser") as browser:
        for scenario in scenarios:
            by_api = await play(http, recipe, ReferenceEngine(scenario), scenario)
            by_browser = await play(browser, recipe, BrowserReference(scenario), scenario)
            assert by_browser.failure is None, (scenario.id, by_browser.failure)
            assert by_browser.outcome == by_api.outcome, scenario.id
            assert by_browser.outcome.success, (scenario.id, by_browser.outcome.reasons)
            met = [e.injected for step in by_browser.steps for e in step.executions if e.injected]
            assert len(met) == len(scenario.faults), scenario.id

            nothing = await play(browser, recipe, NullEngine(), scenario)
            assert not nothing.outcome.success, scenario.id


async def test_an_episode_repeats_byte_for_byte(recipe, scenarios):
    chosen = [next(s for s in scenarios if s.kind == kind) for kind in ("exchange_item", "retry_after_fault")]
    seen = []
    for _ in range(2):
        async with open_world(recipe, kind="browser") as world:
            traces = [await play(world, recipe, BrowserReference(s), s) for s in chosen]
        seen.append([trace.messages() for trace in traces])

    assert seen[0] == seen[1]


async def test_a_refusal_of_the_order_system_is_on_the_page(recipe, scenarios):
    scenario = next(s for s in scenarios if s.kind == "cancel_order")
    async with open_world(recipe, kind="browser") as world:
        environment = world.make()
        await environment.reset(scenario, 0)
        try:
            tree = await look(environment, "snapshot")
            tree = await look(environment, "type", ref=find_ref(tree, 'textbox "Order number"'), text="1", submit=True)
            assert 'heading "Search"' in tree  # the page itself asks for four digits
            ref = find_ref(tree, 'textbox "Order number"')
            tree = await look(environment, "type", ref=ref, text="1111", submit=True)
        finally:
            await environment.close()

    assert re.search(r"^status: 404$", tree, re.MULTILINE)
    assert "alert [ref" in tree
    assert "The order system answered 404: not found" in tree


async def look(environment, name, **arguments):
    return (await environment.step(ToolCall(id="c", name=f"browser_{name}", arguments=arguments), 20.0)).message.content


async def test_pages_are_whole_on_a_narrow_screen(recipe):
    """Nothing is cut off at 360 pixels; with AGENT_FACTORY_TEST_SHOTS the pictures are kept to be looked at."""
    state = recipe.load_part("demo_state")()
    scenario = recipe.load("scenarios:generate")("train", "L1", 1, 0)[0].model_copy(update={"state": state})
    pages = {
        "start": "/",
        "customer": "/customers?email=anna.berg@example.com",
        "order": "/orders?order_id=5520",
        "goods": "/catalogue?query=red+lamp",
        "refusal": "/orders?order_id=9999",
    }
    for width in (1280, 360):
        section = recipe_section(recipe, width)
        async with open_world(recipe, section, "browser") as world:
            environment = world.make()
            environment.photographs = True
            await environment.reset(scenario, 0)
            for name, url in pages.items():
                await check_page(environment, f"shop-{name}-{width}", "navigate", url=url)
            ref = find_ref(await look(environment, "navigate", url="/orders?order_id=4417"), 'button "Cancel order"')
            await check_page(environment, f"shop-done-{width}", "click", ref=ref)
            await environment.close()


async def check_page(environment, name, action, **arguments):
    result = await environment.step(ToolCall(id="c", name=f"browser_{action}", arguments=arguments), 20.0)
    page = environment._session.page
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    if SHOTS:
        Path(SHOTS, f"{name}.png").write_bytes(result.screenshot)


def recipe_section(recipe, width):
    from agent_factory.core.buildfile import EnvironmentSection

    settings = json.loads(json.dumps(recipe.settings["environment"]))
    settings["settings"]["browser"] |= {"width": width, "browsers": 1}
    return EnvironmentSection.read({"environment": settings})
