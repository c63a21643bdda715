"""The browser as an environment: one isolated context an episode, trees as observations.

Invariants: every step ends within its deadline in a result; an action's result holds the page as it
stands after it; only a browser, a page or a site that broke raises.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus

from playwright.async_api import Error
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agent_factory.agent.argument import ArgumentCheck
from agent_factory.agent.toolbox import ToolResult, fail
from agent_factory.contracts.message import Tool, ToolCall
from agent_factory.contracts.record import Json
from agent_factory.contracts.scenario import Scenario
from agent_factory.core.error import FactoryError, ToolError
from agent_factory.environment.browser.action import ACTS, TOOLS, RefusalError
from agent_factory.environment.browser.observation import observe
from agent_factory.environment.browser.pool import BrowserPool
from agent_factory.environment.browser.session import Session
from agent_factory.environment.browser.site import Site

START_SECONDS = 30.0
MARGIN = 0.8
"""The share of a step's time that acting and settling may take; half of the rest is for looking."""
_REASON = re.compile(r"- (.*intercepts pointer events|element is .*)")


class BrowserWorld:
    """Browsers and what makes the site of an episode."""

    def __init__(self, pool: BrowserPool, make_site: Callable[[], Site]) -> None:
        self.pool, self._make_site = pool, make_site
        self.arguments = ArgumentCheck()

    @property
    def capacity(self) -> int:
        """The pages of all browsers."""
        return self.pool.section.browsers * self.pool.section.pages

    def make(self) -> BrowserEnvironment:
        """An environment for one episode."""
        return BrowserEnvironment(self, self._make_site())


class BrowserEnvironment:
    """The world of one episode: its site, and its stay in a browser; ``photographs``: see ``Photographed``."""

    def __init__(self, world: BrowserWorld, site: Site) -> None:
        self.tools: tuple[Tool, ...] = TOOLS
        self._world, self._site = world, site
        self.photographs = False
        self._session: Session | None = None

    async def reset(self, scenario: Scenario, seed: int) -> None:
        """See ``Environment``; the browser stands on the site's first page afterwards."""
        await self.close()
        await self._site.reset(scenario, seed)
        self._session = session = await Session.open(self._world.pool, self._site, seed)
        session.context.set_default_timeout(START_SECONDS * 1000)
        try:
            async with asyncio.timeout(START_SECONDS):
                await session.page.goto(self._site.start)
                await self._site.ready(session.page)
                await session.settle()
        except (TimeoutError, Error) as error:
            _raise_defect(session)
            raise ToolError(
                f"scenario {scenario.id!r}: the first page {self._site.start!r} did not load: "
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else f'{START_SECONDS:g} s'}"
            ) from error
        _raise_defect(session)

    async def step(self, call: ToolCall, deadline_seconds: float) -> ToolResult:
        """See ``Environment``."""
        act = ACTS.get(call.name)
        if act is None:
            return fail(call, HTTPStatus.NOT_FOUND, f"there is no tool {call.name}; there are: {', '.join(ACTS)}")
        schema = next(tool.parameters for tool in TOOLS if tool.name == call.name)
        wrong = self._world.arguments.find_wrong(call.name, schema, call.arguments)
        if wrong is not None:
            return fail(call, HTTPStatus.UNPROCESSABLE_ENTITY, wrong)
        session = self._stay
        try:
            async with asyncio.timeout(deadline_seconds * (1 - MARGIN) / 2 + deadline_seconds * MARGIN):
                await self._act(session, call, deadline_seconds * MARGIN)
                photographs = self.photographs and session.section.screenshots
                result = await observe(session, call, photographs=photographs)
        except RefusalError as refusal:
            result = _refuse(session, call, refusal.status, str(refusal))
        except (TimeoutError, PlaywrightTimeout):
            session.network.cut()
            result = _refuse(session, call, HTTPStatus.REQUEST_TIMEOUT, "the page did not load or answer in time")
        except Error as error:
            _raise_defect(session)
            await asyncio.sleep(0)  # a crash is told after the error that it causes
            session.page  # noqa: B018
            result = _refuse(session, call, HTTPStatus.CONFLICT, error.message.splitlines()[0])
        _raise_defect(session)
        return await self._site.complete(result, session.page)

    async def _act(self, session: Session, call: ToolCall, seconds: float) -> None:
        section = self._world.pool.section
        session.context.set_default_timeout(min(section.action_seconds, seconds / 2) * 1000)
        page = session.page
        async with asyncio.timeout(seconds):
            try:
                await ACTS[call.name](session, call.arguments)
            except PlaywrightTimeout as error:
                if not session.network.busy:
                    raise RefusalError(HTTPStatus.CONFLICT, _tell(error)) from error
            except Error:
                if not page.is_closed():  # an action may close its own tab
                    raise
            session.context.set_default_timeout(seconds * 1000)
            await session.settle()

    async def state(self) -> Json:
        """See ``Environment``."""
        return await self._site.state(self._stay.page)

    async def close(self) -> None:
        """See ``Environment``."""
        session, self._session = self._session, None
        try:
            if session is not None:
                await session.close()
        finally:
            await self._site.close()

    @property
    def _stay(self) -> Session:
        if self._session is None:
            raise ToolError("the browser's environment is not open: reset it first")
        return self._session


def _refuse(session: Session, call: ToolCall, status: HTTPStatus, why: str) -> ToolResult:
    return fail(call, status, "; ".join([why, *session.take_notes()]))


def _tell(error: PlaywrightTimeout) -> str:
    reasons = _REASON.findall(error.message)
    return f"the element cannot be acted on: {reasons[-1][:300] if reasons else 'it does not come to rest'}"


def _raise_defect(session: Session) -> None:
    defect = session.network.defect
    if isinstance(defect, FactoryError):
        raise defect
    if defect is not None:
        raise ToolError(f"the site raised {type(defect).__name__}: {defect}. Mend the site.") from defect
