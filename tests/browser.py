"""A site of pages given by hand, and an episode in it, for tests in a real Chromium."""

import contextlib

import httpx
import pytest

from agent_factory.contracts import ToolCall
from agent_factory.core.error import InputError
from agent_factory.environment.browser.setting import BrowserSection, find_executable

ORIGIN = "https://site.test"


def find_chromium():
    """Chromium's path by the browser kind's own search; skip with the reason where there is none."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync.sync_playwright() as driver:
        try:
            return find_executable(None, driver.chromium.executable_path)
        except InputError as error:
            pytest.skip(str(error))


class PageSite:
    """Pages by path: HTML text, a response, or a function of the request that may wait or raise."""

    origins = (ORIGIN,)
    start = ORIGIN + "/"

    def __init__(self, **pages):
        self.pages = {f"/{name}" if name != "index" else "/": page for name, page in pages.items()}
        self.asked = []

    async def reset(self, scenario, seed):
        self.asked.clear()

    async def answer(self, request):
        self.asked.append(str(request.url))
        page = self.pages.get(request.url.path)
        if callable(page):
            page = await page(request)
        if isinstance(page, str):
            return httpx.Response(200, html=page)
        return page or httpx.Response(404, html="<h1>There is no such page</h1>")

    async def ready(self, page):
        pass

    async def complete(self, result, page):
        return result

    async def state(self, page):
        return {}

    async def close(self):
        pass


class Visit:
    """An episode: calls by name without the prefix, results as text."""

    def __init__(self, environment, seconds=20.0):
        self.environment, self.seconds = environment, seconds

    async def __call__(self, name, **arguments):
        call = ToolCall(id="c", name=f"browser_{name}", arguments=arguments)
        return await self.environment.step(call, self.seconds)

    async def see(self, name="snapshot", **arguments):
        return (await self(name, **arguments)).message.content

    async def click(self, label):
        return await self("click", ref=find_ref(await self.see(), label))


def find_ref(tree, label):
    """The reference of the last line that names a label, as ``button "Go"``."""
    lines = [line for line in tree.splitlines() if label in line and "[ref=" in line]
    assert lines, f"{label} is not in\n{tree}"
    return lines[-1].partition("[ref=")[2].partition("]")[0]


@contextlib.asynccontextmanager
async def open_site(**settings):
    """A function that makes an episode of a site: ``await visit(site, seed=0)``."""
    from agent_factory.environment.browser.environment import BrowserWorld
    from agent_factory.environment.browser.pool import open_pool

    section = BrowserSection(**{"browsers": 1, "action_seconds": 1, **settings})
    async with open_pool(section) as pool:
        open_ones = []

        async def visit(site, seed=0):
            environment = BrowserWorld(pool, lambda: site).make()
            open_ones.append(environment)
            environment.photographs = True
            await environment.reset(scenario(), seed)
            return Visit(environment)

        try:
            yield visit
        finally:
            for environment in open_ones:
                await environment.close()


def scenario():
    """Any scenario: a site of pages asks it for nothing."""
    from agent_factory.core.recipe import load_recipe

    return load_recipe("support_desk").load("scenarios:generate")("train", "L1", 1, 0)[0]
