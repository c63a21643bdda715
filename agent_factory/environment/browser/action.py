"""What an agent does in a browser: the tools, named as Playwright's MCP server names them.

Invariant: an action acts on the page that is looked at, on the element that the newest tree refers to; one
that cannot be done raises ``RefusalError`` with an HTTP status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

from playwright.async_api import Error, Locator
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agent_factory.contracts.message import Tool
from agent_factory.environment.browser.network import origin_of
from agent_factory.environment.browser.session import Session


class RefusalError(Exception):
    """What a page does not let an agent do, with an HTTP status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


TAB_SECONDS = 2.0
DRAG_MOVES = 5
"""Into how many moves of the mouse a drag by places is cut: pages that follow the mouse want more than one."""
_OPENS_TAB = "e => Boolean(e.closest('a[href][target]:not([target=_self]):not([target=_top]):not([target=_parent])'))"
Arguments = dict[str, Any]
Act = Callable[[Session, Arguments], Awaitable[object]]


async def find_element(session: Session, ref: str) -> Locator:
    """The element of a reference; RefusalError where the page no longer has it."""
    element = session.page.locator(f"aria-ref={ref}")
    if await element.count() == 0:
        raise RefusalError(
            HTTPStatus.NOT_FOUND, f"there is no element {ref!r} on the page; take a reference of the newest tree"
        )
    return element


async def _find_enabled(session: Session, ref: str) -> Locator:
    element = await find_element(session, ref)
    if await element.is_disabled():
        raise RefusalError(HTTPStatus.CONFLICT, f"the element {ref!r} is disabled")
    return element


async def _look(session: Session, given: Arguments) -> None:
    if "ref" in given:
        await find_element(session, given["ref"])


async def _navigate(session: Session, given: Arguments) -> None:
    try:
        url = urljoin(session.page.url, given["url"])
        origin = origin_of(url)
    except ValueError as error:
        told = f"{given['url'][:200]!r} is no address: {error}"
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, told) from error
    if origin not in session.site.origins:
        known = ", ".join(session.site.origins)
        raise RefusalError(HTTPStatus.FORBIDDEN, f"{url[:200]!r} is outside this episode's sites: {known}")
    try:
        await session.page.goto(url, wait_until="commit")
    except Error as error:
        if "ERR_ABORTED" not in error.message and "Download is starting" not in error.message:
            raise
        session.tell(f"{url[:200]} brought no page")


async def _navigate_back(session: Session, given: Arguments) -> None:
    if not await session.page.evaluate("navigation.canGoBack"):
        raise RefusalError(HTTPStatus.CONFLICT, "there is no page to go back to")
    await session.page.go_back(wait_until="commit")


async def _click(session: Session, given: Arguments) -> None:
    element = await _find_enabled(session, given["ref"])
    opens, tabs = await element.evaluate(_OPENS_TAB), len(session.tabs)
    await (element.dblclick() if given.get("doubleClick") else element.click())
    for _ in range(round(TAB_SECONDS / 0.02) if opens else 0):  # a tab of its own process comes after the click
        if len(session.tabs) > tabs:
            break
        await asyncio.sleep(0.02)


async def _type(session: Session, given: Arguments) -> None:
    element = await _find_enabled(session, given["ref"])
    try:
        await element.fill(given["text"])
    except PlaywrightTimeout:
        raise
    except Error as error:
        raise RefusalError(
            HTTPStatus.CONFLICT, f"the text cannot be put into the element {given['ref']!r}: {_first_line(error)}"
        ) from error
    if given.get("submit"):
        await element.press("Enter")


def _first_line(error: Error) -> str:
    return error.message.splitlines()[0].removeprefix("Locator.fill: Error: ")


async def _select_option(session: Session, given: Arguments) -> None:
    element = await _find_enabled(session, given["ref"])
    told: list[list[str]] = await element.evaluate("e => Array.from(e.options || [], o => [o.value, o.label])")
    names = [name for option in told for name in option]
    missing = [value for value in given["values"] if value not in names]
    if missing:
        labels = ", ".join(repr(label) for _, label in told) or "none: it is no list"
        raise RefusalError(HTTPStatus.CONFLICT, f"there is no option {missing[0]!r}; there are: {labels}")
    await element.select_option(given["values"])


