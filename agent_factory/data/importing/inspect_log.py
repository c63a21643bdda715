"""Logs of Inspect (https://inspect.aisi.org.uk/eval-logs.html), ``.eval`` or JSON: each sample is a trace.

An ``.eval`` file is a zip: ``header.json`` tells of the evaluation (``_journal/start.json`` where it did
not end), ``samples/*.json`` hold the samples; its members are packed by zstandard now, which Python's
zipfile does not read before 3.14 and pyarrow does. Long texts stand apart as ``attachments``.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from agent_factory.contracts.message import Message
from agent_factory.contracts.trace import Outcome, TokenUsage, Trace
from agent_factory.core.error import InputError
from agent_factory.data.importing.conversation import arrange, read_message, read_tools
from agent_factory.data.importing.row import Format, Origin, Row, require_object, to_name
from agent_factory.data.importing.text import read_document
from agent_factory.data.ingest import parse_json

MEMBER_BYTES = 256 * 2**20
_ZSTANDARD = 93
_ATTACHMENT = "attachment://"
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}


def read_rows(path: Path) -> Iterator[Row]:
    """A row a sample, each with what the log says of its evaluation."""
    if zipfile.is_zipfile(path):
        yield from _read_archive(path)
        return
    log = require_object(read_document(path))
    if "eval" not in log:
        raise InputError(f"{str(path)!r} is not a log of Inspect: it has no field 'eval'")
    samples = cast("list[Any]", log.get("samples") or [])
    for number, sample in enumerate(samples):
        yield Row(f"sample {number}", {"eval": log["eval"], "sample": sample}, (number + 1) / len(samples))


def _read_archive(path: Path) -> Iterator[Row]:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}  # the last one of a name is its newest
        head = members.get("header.json") or members.get("_journal/start.json")
        if head is None:
            raise InputError(
                f"{str(path)!r} is not a log of Inspect: it has neither header.json nor _journal/start.json"
            )
        about = require_object(parse_json(read_member(archive, head)))["eval"]
        samples = [info for name, info in members.items() if name.startswith("samples/") and name.endswith(".json")]
        for number, info in enumerate(samples):
            done = (number + 1) / len(samples)
            try:
                found = parse_json(read_member(archive, info))
            except InputError as error:
                found = ValueError(str(error))
            value = found if isinstance(found, ValueError) else {"eval": about, "sample": found}
            yield Row(info.filename, value, done)


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """What a member holds; InputError where it is too large or packed in a way that cannot be read here."""
    if info.file_size > MEMBER_BYTES:
        raise InputError(f"it has {info.file_size} bytes, at most {MEMBER_BYTES} are taken")
    try:
        return _unpack_zstandard(archive, info) if info.compress_type == _ZSTANDARD else archive.read(info)
    except NotImplementedError as error:
        raise InputError(
            f"it is packed by method {info.compress_type}, which cannot be read here: write the log again as JSON "
            "(inspect log convert --to json)"
        ) from error
    except (zipfile.BadZipFile, OSError, EOFError, struct.error) as error:
        raise InputError(f"it cannot be unpacked: {error}") from error


def _unpack_zstandard(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    import pyarrow as pa

    source = archive.fp
    if source is None:
        raise InputError("the archive is closed")
    source.seek(info.header_offset)
    header = source.read(30)
    name, extra = struct.unpack("<HH", header[26:30])
    source.seek(info.header_offset + 30 + name + extra)
    packed = source.read(info.compress_size)
    with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
        found = stream.read(info.file_size + 1)
    if len(found) != info.file_size:
        raise InputError(f"it holds {len(found)} bytes or more, its entry says {info.file_size}")
    return bytes(found)


def read_traces(value: Any, origin: Origin) -> tuple[Trace, ...]:
    """The trace of a sample: its conversation, and its score as the outcome."""
    row = require_object(value)
    about, sample = require_object(row["eval"]), require_object(row["sample"])
    sample = cast("dict[str, Any]", _attach(sample, sample.get("attachments") or {}))
    messages = [_read_message(message) for message in sample["messages"]]
    told = arrange([message for message, _, _ in messages])
    measured = _measure(sample)
    answers = [name for message, name, _ in messages if message.role == "assistant"]
    failed = {message.tool_call_id: error for message, _, error in messages if error}
    steps = [
        step.model_copy(update={**measured.get(name, {}), "error": _first_error(step.observation, failed)})
        for step, name in zip(told.steps, answers, strict=True)
    ]
    began = sample.get("started_at") or about.get("created")
    task = to_name(str(about.get("task", "task")).rsplit("/", 1)[-1])
    trace = origin.make_trace(
        f"inspect-{task}-{to_name(str(sample['id']))[:40]}-{sample.get('epoch', 1)}",
        {"run": about.get("run_id"), "uuid": sample.get("uuid"), "messages": sample["messages"]},
        datetime.fromisoformat(str(began)) if began else None,
        scenario_id=f"{task}-{to_name(str(sample['id']))}",
        model=to_name(str(about["model"])) if about.get("model") else None,
        system=told.system,
        tools=read_tools(_collect_tools(sample)),
        steps=tuple(steps),
        closing=told.closing,
        outcome=_read_outcome(sample) or origin.outcome(),
        failure=_read_failure(sample),
        metadata={"format": "inspect", "task": about.get("task"), "scores": _read_scores(sample)},
    )
    return (trace,)


def _read_message(wire: dict[str, Any]) -> tuple[Message, str, str | None]:
    """A message, Inspect's own id of it, and the error of a tool."""
    error = cast("dict[str, Any]", wire.get("error") or {})
    content = wire.get("content") or error.get("message")
    named = {**wire, "content": content, "name": wire.get("function")}
    return read_message(named), str(wire.get("id")), error.get("message")


