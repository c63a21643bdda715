"""The timeline of a trace: what stands on it, that it is escaped and bounded, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from agent_factory.api.context import Context
from agent_factory.api.timeline import PAGE_STEPS, TEXT_CHARACTERS, find_screenshot
from agent_factory.contracts import Message, Order, Outcome, Step, ToolCall, Trace
from agent_factory.contracts.trace import TokenUsage, ToolExecution
from agent_factory.core import clock
from agent_factory.environment.screenshot import screenshot_keeper

PNG = b"\x89PNG\r\n\x1a\nnot really"


def make_trace(name: str, steps: int = 1, result: str = '{"status": "shipped"}', **changes: Any) -> Trace:
    """A trace of so many calls and an answer."""
    made: list[Step] = []
    heard = Message(role="user", content="Where is order 4417?")
    for index in range(steps):
        call = ToolCall(id="c", name="get_order", arguments={"order_id": "4417", "step": index})
        made.append(
            Step(
                index=index,
                observation=(heard,),
                action=Message(role="assistant", content=None, tool_calls=(call,)),
                reward=0.25,
                usage=TokenUsage(prompt_tokens=1200, completion_tokens=30),
                latency_seconds=0.5,
                cost=0.002,
            )
        )
        heard = Message(role="tool", tool_call_id="c", name="get_order", content=result)
    said = Message(role="assistant", content="It is on its way.")
    made.append(Step(index=steps, observation=(heard,), action=said))
    now = clock.now()
    base: dict[str, Any] = {"id": name, "created_at": now, "started_at": now, "source": "rollout", "steps": made}
    return Trace(**{**base, "recipe": "support_desk", "model": "M1", **changes})


@pytest.fixture
def keep(context: Context) -> Callable[..., None]:
    """Keeps traces as those of the run ``order-1`` of a project."""

    def write(*traces: Trace, project: str = "default") -> None:
        order = Order(id="order-1", project=project, created_at=clock.now(), kind="rollout", request={"build": "b1"})
        context.store.put(order)
        kept = [trace.model_copy(update={"project": project}) for trace in traces]
        context.artifacts.write_traces("orders/order-1/M1.parquet", kept)

    return write


def test_it_tells_what_was_done_and_what_came_of_it(client: TestClient, keep: Any) -> None:
    outcome = Outcome(
        success=False,
        reward=0.0,
        graded_by="scenario rules",
        reasons=("orders/4417/status is not 'cancelled'",),
        changes={"orders/4417/note": "late"},
    )
    trace = make_trace("order-1-t", outcome=outcome, failure="step limit: no answer after 2 steps", fault="agent")
    hit = ToolExecution(call_id="c", latency_seconds=1.5, injected="latency")
    first = trace.steps[0].model_copy(update={"executions": (hit,), "error": "get_order: 503 fault"})
    keep(trace.model_copy(update={"steps": (first, *trace.steps[1:])}))
    page = client.get("/env/trace/order-1-t/timeline")
    assert page.status_code == 200, page.text
    for told in (
        "failed",
        "orders/4417/status is not &#39;cancelled&#39;",
        "by the fault of the <strong>agent</strong>",
        "injected: latency",
        "get_order: 503 fault",
        "1,200 + 30 tokens",
        "reward 0.25",
        "1.5 s",
        "cost 0.002",
        "orders/4417/note",
        "&#34;status&#34;: &#34;shipped&#34;",
    ):
        assert told in page.text, told
    found = client.get("/env/trace/order-1-t").json()
    assert found["trace"]["id"] == "order-1-t"
    assert found["changes"] == [{"path": "orders/4417/note", "before": None, "after": "late"}]


def test_what_is_hostile_is_shown_as_text(client: TestClient, keep: Any) -> None:
    evil = "</pre><script>alert(1)</script> \u202egnp.exe\u2066 \x00 <img src=x onerror=alert(2)>"
    call = ToolCall(id="c", name="<b>x</b>", arguments={"<i>": evil})
    trace = make_trace("order-1-t", result=evil, failure=evil, metadata={"level": evil})
    first = trace.steps[0].model_copy(update={"action": Message(role="assistant", tool_calls=(call,)), "error": evil})
    keep(trace.model_copy(update={"steps": (first, *trace.steps[1:])}))
    page = client.get("/env/trace/order-1-t/timeline", params={"beside": "order-1-t"})
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "<b>x" not in page.text
    assert not any(sign in page.text for sign in "\u202e\u2066\x00")
    assert "[U+202E]gnp.exe" in page.text
    assert "script-src 'nonce-" in page.headers["content-security-policy"]


def test_what_is_large_is_cut_and_says_so(client: TestClient, keep: Any) -> None:
    keep(make_trace("order-1-long", 500), make_trace("order-1-wide", 40, result="x" * 1_000_000))
    page = client.get("/env/trace/order-1-long/timeline").text
    assert page.count('<article class="step"') == PAGE_STEPS
    assert "steps 0 to 99 of 501" in page
    assert '<a href="?from=100">later</a>' in page
    last = client.get("/env/trace/order-1-long/timeline?from=500").text
    assert last.count('<article class="step"') == 1
    assert client.get("/env/trace/order-1-long/timeline?from=9000").status_code == 200
    wide = client.get("/env/trace/order-1-wide/timeline").text
    assert len(wide) < 2_000_000
    assert f"{1_000_000 - TEXT_CHARACTERS:,} more characters are left out" in wide


def test_two_are_aligned_and_their_differences_marked(client: TestClient, keep: Any) -> None:
    keep(make_trace("order-1-a", 2), make_trace("order-1-b", 1, result='{"status": "lost"}'))
    page = client.get("/env/trace/order-1-a/timeline?beside=order-1-b").text
    assert page.count("differs: results") == 2
    assert page.count("no step 2") == 1
    assert "differs: step" in page
    same = client.get("/env/trace/order-1-a/timeline?beside=order-1-a").text
    assert "differs" not in same.partition("</style>")[2]
    gone = client.get("/env/trace/order-1-a/timeline?beside=nobody")
    assert gone.status_code == 404
    assert "there is no trace &#39;nobody&#39;" in gone.text


def test_another_projects_trace_is_nowhere(client: TestClient, keep: Any) -> None:
    keep(make_trace("order-1-t"), project="shop")
    for path in ("/env/trace/order-1-t", "/env/trace/order-1-t/timeline", "/env/trace/t/timeline"):
        assert client.get(path).status_code == 404, path
    assert client.get("/env/trace/order-1-t/timeline", headers={"X-Project": "shop"}).status_code == 200
    assert client.get("/env/trace/order-1-t/timeline?project=shop").status_code == 200


def test_a_raw_trace_is_shown_without_personal_data(client: TestClient, event: Any) -> None:
    sent = event(text="I am Anna, anna.berg@example.com")
    assert client.post("/data/events", json=[{**sent, "recipe": "support_desk"}]).status_code == 200
    for path in ("/env/trace/t1", "/env/trace/t1/timeline"):
        shown = client.get(path).text
        assert "anna.berg" not in shown
        assert "EMAIL_1" in shown


def test_screenshots_are_the_projects_own_and_nothing_else(client: TestClient, context: Context, keep: Any) -> None:
    path = screenshot_keeper(context.artifacts, "default")(PNG)
    digest = path.rsplit("/", 1)[1].removesuffix(".png")
    trace = make_trace("order-1-t")
    kept = ToolExecution(call_id="c", latency_seconds=0.1, screenshot=path)
    keep(
        trace.model_copy(
            update={"steps": (trace.steps[0].model_copy(update={"executions": (kept,)}), *trace.steps[1:])}
        )
    )
    assert f'src="screenshot/{digest}"' in client.get("/env/trace/order-1-t/timeline").text
    shown = client.get(f"/env/trace/order-1-t/screenshot/{digest}")
    assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png")
    assert client.get(f"/env/trace/order-1-t/screenshot/{digest}", headers={"X-Project": "shop"}).status_code == 404
    for wrong in ("0" * 64, "..%2F..%2Fpseudonym.key", digest[:-1], digest + "0"):
        assert client.get(f"/env/trace/order-1-t/screenshot/{wrong}").status_code in (404, 422), wrong


@pytest.mark.parametrize(
    "path",
    [
        "projects/shop/screenshots/" + "0" * 64 + ".png",
        "projects/default/screenshots/../x.png",
        "/etc/passwd",
        "",
        None,
    ],
)
def test_a_path_that_is_no_screenshot_of_the_project_is_not_asked_for(path: str | None) -> None:
    assert find_screenshot(path, "default") is None


def test_with_a_key_the_login_of_the_labelling_pages_opens_it(
    keep: Any, open_client: Callable[..., TestClient]
) -> None:
    keep(make_trace("order-1-t"))
    client = open_client(host="10.0.0.9", url="http://factory.example", api_key=SecretStr("s3cret"))
    path = "/env/trace/order-1-t/timeline"
    asked = client.get(path, follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, f"/label/login?to={path}")
    signed_in = {"reviewer": "ann", "key": "s3cret", "to": path}
    reply = client.post("/label/login", data=signed_in, follow_redirects=False)
    assert reply.headers["location"] == path
    assert client.get(path).status_code == 200
    assert client.get("/env/trace/order-1-t").status_code == 401, "the cookie opens the pages alone"
    assert client.get(f"{path}?project=shop").status_code == 200, "the cookie's project is shown, whatever is asked"
    other = open_client(host="10.0.0.9", url="http://factory.example", api_key=SecretStr("s3cret"))
    bearer = {"Authorization": "Bearer s3cret"}
    assert other.get(path, headers=bearer).status_code == 200
    assert other.get(path, headers={**bearer, "X-Project": "shop"}).status_code == 404
