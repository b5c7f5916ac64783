"""Traces for OpenTelemetry, where somebody named a collector; needs the extra `traces`.

A job's number is the number of its trace: every process that has to do with a job knows it, so nothing is handed from
one to the other, and a row, a log line and a trace are found by the same word. The root of a trace is the job as people
live it, from asking to being told; the bot tells it. Under it stand waiting, work with its stages, and delivery.

Attributes are words of our own only (kinds, qualities, queues, ends, codes), as with `metrics.py`: no names, no numbers
of people or chats, no messages of exceptions. Without a collector every function here does nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

SCOPE = "childface"
SEND_EVERY = 1000
"""Milliseconds between two parcels to the collector: what a process has not sent when it is killed is lost."""

Word = str | int | float


class _Sending:
    """Where spans go, and this process's own provider: its thread does not survive a fork, so it comes with the first
    span."""

    def __init__(self) -> None:
        self.make_exporter: Callable[[], SpanExporter] | None = None
        self.service = ""
        self._lock = threading.Lock()
        self._made: tuple[int, TracerProvider] | None = None
        os.register_at_fork(after_in_child=self._new_lock)

    def provider(self) -> TracerProvider | None:
        if self.make_exporter is None:
            return None
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                self._made = os.getpid(), _provider(self.service, self.make_exporter())
            return self._made[1]

    def end(self) -> None:
        """Send what waits, and no more after it."""
        if self._made is not None and self._made[0] == os.getpid():
            self._made[1].shutdown()
        self.make_exporter, self._made = None, None

    def flush(self) -> None:
        if self._made is not None and self._made[0] == os.getpid():
            self._made[1].force_flush()

    def _new_lock(self) -> None:
        self._lock = threading.Lock()


_sending = _Sending()
_root: ContextVar[tuple[int, int] | None] = ContextVar("root", default=None)
"""Numbers of a trace and of its root, while that is written."""


def send_to(service: str, make_exporter: Callable[[], SpanExporter]) -> None:
    """From now on tell of jobs, as `service`; the exporter is made in each process that tells."""
    _sending.make_exporter, _sending.service = make_exporter, service


def collector(endpoint: str) -> Callable[[], SpanExporter]:
    """Makes what sends spans to an address that takes OTLP over HTTP. ImportError without the extra `traces`."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return lambda: OTLPSpanExporter(endpoint=endpoint)


def flush() -> None:
    """Send what waits to be sent."""
    _sending.flush()


def end() -> None:
    """Send what waits to be sent; afterwards nothing is told any more."""
    _sending.end()


def whole(job_id: str, began: datetime, ended: datetime, **words: Word) -> None:
    """The job itself: the root of its trace."""
    tracer = _tracer()
    if tracer is None:
        return
    token = _root.set(_numbers(job_id))
    try:
        tracer.start_span("job", start_time=_nanoseconds(began), attributes=words).end(_nanoseconds(ended))
    finally:
        _root.reset(token)


def past(job_id: str, name: str, began: datetime, ended: datetime, **words: Word) -> None:
    """Something of a job that is over: waiting, delivery."""
    tracer = _tracer()
    if tracer is not None:
        span = tracer.start_span(name, _under(job_id), start_time=_nanoseconds(began), attributes=words)
        span.end(max(_nanoseconds(ended), _nanoseconds(began)))


@contextmanager
def working(job_id: str, name: str, **words: Word) -> Iterator[None]:
    """The block is work on a job. An exception that leaves it is told by its code or kind, not by what it says."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    from opentelemetry.trace import Status, StatusCode

    with tracer.start_as_current_span(
        name, _under(job_id), attributes=words, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as fault:
            span.set_status(Status(StatusCode.ERROR, str(getattr(fault, "code", type(fault).__name__))))
            raise


def stages(timings_ms: Sequence[Mapping[str, float]]) -> None:
    """The stages of what was just done, one after the other, under the work that goes on."""
    from time import time_ns

    tracer = _tracer()
    if tracer is None:
        return
    every = [(name, int(spent * 1e6)) for one in timings_ms for name, spent in one.items()]
    at = time_ns() - sum(spent for _, spent in every)
    for name, spent in every:
        tracer.start_span(name, start_time=at).end(at + spent)
        at += spent


def _tracer() -> Tracer | None:
    provider = _sending.provider()
    return None if provider is None else provider.get_tracer(SCOPE)


def _provider(service: str, exporter: SpanExporter) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Numbers(RandomIdGenerator):
        """A root gets the number that all processes know; everything else one by chance."""

        def generate_trace_id(self) -> int:
            root = _root.get()
            return super().generate_trace_id() if root is None else root[0]

        def generate_span_id(self) -> int:
            root = _root.get()
            return super().generate_span_id() if root is None else root[1]

    # Not `Resource.create`, which would tell of the machine and of the command's arguments.
    provider = TracerProvider(resource=Resource({"service.name": service}), id_generator=Numbers())
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SEND_EVERY))
    return provider


def _under(job_id: str) -> Context:
    """The context in which a span becomes a child of the job's root, wherever that is written."""
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    trace, root = _numbers(job_id)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace, root, True, TraceFlags(TraceFlags.SAMPLED))))


def _numbers(job_id: str) -> tuple[int, int]:
    """A job's number (32 hexadecimal digits) → that of its trace and that of its root."""
    return int(job_id, 16), int(job_id[:16], 16)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)