def _first_error(observation: tuple[Message, ...], failed: dict[str | None, str]) -> str | None:
    return next((failed[message.tool_call_id] for message in observation if message.tool_call_id in failed), None)


def _attach(value: Any, attachments: dict[str, str]) -> Any:
    """The value with its long texts where they belong."""
    if isinstance(value, str) and value.startswith(_ATTACHMENT):
        return attachments.get(value.removeprefix(_ATTACHMENT), value)
    if isinstance(value, dict):
        return {key: _attach(item, attachments) for key, item in value.items() if key != "attachments"}
    return [_attach(item, attachments) for item in value] if isinstance(value, list) else value


def _model_events(sample: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in sample.get("events") or () if event.get("event") == "model"]


def _measure(sample: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Tokens and seconds of the calls to the model, by the id of the message that each gave."""
    found: dict[str, dict[str, Any]] = {}
    for event in _model_events(sample):
        output = event.get("output") or {}
        usage, choices = output.get("usage"), output.get("choices") or ()
        if choices:
            tokens = None
            if usage:
                tokens = TokenUsage(prompt_tokens=usage["input_tokens"], completion_tokens=usage["output_tokens"])
            found[str(choices[0]["message"].get("id"))] = {
                "usage": tokens,
                "latency_seconds": event.get("working_time"),
            }
    return found


def _collect_tools(sample: dict[str, Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for event in _model_events(sample):
        found.update({tool["name"]: tool for tool in event.get("tools") or ()})
    return list(found.values())


def _read_scores(sample: dict[str, Any]) -> dict[str, Any]:
    return {name: score.get("value") for name, score in (sample.get("scores") or {}).items()}


def _read_outcome(sample: dict[str, Any]) -> Outcome | None:
    """By the first score that is a grade, a truth or a number; 1 and above is a success."""
    for name, score in (sample.get("scores") or {}).items():
        value = score.get("value")
        reward = _GRADES.get(value) if isinstance(value, str) else value
        if isinstance(reward, bool | int | float):
            return Outcome(success=reward >= 1.0, reward=float(reward), graded_by=f"inspect:{name}")
    return None


def _read_failure(sample: dict[str, Any]) -> str | None:
    if sample.get("error"):
        return str(sample["error"].get("message"))[:500]
    if sample.get("limit"):
        return f"limit: {json.dumps(sample['limit'])[:200]}"
    return None


FORMAT = Format("inspect", "Inspect logs, .eval or JSON", read_rows, read_traces)
