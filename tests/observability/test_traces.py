"""A job's number is its trace's; what processes tell of it fits together, reaches a collector, and names nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from childface.cli.output import CliError
from childface.ops.metrics_server import traced
from childface.settings import Settings
from core.domain.errors import NoFace
from observability import traces

JOB = "5b6d0f7a94c14f4ba7b0a1f7a2d3c4e5"
NOON = datetime.fromisoformat("2026-11-27T12:00:00+00:00")
SECOND = timedelta(seconds=1)


def finished(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    traces.flush()
    return {span.name: span for span in spans.get_finished_spans()}


def test_a_job_is_one_trace_whoever_tells_of_it_and_in_whatever_order(spans: InMemorySpanExporter) -> None:
    traces.past(JOB, "wait", NOON, NOON + SECOND, queue="draw")
    with traces.working(JOB, "child", quality="fast"):
        traces.stages([{"age": 100.0, "draw": 200.0}])
    traces.whole(JOB, NOON, NOON + 5 * SECOND, platform="telegram")
    found = finished(spans)
    assert list(found) == ["wait", "age", "draw", "child", "job"]
    assert {f"{span.context.trace_id:032x}" for span in found.values() if span.context} == {JOB}
    root, work = found["job"].context, found["child"].context
    assert root is not None and work is not None
    parents = {name: span.parent.span_id for name, span in found.items() if span.parent is not None}
    assert parents == {"wait": root.span_id, "child": root.span_id, "age": work.span_id, "draw": work.span_id}
    assert found["job"].parent is None
    assert dict(found["wait"].attributes or {}) == {"queue": "draw"}
    assert length(found["job"]) == 5 and length(found["draw"]) == pytest.approx(0.2)
    assert found["age"].end_time == found["draw"].start_time


def length(span: ReadableSpan) -> float:
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def test_what_goes_wrong_is_told_by_its_code_and_not_by_what_it_says(spans: InMemorySpanExporter) -> None:
    for fault in (NoFace(), OSError("/home/anna/photo.jpg")):
        with pytest.raises(type(fault)), traces.working(JOB, "encode"):
            raise fault
    traces.flush()
    told = spans.get_finished_spans()
    assert [(span.status.status_code, span.status.description) for span in told] == [
        (StatusCode.ERROR, NoFace().code),
        (StatusCode.ERROR, "OSError"),
    ]
    assert [span.events for span in told] == [(), ()]
    assert dict(told[0].resource.attributes) == {"service.name": "test"}


def test_without_a_collector_nothing_is_made() -> None:
    traces.past(JOB, "wait", NOON, NOON)
    traces.whole(JOB, NOON, NOON)
    traces.stages([{"draw": 1.0}])
    with traces.working(JOB, "child"):
        pass
    traces.flush()
    traces.end()


class Collector(HTTPServer):
    """Takes what is sent to it by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken: list[tuple[str, str, str]] = []
        """Of each span: the service, the trace and the name."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = resource.resource.attributes[0].value.string_value
            for scope in resource.scope_spans:
                self.server.taken += [(service, span.trace_id.hex(), span.name) for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_reach_a_collector_also_those_of_a_forked_child(collector: Collector) -> None:
    """A worker's children are forked after the settings were read; the thread that sends comes with the first span."""
    with traced(Settings(traces_endpoint=collector.url), "worker"):
        traces.past(JOB, "wait", NOON, NOON)
        child = os.fork()
        if child == 0:
            try:
                traces.past(JOB, "child", NOON, NOON)
                traces.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    assert sorted(collector.taken) == [("childface-worker", JOB, "child"), ("childface-worker", JOB, "wait")]


def test_a_collector_without_the_extra_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(CliError, match="traces"), traced(Settings(traces_endpoint="http://127.0.0.1:4318"), "bot"):
        pass
