"""MLflow tracing as the peer of ingest: the same events, by the two ways that its documentation names.

``served`` is its OTLP endpoint (``mlflow server``, one worker), the way that is nearest to ours: requests
over HTTP, answered when the spans are in the database. ``fluent`` is its tracing API in the process of
the application, exporting by its queue of threads, until the queue is flushed; it has no server between.
Each event is one trace of one span, which holds the event's text as its inputs: what costs MLflow least.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.server import find_port
from benchmarks.wire import make_request

_START_SECONDS = 180.0
_FLUENT = """
import json, sys, time
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
events = json.load(open(sys.argv[2]))
def log(some):
    started = time.perf_counter()
    for event in some:
        with mlflow.start_span(name="event") as span:
            span.set_inputs(event)
    mlflow.flush_trace_async_logging()
    return time.perf_counter() - started
log(events[:20])
print("seconds", log(events[20:]))
"""


def _environ() -> dict[str, str]:
    off = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
    return {**os.environ, **off, "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "true"}


@contextmanager
def serve_mlflow(database_url: str) -> Iterator[int]:
    """The port of an ``mlflow server`` with one worker while the block runs."""
    port = find_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database_url, "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--default-artifact-root", folder]
        with (Path(folder) / "log").open("w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=_environ(), start_new_session=True)
            try:
                _wait(process, port, Path(folder) / "log")
                yield port
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 15)
                process.wait(60)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"mlflow server did not start: {log.read_text()[-2000:]}")


def make_otlp(events: Sequence[dict[str, object]]) -> bytes:
    """A request of OTLP/HTTP in protobuf, as MLflow's exporter sends it: a trace an event."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    now = time.time_ns()
    for event in events:
        span = spans.add()
        span.trace_id, span.span_id = secrets.token_bytes(16), secrets.token_bytes(8)
        span.name, span.start_time_unix_nano, span.end_time_unix_nano = "event", now, now + 10**6
        attribute = span.attributes.add()
        attribute.key, attribute.value.string_value = "mlflow.spanInputs", json.dumps(event)
    headers = {"Content_Type": "application/x-protobuf", "x_mlflow_experiment_id": "0"}
    return make_request("/v1/traces", message.SerializeToString(), **headers)


def time_fluent(database_url: str, events: Sequence[dict[str, object]]) -> float:
    """Events a second through the tracing API, in a process of its own, until the queue is flushed."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(list(events), file)
        file.flush()
        command = [sys.executable, "-c", _FLUENT, database_url, file.name]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600, env=_environ())
    seconds = float(done.stdout.split("seconds ")[1])
    return (len(events) - 20) / seconds