async def _press_key(session: Session, given: Arguments) -> None:
    try:
        await session.page.keyboard.press(given["key"])
    except Error as error:
        if "Unknown key" not in error.message:
            raise
        raise RefusalError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"there is no key {given['key']!r}; keys are named as in KeyboardEvent.key: Enter, Tab, ArrowDown, a",
        ) from error


async def _scroll(session: Session, given: Arguments) -> None:
    if "ref" in given:
        await (await find_element(session, given["ref"])).scroll_into_view_if_needed()
    await session.page.mouse.wheel(given.get("deltaX", 0), given.get("deltaY", 0))


async def _hover(session: Session, given: Arguments) -> None:
    await (await find_element(session, given["ref"])).hover()


async def _drag(session: Session, given: Arguments) -> None:
    start = await find_element(session, given["startRef"])
    await start.drag_to(await find_element(session, given["endRef"]))


async def _click_xy(session: Session, given: Arguments) -> None:
    await session.page.mouse.click(given["x"], given["y"], click_count=2 if given.get("doubleClick") else 1)


async def _move_xy(session: Session, given: Arguments) -> None:
    await session.page.mouse.move(given["x"], given["y"])


async def _drag_xy(session: Session, given: Arguments) -> None:
    mouse = session.page.mouse
    await mouse.move(given["startX"], given["startY"])
    await mouse.down()
    await mouse.move(given["endX"], given["endY"], steps=DRAG_MOVES)
    await mouse.up()


_REF = {"type": "string", "pattern": "^(f\\d+)?e\\d+$", "description": "Reference of an element in the tree, as e12."}
_PIXELS = {"type": "integer", "minimum": -100_000, "maximum": 100_000}
_PLACE = {"type": "number", "minimum": 0, "maximum": 10_000, "description": "Pixels from the page's left or top."}
_TEXT = {"type": "string", "maxLength": 10_000}


def _tool(name: str, description: str, required: tuple[str, ...] = (), **properties: Any) -> Tool:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return Tool(name=f"browser_{name}", description=description, parameters=schema)


_TABLE: tuple[tuple[Tool, Act], ...] = (
    (_tool("snapshot", "Look at the page, or at one element of it with all that is in it.", ref=_REF), _look),
    (
        _tool("navigate", "Go to an address of the site.", ("url",), url={"type": "string", "maxLength": 2000}),
        _navigate,
    ),
    (_tool("navigate_back", "Go back to the page before."), _navigate_back),
    (_tool("click", "Click an element.", ("ref",), ref=_REF, doubleClick={"type": "boolean"}), _click),
    (
        _tool(
            "type",
            "Put text into a field in place of what it holds; submit presses Enter afterwards.",
            ("ref", "text"),
            ref=_REF,
            text=_TEXT,
            submit={"type": "boolean"},
        ),
        _type,
    ),
    (
        _tool(
            "select_option",
            "Select options of a list by their values or labels.",
            ("ref", "values"),
            ref=_REF,
            values={"type": "array", "items": _TEXT, "maxItems": 100},
        ),
        _select_option,
    ),
    (
        _tool("press_key", "Press a key, as Enter or Control+a.", ("key",), key={"type": "string", "maxLength": 40}),
        _press_key,
    ),
    (
        _tool("scroll", "Scroll to an element, then by pixels.", ref=_REF, deltaX=_PIXELS, deltaY=_PIXELS),
        _scroll,
    ),
    (_tool("hover", "Put the mouse over an element.", ("ref",), ref=_REF), _hover),
    (
        _tool("drag", "Drag one element onto another.", ("startRef", "endRef"), startRef=_REF, endRef=_REF),
        _drag,
    ),
    (
        _tool("mouse_click_xy", "Click a place.", ("x", "y"), x=_PLACE, y=_PLACE, doubleClick={"type": "boolean"}),
        _click_xy,
    ),
    (_tool("mouse_move_xy", "Put the mouse on a place.", ("x", "y"), x=_PLACE, y=_PLACE), _move_xy),
    (
        _tool(
            "mouse_drag_xy",
            "Drag from one place to another.",
            ("startX", "startY", "endX", "endY"),
            startX=_PLACE,
            startY=_PLACE,
            endX=_PLACE,
            endY=_PLACE,
        ),
        _drag_xy,
    ),
)
TOOLS: tuple[Tool, ...] = tuple(tool for tool, _ in _TABLE)
ACTS: dict[str, Act] = {tool.name: act for tool, act in _TABLE}
