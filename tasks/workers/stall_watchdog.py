"""Recovers a worker that has stopped receiving messages.

A worker takes as many messages as it has processes, and another one when one of these was acknowledged. If Redis is
away in the moment in which a job ends, Celery logs that it could not acknowledge, and goes on; the message counts as
being worked on for ever. With one process the worker then takes nothing more, and while it takes nothing it does not
notice that its connection is broken (Celery 5.7 with Kombu 5.7). So it is looked at: more messages taken than requests
known, twice in a row, and the worker connects anew. What was done already is handed out again and does nothing.
"""

from __future__ import annotations

from typing import Any

from celery.worker import state

from observability.logs import get_logger
from tasks.workers.heartbeat import TimedStep

log = get_logger(__name__)

LOOK_EVERY = 2.0
"""Seconds; a message is between taken and known for no longer than a turn of the worker's loop."""


class Unstick(TimedStep):
    """A step of the consumer: runs in the worker's loop, begins anew with each connection."""

    every = LOOK_EVERY

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._suspected = False

    def start(self, consumer: Any) -> None:
        """Look from now on, and suspect nothing yet."""
        self._suspected = False
        super().start(consumer)

    shutdown = TimedStep.stop

    def look(self, consumer: Any) -> None:
        """Raises ConnectionResetError, which makes the worker's loop reconnect."""
        forgotten = _taken(consumer) > len(state.reserved_requests)
        if forgotten and self._suspected:
            log.warning("a message was taken and is not worked on; connecting to the broker anew")
            raise ConnectionResetError("a message was taken and never acknowledged")
        self._suspected = forgotten


def _taken(consumer: Any) -> int:
    """Messages that the broker counts as being worked on here."""
    qos = getattr(consumer.task_consumer.channel, "qos", None)
    if qos is None or not hasattr(qos, "_delivered"):
        return 0
    return len(qos._delivered) - len(qos._dirty)
