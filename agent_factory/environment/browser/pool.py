"""A pool of warm browsers: started once for a world, each with some isolated contexts at a time.

Invariants: never more contexts than settings allow; a browser that went away is replaced when the next
episode asks for it; when the pool is closed no process of it is left.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from playwright.async_api import Browser, BrowserContext, Error, Playwright, async_playwright

from agent_factory.core.error import InputError, ToolError
from agent_factory.environment.browser.setting import BrowserSection, find_executable

LAUNCH_SECONDS = 60.0
WAIT_SECONDS = 50.0
CLOSE_SECONDS = 10.0
# Requests are answered before they reach the network; were one to slip by, it finds no host, no QUIC, no UDP.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--dns-prefetch-disable",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)


class _Place:
    """A browser's place in the pool, and how many episodes it holds."""

    def __init__(self) -> None:
        self.browser: Browser | None = None
        self.held = 0
        self.lock = asyncio.Lock()


class BrowserPool:
    """Browsers that lend contexts; ``executable`` is Chromium's path."""

    def __init__(self, driver: Playwright, executable: str, section: BrowserSection) -> None:
        self._driver, self._executable, self.section = driver, executable, section
        self._places = [_Place() for _ in range(section.browsers)]
        self._free = asyncio.Semaphore(section.browsers * section.pages)
        self._lent: dict[BrowserContext, _Place] = {}

    async def start(self) -> None:
        """Start all browsers; InputError where Chromium does not start."""
        await asyncio.gather(*(self._browser(place) for place in self._places))

    async def take(self) -> BrowserContext:
        """An isolated context in the browser that holds fewest; ToolError where none is free in time."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError as error:
            most = len(self._places) * self.section.pages
            raise ToolError(
                f"all {most} pages of the browsers were taken for {WAIT_SECONDS:g} s: lower [rollouts] concurrency to "
                f"{most}, or raise pages in [environment.settings.browser]"
            ) from error
        place = min(self._places, key=lambda place: place.held)
        place.held += 1
        try:
            context = await self._open(place)
        except BaseException:
            self._release(place)
            raise
        self._lent[context] = place
        return context

    async def give_back(self, context: BrowserContext) -> None:
        """Close a context; a browser that does not close it in time is replaced. A second time is no fault."""
        place = self._lent.pop(context, None)
        if place is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await context.close()
        except (TimeoutError, Error):
            browser, place.browser = place.browser, None
            if browser is not None:
                await _close(browser)
        finally:
            self._release(place)

    async def close(self) -> None:
        """End all browsers."""
        browsers = [place.browser for place in self._places if place.browser is not None]
        await asyncio.gather(*map(_close, browsers))

    def _release(self, place: _Place) -> None:
        place.held -= 1
        self._free.release()

    async def _open(self, place: _Place) -> BrowserContext:
        for attempt in range(2):
            browser = await self._browser(place)
            try:
                return await self._context(browser)
            except Error as error:
                place.browser = None
                await _close(browser)
                if attempt == 1:
                    raise ToolError(f"Chromium opened no page: {error.message.splitlines()[0]}") from error
        raise AssertionError("unreachable")

    async def _context(self, browser: Browser) -> BrowserContext:
        return await browser.new_context(
            viewport={"width": self.section.width, "height": self.section.height},
            device_scale_factor=1,
            locale="en-GB",
            timezone_id="UTC",
            color_scheme="light",
            reduced_motion="reduce",
            accept_downloads=False,
            service_workers="block",
        )

    async def _browser(self, place: _Place) -> Browser:
        async with place.lock:
            if place.browser is None or not place.browser.is_connected():
                place.browser = await self._launch()
            return place.browser

    async def _launch(self) -> Browser:
        try:
            return await self._driver.chromium.launch(
                executable_path=self._executable,
                args=list(FLAGS),
                chromium_sandbox=os.geteuid() != 0,
                timeout=LAUNCH_SECONDS * 1000,
            )
        except Error as error:
            raise InputError(
                f"Chromium at {self._executable!r} did not start: {_tell(error)}. "
                "Check it by hand: run it with --headless --dump-dom about:blank."
            ) from error


@asynccontextmanager
async def open_pool(section: BrowserSection) -> AsyncGenerator[BrowserPool]:
    """Warm browsers for the block; InputError where there is no Chromium, or it does not start."""
    async with async_playwright() as driver:
        executable = find_executable(section.executable, driver.chromium.executable_path)
        pool = BrowserPool(driver, str(executable), section)
        try:
            await pool.start()
            yield pool
        finally:
            await pool.close()


async def _close(browser: Browser) -> None:
    with suppress(TimeoutError, Error):  # what does not end here ends with Playwright's driver
        async with asyncio.timeout(CLOSE_SECONDS):
            await browser.close()


def _tell(error: Error) -> str:
    lines = [line.strip() for line in error.message.splitlines() if line.strip()]
    wrong = [line for line in lines if "error" in line.lower() or "sandbox" in line.lower()]
    return " / ".join([lines[0], *wrong[:2]])
