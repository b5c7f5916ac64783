"""Every number that the program tells about itself, declared in this one place.

Names follow https://prometheus.io/docs/practices/naming/: a prefix, base units, `_total` on counters. Labels hold words
of our own only (queues, kinds, codes): no names, numbers of people or chats, nothing that grows with the crowd.

Counters and histograms are counted where things happen, in every process. What `Sampled` declares is looked up when
somebody asks (`childface/ops/metrics.py`); several processes may tell the same of those: take `max`, not `sum`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import GaugeMetricFamily

PREFIX = "childface"

REGISTRY = CollectorRegistry()
"""Of this process. Worker processes add theirs up by way of files: see `serving.py`."""

MOMENTS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0)
"""Seconds: from cutting out a face to a refinement."""
WAITS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""Seconds that somebody may have to wait."""


def _counter(name: str, says: str, *labels: str) -> Counter:
    return Counter(name, says, labels, namespace=PREFIX, registry=REGISTRY)


def _histogram(name: str, says: str, buckets: Sequence[float], *labels: str) -> Histogram:
    return Histogram(name, says, labels, namespace=PREFIX, registry=REGISTRY, buckets=buckets)


JOBS_ENDED = _counter("jobs_ended", "Jobs that ended: done, failed or cancelled.", "kind", "quality", "end")
JOB_ERRORS = _counter("job_errors", "Jobs that failed, by the code of their error.", "kind", "code")
JOB_RETRIES = _counter("job_retries", "Jobs handed back to the queue after a passing fault.", "kind", "fault")
JOBS_REQUEUED = _counter("jobs_requeued", "Jobs whose message was lost or whose worker fell silent, queued again.")
JOB_SECONDS = _histogram("job_seconds", "From taking a job to its end.", MOMENTS, "kind", "quality")
JOB_WAIT = _histogram("job_wait_seconds", "From asking to the first worker that takes the job.", WAITS, "queue")
STAGE_SECONDS = _histogram("stage_seconds", "One stage of the pipeline.", MOMENTS, "stage")
LATENT_LOOKUPS = _counter("latent_lookups", "Looks into the cache of latents: hit or miss.", "wanted", "outcome")
DELIVERIES = _counter("deliveries", "Attempts to tell a finished job: shown, gone, put off …", "platform", "end")
DELIVERY_SECONDS = _histogram(
    "delivery_seconds", "From asking to the picture in the chat.", WAITS, "platform", "kind", "quality"
)
RATE_LIMITS = _counter("rate_limits", "Requests that a chat service refused with 429.", "platform")
BOT_ERRORS = _counter("bot_errors", "Faults that nobody expected while somebody was answered.", "platform", "fault")
BREAKER_OPEN = Gauge(
    "breaker_open",
    "1 while a service counts as away and is left alone.",
    ("service",),
    namespace=PREFIX,
    registry=REGISTRY,
    multiprocess_mode="livemax",
)


@dataclass(frozen=True)
class Sampled:
    """A gauge that is looked up when somebody asks."""

    short: str
    says: str
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """With the prefix."""
        return f"{PREFIX}_{self.short}"

    def family(self) -> GaugeMetricFamily:
        """Empty, to be filled by `add_metric`."""
        return GaugeMetricFamily(self.name, self.says, labels=self.labels)


JOBS_WAITING = Sampled("jobs_waiting", "Jobs that no worker has taken yet (the rows, not the messages).", ("queue",))
JOBS_RUNNING = Sampled("jobs_running", "Jobs that a worker has.", ("queue",))
OLDEST_WAIT = Sampled("oldest_wait_seconds", "How long the oldest waiting job has waited.", ("queue",))
JOBS_UNTOLD = Sampled("jobs_untold", "Finished jobs that nobody has been told about yet.", ("platform",))
BROKER_MESSAGES = Sampled("broker_messages", "Messages that the broker holds.", ("queue",))
WORKERS_SEEN = Sampled("workers_seen", "Workers that gave a sign of life in the last minute and a half.")
SERVICE_UP = Sampled("service_up", "1 if the service answered just now.", ("service",))
DATABASE_BYTES = Sampled("database_bytes", "Size of the database.")
DISK_FREE_BYTES = Sampled("disk_free_bytes", "Free space where the encrypted pictures lie.")
PROCESS_MEMORY = Sampled("process_memory_bytes", "Resident memory of our processes.", ("role", "pid"))

SAMPLED = (
    JOBS_WAITING, JOBS_RUNNING, OLDEST_WAIT, JOBS_UNTOLD, BROKER_MESSAGES, WORKERS_SEEN, SERVICE_UP, DATABASE_BYTES,
    DISK_FREE_BYTES, PROCESS_MEMORY,
)  # fmt: skip


def observe_stages(timings_ms: dict[str, float]) -> None:
    """Note what the pipeline says about its stages (milliseconds by name)."""
    for stage, spent in timings_ms.items():
        STAGE_SECONDS.labels(stage).observe(spent / 1000)


def names() -> Iterator[str]:
    """Every name that a query may use."""
    for family in REGISTRY.collect():
        match family.type:
            case "counter":
                yield f"{family.name}_total"
            case "histogram":
                yield from (f"{family.name}_{part}" for part in ("bucket", "count", "sum"))
            case _:
                yield family.name
    yield from (sampled.name for sampled in SAMPLED)


def labels_of(name: str) -> set[str]:
    """The labels of a metric, by any of the names above. KeyError when there is none of that name."""
    for sampled in SAMPLED:
        if sampled.name == name:
            return set(sampled.labels)
    for declared in list(globals().values()):
        if isinstance(declared, MetricWrapperBase):
            own = {f"{declared._name}{ending}" for ending in ("", "_total", "_bucket", "_count", "_sum")}
            if name in own:
                return {*declared._labelnames, *(("le",) if name.endswith("_bucket") else ())}
    raise KeyError(name)
