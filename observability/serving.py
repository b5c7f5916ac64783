"""`/metrics` over HTTP, for Prometheus.

A bot is one process and tells its own numbers. A worker is a parent and its children, which count in files of a common
folder (prometheus_client's multiprocess mode); the parent adds them up when somebody asks. The library chooses between
the two when it is imported, so `share_numbers` comes before that.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable in which prometheus_client looks."""


@contextmanager
def share_numbers() -> Iterator[None]:
    """Let this process and all that it forks count together, while the block lasts."""
    assert "prometheus_client" not in sys.modules, "it has chosen already"
    folder = tempfile.mkdtemp(prefix="childface-metrics-")
    os.environ[FOLDER] = folder
    try:
        yield
    finally:
        del os.environ[FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


def require_free(host: str, port: int) -> None:
    """Raises OSError when the port cannot be listened on, before anything else has been started."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


@contextmanager
def served(host: str, port: int, collectors: Sequence[Collector] = ()) -> Iterator[None]:
    """Answer on `http://host:port/metrics`, from a thread, while the block lasts. Raises OSError."""
    from prometheus_client import CollectorRegistry, start_http_server

    from observability.metrics import REGISTRY

    registry = CollectorRegistry()
    counted: Collector = Shared(os.environ[FOLDER]) if FOLDER in os.environ else REGISTRY
    for collector in (counted, *collectors):
        registry.register(collector)
    server, thread = start_http_server(port, host, registry)
    # A child that outlives us must not keep the port.
    os.register_at_fork(after_in_child=server.socket.close)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Shared:
    """What all processes of a worker counted, those that have ended included."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """The sums."""
        from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

        for pid in {name.removesuffix(".db").rpartition("_")[2] for name in os.listdir(self._folder)}:
            if not os.path.exists(f"/proc/{pid}"):
                mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        yield from MultiProcessCollector(None, self._folder).collect()  # type: ignore[no-untyped-call]
