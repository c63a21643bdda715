"""The labelling pages in a real Chromium: signing in, keys, undo, comparing, and what is told when there is nothing."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent_factory.api.app import create_app
from agent_factory.contracts import Feedback, Message, Outcome, Step, ToolCall, Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.settings import get_settings, read_settings
from agent_factory.core.store import Store, open_store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.clean import clean_day
from agent_factory.data.event import write_events_day
from agent_factory.data.label import label_day
from agent_factory.data.labelling.feedback import read_feedback, read_preferences
from tests.browser import find_chromium

DAY = "2026-11-20"
KEY = "s3cret"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = os.environ.get("AGENT_FACTORY_TEST_SHOTS")
pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = find_chromium()
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(path), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AGENT_FACTORY_HOME", str(tmp_path / "home"))
    for name in ("API_KEY", "DATABASE_URL", "ARTIFACTS_URL", "PROJECT"):
        monkeypatch.delenv(f"AGENT_FACTORY_{name}", raising=False)
    get_settings.cache_clear()
    yield tmp_path / "home"
    get_settings.cache_clear()


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = open_store()
    yield store
    store.engine.dispose()


def make_trace(number: int, *, success: bool, note: str = "") -> Trace:
    call = ToolCall(id="c1", name="get_order", arguments={"order_id": f"44{number}", "email": "<EMAIL_1>"})
    found = f'{{"id": "44{number}", "status": "shipped", "items": ["lamp", "chair"], "note": "{note}"}}'
    steps = (
        Step(
            index=0,
            observation=(Message(role="user", content=f"Where is order 44{number}? <b>Please</b> hurry."),),
            action=Message(role="assistant", content="I look it up.", tool_calls=(call,)),
        ),
        Step(
            index=1,
            observation=(Message(role="tool", tool_call_id="c1", name="get_order", content=found),),
            action=Message(role="assistant", content=f"Order 44{number} is on its way and arrives on Friday."),
        ),
    )
    when = datetime.fromisoformat(f"{DAY}T09:00:00+00:00").astimezone(UTC)
    outcome = Outcome(success=success, reward=float(success), graded_by="rules")
    return Trace(
        id=f"t{number}",
        created_at=when,
        started_at=when,
        source="production",
        system="You work at the order desk of a shop. Be brief and polite, and change nothing without asking.",
        steps=steps,
        outcome=outcome,
        metadata={"kind": "status"},
    )


@pytest.fixture
def day(store: Store) -> None:
    artifacts = Artifacts(get_settings().artifacts_url)
    TraceLog(store).add([make_trace(number, success=number != 2, note="long " * 30) for number in range(1, 5)])
    write_events_day(store, artifacts, "default", DAY)
    clean_day(store, artifacts, "default", DAY)
    label_day(store, artifacts, "default", DAY)


@pytest.fixture
def serve(home: Path) -> Iterator[Callable[..., str]]:
    """Starts a server on a free loopback port; gives its address."""
    import uvicorn

    running: list[tuple[Any, threading.Thread]] = []

    def start(**changes: Any) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = uvicorn.Config(
            create_app(read_settings().model_copy(update=changes)), host="127.0.0.1", port=port, log_level="warning"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        return f"http://127.0.0.1:{port}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages that fail the test when their script fails or they ask anybody else for something."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_one(address: str, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request", lambda request: None if request.url.startswith((address, "data:")) else wrong.append(request.url)
        )
        page.on("console", lambda told: wrong.append(told.text) if "Content Security Policy" in told.text else None)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []


def sign_in(page: Any, address: str, name: str = "ann", key: str | None = None, to: str = "/label") -> None:
    page.goto(address + to)
    page.fill("#reviewer", name)
    if key is not None:
        page.fill("#key", key)
    page.click("button.main")


def press(page: Any, key: str) -> None:
    """A key that sends the form; goes on when the next page is there."""
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press(key)


def shoot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


def test_scores_are_given_by_key_and_taken_back(
    day: None, store: Store, serve: Callable[..., str], open_page: Callable[..., Any]
) -> None:
    address = serve()
    page = open_page(address)
    sign_in(page, address)
    assert "<b>Please</b>" in page.inner_text(".turn.user"), "a trace's text is text"
    assert '"order_id"' in page.inner_text(".call pre")
    assert page.locator(".turn h3").all_inner_texts() == ["User", "Agent", "Result of get_order", "Agent"]
    assert "0 by you · 0 of 4 answered" in page.inner_text("#progress").replace("\n", " ")
    first = page.input_value("input[name=trace_id]")
    page.keyboard.press("c")
    page.keyboard.type("4 was typed, 2 too")  # keys in a field are text
    page.keyboard.press("Escape")
    page.check("input[value=incomplete]")
    press(page, "4")
    second = page.input_value("input[name=trace_id]")
    assert second != first
    given = read_feedback(store, "default")[first][0]
    assert (given.labeler, given.kind, given.score, given.tags) == ("ann", "person", 0.75, ("incomplete",))
    assert given.comment == "4 was typed, 2 too"
    press(page, "u")
    assert page.input_value("input[name=trace_id]") == first
    assert page.input_value("textarea[name=comment]") == given.comment, "what was said stands there to be changed"
    assert read_feedback(store, "default") == {}
    press(page, "1")
    assert read_feedback(store, "default")[first][0].score == 0.0
    press(page, "s")
    assert "1 by you" in page.inner_text("#progress")
    page.keyboard.press("?")
    assert page.locator("#help").get_attribute("open") is not None
    assert page.locator("#help ul").is_visible()
    shoot(page, "help")


def test_two_are_compared_by_key_until_none_is_left(
    day: None, store: Store, serve: Callable[..., str], open_page: Callable[..., Any]
) -> None:
    address = serve()
    page = open_page(address)
    sign_in(page, address, to="/label/compare")
    shown = [page.input_value(f"input[name={name}]") for name in ("first", "second")]
    shoot(page, "compare")
    press(page, "b")
    better = {(pair.better, pair.worse) for pair in read_preferences(store, "default")}
    assert better == {(shown[1], shown[0])}
    press(page, "t")
    press(page, "a")
    assert page.inner_text("h1") == "Nothing is left for you"
    assert sum(pair.tie for pair in read_preferences(store, "default")) == 1
    shoot(page, "nothing")
    press(page, "u")
    assert page.locator(".side").count() == 2
    assert len(read_preferences(store, "default")) == 2


def test_without_traces_the_page_says_what_to_do(serve: Callable[..., str], open_page: Callable[..., Any]) -> None:
    address = serve()
    page = open_page(address)
    sign_in(page, address)
    assert "factory data prepare" in page.inner_text("main")
    page.click("nav >> text=Compare")
    assert "No pair of traces" in page.inner_text("main")
    shoot(page, "empty")


def test_a_key_is_asked_for_and_a_wrong_one_refused(
    day: None, store: Store, serve: Callable[..., str], open_page: Callable[..., Any]
) -> None:
    address = serve(api_key=SecretStr(KEY))
    page = open_page(address)
    sign_in(page, address, key="wrong")
    assert "not a key" in page.inner_text("[role=alert]")
    assert page.context.cookies() == []
    page.goto(f"{address}/label/compare")
    assert re.search(r"/label/login\?to=", page.url)
    shoot(page, "login")
    sign_in(page, address, key=KEY)
    cookie = page.context.cookies()[0]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    press(page, "5")
    assert [labels[0].labeler for labels in read_feedback(store, "default").values()] == ["ann"]
    # The cookie opens the pages and nothing else.
    assert page.context.request.get(f"{address}/data/labels/agreement").status == 401
    page.click("text=sign out")
    assert "/label/login" in page.url
    assert page.context.cookies() == []


def test_it_works_without_javascript_and_in_the_dark(
    day: None, store: Store, serve: Callable[..., str], open_page: Callable[..., Any]
) -> None:
    address = serve()
    page = open_page(address, java_script_enabled=False, color_scheme="dark")
    sign_in(page, address, name="bob")
    shoot(page, "score-dark")
    with page.expect_navigation():
        page.click("button[value='2']")
    assert [one.labeler for one in store.find(Feedback)] == ["bob"]
    with page.expect_navigation():
        page.click("text=Undo")
    assert read_feedback(store, "default") == {}


def test_a_form_from_another_site_is_refused(
    day: None, store: Store, serve: Callable[..., str], open_page: Callable[..., Any]
) -> None:
    address = serve()
    page = open_page(address)
    sign_in(page, address)
    forged = {"trace_id": "t1", "rating": "5", "token": "guessed"}
    assert page.context.request.post(f"{address}/label", form=forged).status == 401
    token = page.input_value("input[name=token] >> nth=0")
    headers = {"Origin": "http://evil.example"}
    reply = page.context.request.post(f"{address}/label", form={**forged, "token": token}, headers=headers)
    assert reply.status == 401
    assert store.find(Feedback) == []
