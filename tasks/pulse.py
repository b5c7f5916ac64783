"""A beat from a worker's own loop: it comes while the worker listens to the broker, and stops when that hangs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.bootsteps import StartStopStep

Beat = Callable[[], object]


def pulse(beat: Beat, every: float) -> type[StartStopStep]:
    """A step for `app.steps["consumer"]` that calls `beat` at once and then every so many seconds."""

    class Pulse(StartStopStep):  # type: ignore[misc]  # celery has no types
        """Begins whenever the connection to the broker stands, ends when it breaks."""

        requires = ("celery.worker.consumer.tasks:Tasks",)

        def __init__(self, consumer: Any, **options: Any) -> None:
            super().__init__(consumer, **options)
            self._timer: Any = None

        def start(self, consumer: Any) -> None:
            beat()
            self._timer = consumer.timer.call_repeatedly(every, beat)

        def stop(self, consumer: Any) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return Pulse
