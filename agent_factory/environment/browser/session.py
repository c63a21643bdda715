"""One episode's stay in a browser: its context, the page that is looked at, and what happened beside it.

Invariants: a new tab is looked at as soon as it is open, the one before it when it closes; a dialog is
answered at once; clock and chance of the pages are the episode's, so that the same actions show the same.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from playwright.async_api import BrowserContext, Dialog, Error, Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agent_factory.core.error import ToolError
from agent_factory.environment.browser.network import Network
from agent_factory.environment.browser.pool import BrowserPool
from agent_factory.environment.browser.site import Site

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
"""What the pages' clock says at the start of an episode."""
MOST_TABS = 5
MOST_NOTES = 5
# mulberry32 by Tommy Ettinger (public domain).
_CHANCE = """(() => {
  let a = SEED >>> 0;
  const next = () => {
    a = (a + 0x6D2B79F5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  Math.random = () => next() / 4294967296;
  crypto.getRandomValues = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = next() & 255;
    return array;
  };
  crypto.randomUUID = () => {
    const b = [...crypto.getRandomValues(new Uint8Array(16))];
    b[6] = (b[6] & 15) | 64; b[8] = (b[8] & 63) | 128;
    const h = b.map((x) => x.toString(16).padStart(2, "0")).join("");
    return [h.slice(0, 8), h.slice(8, 12), h.slice(12, 16), h.slice(16, 20), h.slice(20)].join("-");
  };
})();"""
# What a script asks for is pending from its asking, before the browser hands the request out, to its last byte.
_PENDING = """(() => {
  let pending = 0;
  const end = () => { pending--; };
  const ask = window.fetch;
  window.fetch = (...given) => {
    pending++;
    const answer = ask(...given);
    answer.then((response) => response.clone().arrayBuffer()).then(end, end);
    return answer;
  };
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (...given) {
    pending++;
    this.addEventListener("loadend", end, {once: true});
    return send.apply(this, given);
  };
  Object.defineProperty(window, "__pending", {get: () => pending});
})();"""


class Session:
    """A context of the pool with one site behind it, from ``open`` to ``close``."""

    def __init__(self, pool: BrowserPool, site: Site, context: BrowserContext) -> None:
        self.context, self.site = context, site
        self.network = Network(site, self.tell)
        self.section = pool.section
        self.tabs: list[Page] = []
        self._pool = pool
        self._notes: list[str] = []
        self._crashed = False

    @classmethod
    async def open(cls, pool: BrowserPool, site: Site, seed: int) -> Session:
        """Take a context and make it the episode's, with an empty page; ToolError where none is to be had."""
        session = cls(pool, site, await pool.take())
        try:
            await session._prepare(seed)
        except BaseException as error:
            await session.close()
            if isinstance(error, Error):
                raise ToolError(f"Chromium opened no page: {error.message.splitlines()[0]}") from error
            raise
        return session

    async def _prepare(self, seed: int) -> None:
        context = self.context
        await self.network.attach(context)
        await context.clock.pause_at(NOW)
        await context.add_init_script(_CHANCE.replace("SEED", str(seed % 2**32)))
        await context.add_init_script(_PENDING)
        context.on("dialog", self._answer_dialog)
        context.on("page", self._follow)
        await context.new_page()

    @property
    def page(self) -> Page:
        """The page that is looked at; ToolError where the browser or the page is gone."""
        if self._crashed or not self.tabs:
            raise ToolError(
                "the page crashed" if self._crashed else "the browser went away; the next episode has another"
            )
        return self.tabs[-1]

    def tell(self, note: str) -> None:
        """Keep a note for the agent's next result."""
        if note not in self._notes:
            self._notes.append(note)

    def take_notes(self) -> list[str]:
        """The notes since the last time."""
        notes, self._notes = self._notes, []
        more = len(notes) - MOST_NOTES
        return [*notes[:MOST_NOTES], f"and {more} more of these"] if more > 0 else notes

    async def settle(self) -> None:
        """Wait until the page has what it asked for, let its clock go on, and wait again."""
        await self._load()
        await self.context.clock.run_for(self.section.step_milliseconds)
        await self._load()

    async def _load(self) -> None:
        while True:
            page = self.page
            try:
                for _ in range(2):  # what was loaded may have asked for more
                    await self.network.idle()
                    await page.wait_for_load_state("load")
                closed, pending = await page.evaluate("[window.closed, window.__pending]")
                if closed:
                    await page.wait_for_event("close")
                elif pending:
                    await asyncio.sleep(0.01)
                elif page is self.page:
                    return
            except PlaywrightTimeout:
                raise
            except Error as error:
                if not page.is_closed() and "context was destroyed" not in error.message:
                    raise

    async def close(self) -> None:
        """Give the context back; a second time is no fault."""
        self.network.cut()
        await self._pool.give_back(self.context)

    async def _answer_dialog(self, dialog: Dialog) -> None:
        accepted = dialog.type != "prompt"
        with suppress(Error):
            await (dialog.accept() if accepted else dialog.dismiss())
        self.tell(f"dialog: {dialog.type} {dialog.message[:300]!r} was answered with {'OK' if accepted else 'Cancel'}")

    async def _follow(self, page: Page) -> None:
        page.on("crash", self._crash)
        page.on("close", self._leave)
        page.on("download", lambda download: self.tell(f"download refused: {download.url[:200]}"))
        self.network.greet_tab()
        if len(self.tabs) == MOST_TABS:
            self.tell(f"a new tab was closed: {MOST_TABS} are open")
            with suppress(Error):
                await page.close()
            return
        if self.tabs:
            self.tell("a new tab was opened and is shown now")
        self.tabs.append(page)

    def _leave(self, page: Page) -> None:
        if page in self.tabs:
            self.tabs.remove(page)
            if self.tabs:
                self.tell("the tab was closed, the one before it is shown now")

    def _crash(self, page: Page) -> None:
        self._crashed = True
