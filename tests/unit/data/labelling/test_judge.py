"""Models as judges, behind a real HTTP server that speaks OpenAI's wire format."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from agent_factory.compute.price import Prices
from agent_factory.compute.usage import read_usage
from agent_factory.contracts import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import AccessError, InputError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.data.judge import RULE_JUDGE
from agent_factory.data.label import label_day, read_labels
from agent_factory.data.labelling import prompt, queue
from agent_factory.data.labelling.calibration import REQUIRED_ITEMS, calibrate, read_calibrations
from agent_factory.data.labelling.feedback import keep, make_feedback, make_preference, read_feedback, read_votes
from agent_factory.data.labelling.judge import JudgeReport, JudgeSpec, judge_traces
from agent_factory.data.labelling.record import Calibration, Judgement
from agent_factory.gateway.gateway import open_gateway

DAY = "2026-11-20"
PRICES = Prices(currency="EUR", cpu_core_hour=0, prompt_million_tokens=1.0, completion_million_tokens=10.0)
Make = Callable[..., Trace]
Answer = Callable[[str], tuple[int, str]]


class Server:
    """A model server on a loopback port: ``answer`` gives status and text for a question."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = lambda _: (200, '{"reason": "fine", "rating": 5}')
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append({**body, "key": self.headers.get("Authorization")})
                status, text = outer.answer(body["messages"][-1]["content"])
                message = {"role": "assistant", "content": text}
                usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                reply = json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage})
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(reply.encode() if status == 200 else text.encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join(timeout=10)


def judge(
    store: Store, server: Server, task: Any, items: list[list[Trace]], model: str = "judge-1", **options: Any
) -> JudgeReport:
    spec = JudgeSpec(model=model, prices=PRICES, **options)
    return judge_traces(store, "default", open_gateway({model: server.url}), spec, task, items)


def test_ratings_are_kept_with_answer_prompt_and_cost(
    store: Store, artifacts: Artifacts, server: Server, trace: Make, take_day: Callable[..., None]
) -> None:
    one, other = trace("t1", success=None), trace("t2", answer="No.", success=None)
    take_day(one, other)
    server.answer = lambda question: (200, '```json\n{"reason": "no <PERSON_1>", "rating": 2}\n```')
    report = judge(store, server, "rubric", [[one], [other]])
    assert (report.read, report.unreadable, report.failed, report.known) == (2, 0, 0, 0)
    assert report.cost == pytest.approx(2 * (100 * 1e-6 + 20 * 1e-5))
    found = store.find(Judgement)[0]
    assert (found.rating, found.model, found.currency, found.attempts) == (2, "judge-1", "EUR", 1)
    assert found.answer.startswith("```json")  # type: ignore[union-attr]
    assert found.prompt_version == prompt.version_of("rubric")
    label = read_feedback(store, "default")["t1"][0]
    assert (label.kind, label.score, label.labeler) == ("model", 0.25, f"judge-1, prompt {found.prompt_version}")
    assert [usage.prompt_tokens for usage in read_usage(store, factory="data")] == [200]
    assert server.asked[0]["temperature"] == 0.0
    label_day(store, artifacts, "default", DAY)
    row = read_labels(artifacts, "default", DAY)["t1"]
    assert (row["score"], row["kind"], row["standing"], row["model"]) == (0.25, "model", "informing", 0.25)
    again = judge(store, server, "rubric", [[one], [other]])
    assert (again.known, again.cost, len(server.asked)) == (2, 0.0, 2)


@pytest.mark.parametrize(
    "answer",
    ["I like it: 5", '{"rating": 6}', '{"rating": "5"}', '{"rating": true}', "", '{"rating": 5} and more', "[5]"],
)
def test_what_cannot_be_read_gives_no_score(store: Store, server: Server, trace: Make, answer: str) -> None:
    server.answer = lambda _: (200, answer)
    report = judge(store, server, "rubric", [[trace("t1")]])
    assert (report.read, report.unreadable) == (0, 1)
    assert read_feedback(store, "default") == {}
    found = store.find(Judgement)[0]
    assert (found.state, found.answer, found.rating) == ("unreadable", answer, None)


def test_thinking_aloud_before_the_answer_is_read() -> None:
    text = 'Hm {"rating": 1}? No, {braces}.\n{"reason": "so {it} is", "rating": 4}'
    assert prompt.read_answer("rubric", text).rating == 4
    assert prompt.read_answer("summary", '{"summary": " It ended. "}').text == "It ended."
    assert not prompt.read_answer("summary", '{"summary": ""}').is_read
    assert not prompt.read_answer("pair", '{"better": "both"}').is_read


def better_is(word: str) -> Answer:
    """A judge that prefers the record that holds ``word``, wherever it stands."""

    def answer(question: str) -> tuple[int, str]:
        first = question.split("SECOND:")[0]
        return 200, json.dumps({"reason": "r", "better": "first" if word in first else "second"})

    return answer


def test_a_preference_that_survives_the_swap_counts_and_another_is_a_tie(
    store: Store, server: Server, trace: Make
) -> None:
    pair = [trace("b", answer="GOOD"), trace("a", answer="poor")]
    server.answer = better_is("GOOD")
    honest = judge(store, server, "pair", [pair])
    assert (honest.questions, honest.pairs, honest.position_bias_rate) == (2, 1, 0.0)
    vote = read_votes(store, "default", "model")[0]
    assert (vote.first, vote.second, vote.choice) == ("a", "b", "second")
    server.answer = lambda _: (200, '{"better": "first"}')
    biased = judge(store, server, "pair", [pair], model="judge-2")
    assert (biased.position_bias_rate, biased.disagreement_rate) == (1.0, 1.0)
    votes = {vote.labeler.split(",")[0]: vote.choice for vote in read_votes(store, "default", "model")}
    assert votes == {"judge-1": "second", "judge-2": "tie"}
    assert {one.traces for one in store.find(Judgement)} == {("b", "a"), ("a", "b")}


def test_a_busy_server_is_asked_again_within_bounds(store: Store, server: Server, trace: Make) -> None:
    answers = iter([(429, "busy"), (200, '{"rating": 3}')])
    server.answer = lambda _: next(answers)
    report = judge(store, server, "rubric", [[trace("t1")]])
    assert (report.read, store.find(Judgement)[0].attempts) == (1, 2)
    server.answer = lambda _: (429, "busy")
    report = judge(store, server, "rubric", [[trace("t2", answer="2")]], attempts=2)
    assert (report.failed, report.cost) == (1, 0.0)
    assert "status 429" in report.faults[0]
    assert len(server.asked) == 4
    server.answer = lambda _: (200, '{"rating": 1}')  # what failed is asked again by the next run
    assert judge(store, server, "rubric", [[trace("t2", answer="2")]]).read == 1


def test_a_silent_server_and_a_wrong_key_are_told(store: Store, server: Server, trace: Make) -> None:
    wait = threading.Event()

    def silent(_: str) -> tuple[int, str]:
        wait.wait(20)
        return 200, "{}"

    server.answer = silent
    report = judge(store, server, "rubric", [[trace("t1")]], deadline_seconds=0.2, attempts=1)
    wait.set()
    assert report.failed == 1
    assert "no answer in 0.2 s" in report.faults[0]
    server.answer = lambda _: (401, "who are you")
    with pytest.raises(AccessError, match="key of the model server"):
        judge(store, server, "rubric", [[trace("t2")]])
    server.answer = lambda _: (200, '{"rating": 1}')
    gateway = open_gateway({"m": server.url}, api_key=SecretStr("k"))
    judge_traces(store, "default", gateway, JudgeSpec(model="m"), "rubric", [[trace("t3")]])
    assert server.asked[-1]["key"] == "Bearer k"
    assert store.find(Judgement)[-1].cost is None


def test_a_summary_is_kept_and_the_record_is_cut_and_without_verdicts(
    store: Store, server: Server, trace: Make
) -> None:
    server.answer = lambda _: (200, '{"summary": "The user asked; it was sent."}')
    judge(store, server, "summary", [[trace("t1", said="x" * 9_000, success=False)]])
    assert store.find(Judgement)[0].text == "The user asked; it was sent."
    question = server.asked[0]["messages"][-1]["content"]
    assert "[5000 characters cut]" in question
    assert "success" not in question
    assert "graded_by" not in question


def golden(store: Store, trace: Make, take_day: Callable[..., None], count: int = REQUIRED_ITEMS + 6) -> list[Trace]:
    """Traces of a day that people found good (even numbers) or bad; every bad one ends in an error."""
    traces = [
        trace(
            f"t{number:02}",
            answer=f"GOOD {number}" if number % 2 == 0 else f"no {number}",
            success=None,
            result='{"s":"sent"}' if number % 2 == 0 else '{"error":"x"}',
        )
        for number in range(count)
    ]
    take_day(*traces)
    for number, one in enumerate(traces):
        queue.answer(store, make_feedback("default", one.id, "ann", 5 if number % 2 == 0 else 1))
    return traces


def test_a_judge_is_calibrated_against_people_and_a_poor_one_only_informs(
    store: Store, artifacts: Artifacts, server: Server, trace: Make, take_day: Callable[..., None]
) -> None:
    traces = golden(store, trace, take_day)
    server.answer = lambda question: (200, json.dumps({"rating": 4 if "GOOD" in question else 2}))
    good = judge(store, server, "rubric", [[one] for one in traces])
    server.answer = lambda _: (200, json.dumps({"rating": 5}))
    poor = judge(store, server, "rubric", [[one] for one in traces], model="poor")
    found = {one.judge: one for one in calibrate(store, artifacts, "default")}
    assert set(found) == {good.labeler, poor.labeler, RULE_JUDGE}
    assert found[good.labeler].kappa.value == pytest.approx(1.0)
    assert found[good.labeler].usable_as_gate
    assert found[good.labeler].confusion[0][1] == len(traces) // 2
    assert (found[poor.labeler].usable_as_gate, found[poor.labeler].kappa.value) == (False, 0.0)
    assert "inform only" in found[poor.labeler].reason
    rule = found[RULE_JUDGE]  # here the rules see just what is wrong
    assert (rule.kind, rule.usable_as_gate, rule.kappa.items) == ("rule", True, len(traces))
    assert read_calibrations(store, "default") == sorted(store.find(Calibration), key=lambda one: one.judge)
    assert len(calibrate(store, artifacts, "default", good.labeler)) == 1
    assert len(store.find(Calibration)) == 3
    # A label of a calibrated judge stands as a gate, in a day that people have not labelled.
    take_day(*traces, trace("u1", answer="GOOD new", success=None))
    judge(store, server, "rubric", [[trace("u1", answer="GOOD new", success=None)]])
    label_day(store, artifacts, "default", DAY)
    labels = read_labels(artifacts, "default", DAY)
    assert (labels["u1"]["labeler"], labels["u1"]["standing"]) == (good.labeler, "gate")


def test_few_golden_items_or_kappa_below_the_bound_do_not_make_a_gate(
    store: Store, artifacts: Artifacts, server: Server, trace: Make, take_day: Callable[..., None]
) -> None:
    with pytest.raises(InputError, match="people have labelled nothing"):
        calibrate(store, artifacts, "default")
    traces = golden(store, trace, take_day, count=REQUIRED_ITEMS - 1)
    server.answer = lambda question: (200, json.dumps({"rating": 4 if "GOOD" in question else 2}))
    few = judge(store, server, "rubric", [[one] for one in traces])
    found = calibrate(store, artifacts, "default", few.labeler)[0]
    assert (found.kappa.value, found.usable_as_gate) == (pytest.approx(1.0), False)
    assert f"at least {REQUIRED_ITEMS}" in found.reason
    with pytest.raises(NotFoundError, match="no judge 'nobody'"):
        calibrate(store, artifacts, "default", "nobody")
    more = [trace(f"v{number}", answer=f"GOOD {number}", success=None) for number in range(12)]
    take_day(*traces, *more)
    for number, one in enumerate(more):  # five more where the judge is wrong: kappa falls below 0.75
        keep(store, make_feedback("default", one.id, "ann", 1 if number < 6 else 5))
    judge(store, server, "rubric", [[one] for one in more])
    found = calibrate(store, artifacts, "default", few.labeler)[0]
    assert found.kappa.value is not None
    assert 0.5 < found.kappa.value < 0.75
    assert not found.usable_as_gate
    assert found.kappa.interval is not None
    assert found.kappa.interval.low < found.kappa.value < found.kappa.interval.high


def test_comparing_judges_are_calibrated_too(
    store: Store, artifacts: Artifacts, server: Server, trace: Make, take_day: Callable[..., None]
) -> None:
    pairs = [[trace(f"a{n}", answer=f"{n} GOOD"), trace(f"b{n}", answer=f"{n}")] for n in range(4)]
    for one, other in pairs:
        keep(store, make_preference("default", (one.id, other.id), "first" if one.id != "a0" else "tie", "ann"))
    server.answer = better_is("GOOD")
    report = judge(store, server, "pair", pairs)
    found = calibrate(store, artifacts, "default")[0]
    assert (found.judge, found.task, found.golden_items) == (report.labeler, "compare", 4)
    assert found.confusion == ((3, 0, 0), (0, 0, 0), (1, 0, 0))
    assert not found.usable_as_gate
