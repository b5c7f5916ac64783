"""A periodic callback in a worker's event loop; it stops when the loop hangs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from celery.bootsteps import StartStopStep

Beat = Callable[[], object]


class TimedStep(StartStopStep):  # type: ignore[misc]  # celery has no types
    """A consumer step: starts when the broker connection is up, stops when it breaks."""

    requires = ("celery.worker.consumer.tasks:Tasks",)
    every: ClassVar[float]
    """Seconds between two calls of `look`."""

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Look from now on."""
        self._timer = consumer.timer.call_repeatedly(self.every, self.look, (consumer,))

    def stop(self, consumer: Any) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self, consumer: Any) -> None:
        """One turn."""
        raise NotImplementedError


def pulse(beat: Beat, every: float) -> type[TimedStep]:
    """A step for `app.steps["consumer"]` that calls `beat` at once and then every so many seconds."""
    seconds = every

    class Pulse(TimedStep):
        """Reports that the event loop is alive."""

        every = seconds

        def start(self, consumer: Any) -> None:
            beat()
            super().start(consumer)

        def look(self, consumer: Any) -> None:
            beat()

    return Pulse
