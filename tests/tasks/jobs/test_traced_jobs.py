"""What a worker does for a job, as its trace tells it."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.domain.errors import NoFace
from observability import traces
from tasks.jobs.child import make_child
from tests.support.fake_pipeline import NOT_A_FACE
from tests.tasks.conftest import Bench


def told(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    traces.flush()
    return list(spans.get_finished_spans())


def test_a_child_waits_is_worked_on_and_its_stages_lie_within_the_work(
    bench: Bench, spans: InMemorySpanExporter
) -> None:
    job = bench.child_job(bench.user())
    make_child(bench.context, job.id)
    found = told(spans)
    assert [span.name for span in found] == ["wait", "detect", "encode", "detect", "encode", "age", "draw", "child"]
    assert {f"{span.context.trace_id:032x}" for span in found if span.context} == {job.id}
    work = found[-1].context
    assert work is not None
    assert {span.parent.span_id for span in found[1:-1] if span.parent} == {work.span_id}
    assert dict(found[-1].attributes or {}) == {"quality": "fast", "attempt": 1}
    assert dict(found[0].attributes or {}) == {"queue": "draw", "attempt": 1}


def test_a_refinement_and_an_answer_are_told_too(bench: Bench, spans: InMemorySpanExporter) -> None:
    bench.configure(refine=True)
    make_child(bench.context, bench.child_job(bench.user(refine=True)).id)
    make_child(bench.context, bench.queue.jobs[0].id)
    names = [span.name for span in told(spans)]
    assert names.count("refine") == 2
    spans.clear()
    make_child(bench.context, bench.child_job(bench.user("2"), mom=NOT_A_FACE).id)
    assert told(spans)[-1].status.description == NoFace().code
