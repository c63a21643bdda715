"""What an agent sees of a page: address, title, what happened beside it, and the accessibility tree as text.

Invariant: the text depends on the page alone and is bounded; what was cut is told. References are
Playwright's: an element keeps its own as long as its document lives.
"""

from __future__ import annotations

from playwright.async_api import Error

from agent_factory.agent.toolbox import ToolResult
from agent_factory.contracts.message import Message, ToolCall
from agent_factory.environment.browser.session import Session


async def observe(session: Session, call: ToolCall, *, photographs: bool) -> ToolResult:
    """The page as it stands, as the result of a call; of ``browser_snapshot`` with a reference, that element."""
    page = session.page
    boxes = session.section.boxes
    tree = await page.aria_snapshot(mode="ai", boxes=boxes)
    ref = call.arguments.get("ref") if call.name == "browser_snapshot" else None
    if ref is not None:
        tree = await page.locator(f"aria-ref={ref}").aria_snapshot(mode="ai", boxes=boxes)
        await page.aria_snapshot(mode="ai")  # references are those of the newest tree: make it the whole page's again
    head = [f"url: {page.url}", f"title: {await page.title()}"]
    if session.network.status >= 400:
        head.append(f"status: {session.network.status}")
    head += [f"note: {note}" for note in session.take_notes()]
    content = "\n".join([*head, "tree:", cut(tree, session.section.tree_characters)])
    message = Message(role="tool", tool_call_id=call.id, name=call.name, content=content)
    return ToolResult(message, None, screenshot=await _photograph(session) if photographs else None)


def cut(tree: str, most: int) -> str:
    """A tree of at most so many characters, in whole lines, with a note of what is left out."""
    if len(tree) <= most:
        return tree
    kept = tree[:most].rpartition("\n")[0]
    return (
        f"{kept}\n(cut: {len(tree) - len(kept)} of {len(tree)} characters are not shown; "
        "browser_snapshot with a ref shows one element)"
    )


async def _photograph(session: Session) -> bytes | None:
    try:
        return await session.page.screenshot(animations="disabled", caret="hide", timeout=2000)
    except Error:
        return None  # people look at pictures, agents at the tree: a step without one is whole
