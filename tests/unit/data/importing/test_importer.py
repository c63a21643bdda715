"""Whatever a file holds, what can be read goes in once and the rest is told, in bounded memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent_factory.contracts import Trace
from agent_factory.core.artifact import Artifacts
from agent_factory.core.error import InputError, NotFoundError
from agent_factory.core.store import Store
from agent_factory.core.tracelog import TraceLog
from agent_factory.data.importing import text
from agent_factory.data.importing.importer import import_traces, list_imports
from agent_factory.data.importing.quarantine import read_quarantine
from agent_factory.data.importing.row import Origin

Make = Callable[..., Trace]
SAMPLES = Path(__file__).parent / "sample"


def lines_of(trace: Make, count: int) -> Iterator[bytes]:
    event = trace("t").to_json()
    del event["created_at"]
    for number in range(count):
        yield json.dumps({**event, "id": f"t{number}"}).encode()


def test_each_bad_line_is_told_apart(store: Store, artifacts: Artifacts, trace: Make, tmp_path: Path) -> None:
    good = trace("good").to_json()
    changed = {**good, "steps": []}
    large = {**good, "id": "large", "metadata": {"x": "y" * 2**20}}
    path = tmp_path / "traces.jsonl"
    path.write_bytes(
        b"\n".join(
            [
                json.dumps(good).encode(),
                b"",
                b"{broken",
                '{"é": 1}'.encode("latin-1"),
                b"[1]",
                json.dumps({**good, "id": "b", "source": "dream"}).encode(),
                json.dumps({**good, "id": "c", "started_at": "2999-01-01T00:00:00Z"}).encode(),
                json.dumps({**good, "id": "d", "project": "other"}).encode(),
                json.dumps({**good, "id": "e", "metadata": {"x": "\ud800"}}).encode(),
                json.dumps(changed).encode(),
                json.dumps(large).encode(),
                b"[" * 100_000,
                json.dumps(good).encode(),
            ]
        )
    )
    report = import_traces(store, artifacts, Origin(path, "default"))
    assert (report.format, report.accepted, report.duplicates, report.quarantined) == ("traces", 1, 1, 10)
    told = {item.place: item.reason for item in report.examples}
    assert set(told) == {f"line {number}" for number in range(3, 13)}
    for line, reason in (
        (3, "it is not JSON"),
        (4, "it is not UTF-8: byte 2 is 0xe9"),
        (5, "expected a JSON object, got list"),
        (6, "source: Input should be"),
        (7, "started_at: 2999-01-01T00:00:00+00:00 is on a day that no data is taken of"),
        (8, "this sender's is 'default'"),
        (9, "surrogate"),
        (10, "is known with other content: its digest is"),
        (11, "characters, at most 1048576 are taken"),
        (12, "nested too deeply"),
    ):
        assert reason in told[f"line {line}"], told[f"line {line}"]
    assert report.quarantine_path is not None
    assert read_quarantine(artifacts, report.quarantine_path, 100) == list(report.examples)
    assert list_imports(store, "default") == [report]
    assert list_imports(store, "other") == []


def test_a_line_without_end_is_passed_over(
    store: Store, artifacts: Artifacts, trace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "LINE_BYTES", 2000)
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b"\n".join([*lines_of(trace, 2), b"x" * 7001, *lines_of(trace, 3)]))
    report = import_traces(store, artifacts, Origin(path, "default"), "traces")
    assert (report.accepted, report.duplicates, report.quarantined) == (3, 2, 1)
    assert (report.examples[0].place, report.examples[0].reason) == (
        "line 3",
        "it has more than 2000 bytes: split the episode into sessions",
    )


def test_a_long_file_with_one_bad_line_is_no_burden(
    store: Store, artifacts: Artifacts, trace: Make, tmp_path: Path
) -> None:
    def measure(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        with path.open("wb") as file:
            for number, line in enumerate(lines_of(trace, count)):
                file.write((b"{broken" if number == count // 2 else line) + b"\n")
        shares: list[float] = []
        tracemalloc.start()
        origin = Origin(path, "default")
        report = import_traces(store, artifacts, origin, tell=lambda done, *_: shares.append(done))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert report.accepted + report.duplicates == count - 1
        assert [item.place for item in report.examples] == [f"line {count // 2 + 1}"]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        return peak

    measure(500)  # what is made once
    assert measure(6000) < 2 * measure(1000)


def test_a_file_of_which_nothing_can_be_read(store: Store, artifacts: Artifacts, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text("{broken\n" * 3000)
    report = import_traces(store, artifacts, Origin(path, "default"), "traces")
    assert (report.accepted, report.quarantined, len(report.examples)) == (0, 3000, 20)
    assert report.quarantine_path is not None
    assert [row.place for row in read_quarantine(artifacts, report.quarantine_path, 3000)][-1] == "line 3000"


def test_what_is_no_file_or_no_format_is_told(store: Store, artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        import_traces(store, artifacts, Origin(tmp_path, "default"))
    path = tmp_path / "a.txt"
    path.write_text("hello")
    with pytest.raises(InputError, match="--format 'csv' is not known"):
        import_traces(store, artifacts, Origin(path, "default"), "csv")
    for name in ("inspect", "tau-bench"):
        with pytest.raises(InputError, match="cannot be read: it is not JSON"):
            import_traces(store, artifacts, Origin(path, "default"), name)
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        import_traces(store, artifacts, Origin(path, "default"))


def test_a_trace_keeps_its_own_day(store: Store, artifacts: Artifacts, trace: Make, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b"\n".join(lines_of(trace, 1)))
    report = import_traces(store, artifacts, Origin(path, "default", date(2026, 11, 1)))
    assert report.accepted == 0
    assert "leave --day" in report.examples[0].reason


def test_the_command_tells_both_counts_and_lists_the_quarantine(
    home: Path, trace: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from agent_factory.cli.main import run

    path = tmp_path / "traces.jsonl"
    path.write_bytes(b"\n".join([*lines_of(trace, 3), b"{broken"]))

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["data", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    assert call("quarantine", "--json")[1].strip() == "[]"
    code, _, told = call("import", str(path), "--only")
    assert code == 0
    assert "3 taken in, 0 were there, 1 could not be read" in told
    assert "traces.jsonl: line 4: it is not JSON" in told
    assert "not known here" not in told
    (report,) = json.loads(call("quarantine", "--json")[1])
    assert f"factory data quarantine {report['id']}" in told
    (row,) = json.loads(call("quarantine", report["id"], "--json")[1])
    assert (row["place"], row["file"]) == ("line 4", str(path))
    assert "traces.jsonl" in call("quarantine")[1]
    assert call("quarantine", "import-1")[0] == 2
    other: dict[str, Any] = json.loads(call("import", str(path), "--only", "--json")[1])
    assert (other["accepted"], other["duplicates"], other["quarantined"]) == (0, 3, 1)
    path.write_bytes(
        path.read_bytes().replace(b'"desk"', b'"gone"').replace(b'"t1"', b'"u1"').replace(b'"t2"', b'"u2"')
    )
    other = json.loads(call("import", str(path), "--only", "--json")[1])
    assert [(found["recipe"], found["events"]) for found in other["warnings"]["listed"]] == [("gone", 3)]
    assert "3 of them: recipe 'gone' is not known here" in call("import", str(path), "--only")[2]
    code, _, told = call("import", str(path), "--outcome", "maybe")
    assert (code, "expected none, success or failure" in told) == (2, True)


def test_another_projects_import_is_nowhere(
    home: Path, trace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent_factory.cli import importing
    from agent_factory.cli.desk import open_desk

    path = tmp_path / "traces.jsonl"
    path.write_text("{broken")
    desk = open_desk()
    report = import_traces(desk.store, desk.artifacts, Origin(path, "default"), "traces")
    importing.list_quarantine(report.id, 10, as_json=True)
    monkeypatch.setattr(importing, "open_desk", lambda: open_desk("other"))
    with pytest.raises(NotFoundError, match="there is no import"):
        importing.list_quarantine(report.id, 10, as_json=True)


def test_a_recipe_that_is_named_is_that_of_all_traces(
    home: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from agent_factory.cli.main import run

    def episode(task: int, order: str) -> dict[str, Any]:
        call = {"id": "c", "function": {"name": "get_order", "arguments": json.dumps({"order_id": order})}}
        said = [
            {"role": "system", "content": "# Desk agent policy"},
            {"role": "user", "content": f"Where is my parcel number {task}, please?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "sent", "tool_call_id": "c", "name": "get_order"},
            {"role": "assistant", "content": "On its way."},
        ]
        return {"task_id": task, "trial": 0, "reward": 1.0, "traj": said}

    path = tmp_path / "episodes.json"
    path.write_text(json.dumps([episode(1, "4417")]))
    arguments = ("data", "import", str(path), "--format", "tau-bench", "--day", "2026-11-20", "--json", "--recipe")
    assert run([*arguments, "gone"]) == 2
    assert "there is no recipe 'gone'" in capsys.readouterr().err
    assert TraceLog(store).arrivals("default") == []
    assert run([*arguments, "desk"]) == 0
    made = json.loads(capsys.readouterr().out)
    sft, preference = made["datasets"]
    assert (made["accepted"], sft["kind"], sft["rows"], sft["query"]["recipe"]) == (1, "sft", 1, "desk")
    assert (preference["kind"], preference["rows"]) == ("preference", 0)
    assert "preference" in preference["reason"], (
        "the import stands, and which dataset is missing is told with the reason"
    )
    assert [trace.recipe for trace in TraceLog(store).of_day("2026-11-20", "default")] == ["desk"]


def _chats(count: int) -> list[bytes]:
    said = [{"role": "user", "content": "谢谢"}, {"role": "assistant", "content": "不客气"}]
    rows = ({"messages": [*said, {"role": "user", "content": str(number)}]} for number in range(count))
    return [json.dumps(row, ensure_ascii=False).encode() for row in rows]


BAD_LINES = {
    "broken": b"{bad",
    "cut off": _chats(1)[0][:40],
    "no object": b"[1]",
    "a list that is not closed": b'["messages", ',
    "GBK": _chats(1)[0].decode().encode("gbk"),
    "too long": b'{"messages": "' + b"x" * 5000 + b'"}',
    "another object": b'{"comment": "exported 2026-11-20"}',
    "too deep": b"[" * 2000,
}


@pytest.mark.parametrize("source_format", ["auto", "openai-chat"])
@pytest.mark.parametrize("bad", BAD_LINES)
def test_a_bad_first_line_keeps_no_other_out(
    store: Store, artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str, source_format: str
) -> None:
    monkeypatch.setattr(text, "LINE_BYTES", 4096)
    path = tmp_path / "chats.jsonl"
    path.write_bytes(b"\n".join([BAD_LINES[bad], b"", *_chats(3)]))
    report = import_traces(store, artifacts, Origin(path, "default", day=date(2026, 11, 20)), source_format)
    assert (report.format, report.accepted, report.quarantined) == ("openai-chat", 3, 1)
    assert [item.place for item in report.examples] == ["line 1"]


@pytest.mark.parametrize("indent", [None, 1, 2])
@pytest.mark.parametrize("single", [False, True])
def test_a_document_is_no_file_of_lines_however_it_is_spread(
    store: Store, artifacts: Artifacts, tmp_path: Path, indent: int | None, single: bool
) -> None:
    chats = [json.loads(line) for line in _chats(3)]
    path = tmp_path / "chats.json"
    path.write_text(json.dumps(chats[0] if single else chats, indent=indent))
    assert text.is_lines(path) == (single and indent is None)
    report = import_traces(store, artifacts, Origin(path, "default", day=date(2026, 11, 20)))
    assert (report.format, report.accepted, report.quarantined) == ("openai-chat", 1 if single else 3, 0)
    path.write_bytes(b"[\n" + b",\n".join(_chats(3)) + b"\n]\n")
    assert not text.is_lines(path)
    path.write_text('{\n"messages":\n{},\n"a":\n{}\n}')
    assert not text.is_lines(path)


def test_a_request_of_another_shape_keeps_no_other_out(store: Store, artifacts: Artifacts, tmp_path: Path) -> None:
    request = json.loads((SAMPLES / "weather.otlp.json").read_text())
    timeless = json.loads(json.dumps(request).replace('"startTimeUnixNano": "', '"startTimeUnixNano": "999999999999'))
    values = '{"arrayValue": {"values": [' * 400 + "]}}" * 400
    deep = '{"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": ' + values + "}]}}]}"
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(['{"resourceSpans": [7]}', deep, json.dumps(timeless), json.dumps(request)]))
    report = import_traces(store, artifacts, Origin(path, "default"), "otel")
    assert (report.accepted, report.quarantined) == (2, 4)
    assert [item.place for item in report.examples] == ["line 1", "line 2", "line 3, call 0", "line 3, call 1"]
    assert "expected a time that a calendar has" in report.examples[2].reason


@pytest.mark.parametrize("time", ["1e300", "1e999", "1780000000000000"])
def test_a_time_that_no_calendar_has_is_quarantined(
    store: Store, artifacts: Artifacts, tmp_path: Path, time: str
) -> None:
    chat, *_ = _chats(1)
    path = tmp_path / "chats.jsonl"
    path.write_bytes(chat + b"\n" + chat.replace(b"{", f'{{"created": {time}, '.encode(), 1))
    report = import_traces(store, artifacts, Origin(path, "default", day=date(2026, 11, 20)), "openai-chat")
    assert (report.accepted, report.quarantined) == (1, 1)
    assert "expected a time that a calendar has" in report.examples[0].reason
