"""The timeline in a real Chromium: without script, by keyboard, narrow, dark, hostile, long and beside another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from agent_factory.contracts import Message, Order, Outcome, Step, ToolCall, Trace
from agent_factory.contracts.trace import ToolExecution
from agent_factory.core.artifact import Artifacts
from agent_factory.core.settings import get_settings
from agent_factory.core.store import Store
from agent_factory.environment.screenshot import screenshot_keeper

from . import test_label_page as label_page

browser, home, store = label_page.browser, label_page.home, label_page.store
serve, open_page = label_page.serve, label_page.open_page
shoot, sign_in = label_page.shoot, label_page.sign_in
pytestmark = pytest.mark.live
KEY = "s3cret"
THEN = datetime(2026, 11, 20, 9, tzinfo=UTC)
EVIL = "</pre><script>document.title = 'taken'</script> \u202egnp.exe <img src=x onerror=\"document.title='taken'\">"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478"
    "9c6360f8cfc0f01f0005000201a5f645400000000049454e44ae426082"
)


def make_trace(name: str, steps: int, result: str, path: str | None = None) -> Trace:
    made: list[Step] = []
    heard = Message(role="user", content="Where is order 4417?")
    for index in range(steps):
        call = ToolCall(id="c", name="get_order", arguments={"order_id": "4417"})
        done = ToolExecution(
            call_id="c", latency_seconds=0.5, injected="latency" if index == 0 else None, screenshot=path
        )
        action = Message(role="assistant", tool_calls=(call,))
        made.append(Step(index=index, observation=(heard,), action=action, latency_seconds=1.0, executions=(done,)))
        heard = Message(role="tool", tool_call_id="c", name="get_order", content=result)
    made.append(Step(index=steps, observation=(heard,), action=Message(role="assistant", content="On its way.")))
    outcome = Outcome(success=False, reward=0.0, graded_by="rules", reasons=(EVIL,))
    base: dict[str, Any] = {"id": name, "created_at": THEN, "started_at": THEN, "source": "rollout", "steps": made}
    return Trace(**base, outcome=outcome)


@pytest.fixture
def traces(store: Store) -> None:
    artifacts = Artifacts(get_settings().artifacts_url)
    path = screenshot_keeper(artifacts, "default")(PNG)
    kept = [
        make_trace("order-1-a", 2, '{"status": "shipped"}', path),
        make_trace("order-1-b", 1, '{"status": "lost"}'),
        make_trace("order-1-evil", 1, EVIL + "x" * 1_000_000),
        make_trace("order-1-long", 500, "y" * 900),
    ]
    artifacts.write_traces("orders/order-1/M1.parquet", kept)
    store.put(Order(id="order-1", created_at=THEN, kind="rollout", request={"build": "b1"}))


@pytest.mark.parametrize("script", [True, False])
def test_a_trace_is_read_with_its_fault_and_its_picture(
    traces: None,
    serve: Callable[..., str],
    open_page: Callable[..., Any],
    script: bool,
) -> None:
    address = serve()
    page = open_page(address, java_script_enabled=script)
    page.goto(f"{address}/env/trace/order-1-a/timeline")
    assert page.locator("article.step").count() == 3
    assert "injected: latency" in page.inner_text("#a0")
    assert page.locator("#a0 progress").count() == 2
    image = page.locator("#a0 img")
    image.scroll_into_view_if_needed()
    if script:
        page.wait_for_function("document.querySelector('#a0 img').naturalWidth === 1")
    shoot(page, "timeline")


def test_what_is_hostile_stays_text_and_what_is_folded_opens_by_key(
    traces: None,
    serve: Callable[..., str],
    open_page: Callable[..., Any],
) -> None:
    address = serve()
    page = open_page(address)
    page.goto(f"{address}/env/trace/order-1-evil/timeline")
    assert "taken" not in page.title()
    assert page.locator("script").count() == page.locator("img").count() == 0
    assert "more characters are left out" in page.inner_text("main")
    folded = page.locator("#a0 details")
    assert folded.get_attribute("open") is None
    folded.locator("summary").focus()
    page.keyboard.press("Enter")
    assert folded.get_attribute("open") is not None
    assert "[U+202E]gnp.exe" in folded.inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1500, "light")])
def test_two_stand_beside_each_other(
    traces: None,
    serve: Callable[..., str],
    open_page: Callable[..., Any],
    width: int,
    scheme: str,
) -> None:
    address = serve()
    page = open_page(address, color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}/env/trace/order-1-a/timeline")
    page.fill("#beside", "order-1-b")
    page.keyboard.press("Enter")
    page.wait_for_url("**beside=order-1-b**")
    assert page.inner_text("#a0 .mark >> nth=0") == page.inner_text("#b0 .mark >> nth=0") == "differs: results"
    left, right = page.locator("#a0").bounding_box(), page.locator("#b0").bounding_box()
    assert (left["y"] == right["y"]) == (width > 960), "aligned where there is room, else one below the other"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is pushed off the page"
    shoot(page, f"timeline-beside-{width}")


def test_a_long_one_is_read_page_by_page(
    traces: None,
    serve: Callable[..., str],
    open_page: Callable[..., Any],
) -> None:
    address = serve()
    page = open_page(address)
    page.goto(f"{address}/env/trace/order-1-long/timeline")
    assert page.locator("article.step").count() == 100
    page.click("text=later >> nth=0")
    page.wait_for_selector("#a100")
    assert "steps 100 to 199 of 501" in page.inner_text("main")
    page.click("text=earlier >> nth=0")
    page.wait_for_selector("#a0")


def test_with_a_key_one_signs_in_and_comes_back(
    traces: None,
    serve: Callable[..., str],
    open_page: Callable[..., Any],
) -> None:
    address = serve(api_key=SecretStr(KEY))
    page = open_page(address)
    sign_in(page, address, key=KEY, to="/env/trace/order-1-a/timeline")
    page.wait_for_selector("#a0")
    page.wait_for_function("document.querySelector('#a0 img').complete")
    shown = page.request.get(page.locator("#a0 img").evaluate("image => image.src"))
    assert shown.headers["content-type"] == "image/png"
