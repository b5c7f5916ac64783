"""Reports liveness to supervisors: by a file's modification time, and to systemd if it started us.

The beat comes from where the work is done (the event loop of the bots, the consumer of a worker, the loop of the
purge), so a process that hangs falls silent though it still exists. `childface health` reads the file; systemd's
watchdog listens to a socket (sd_notify(3): READY=1 once, then WATCHDOG=1).
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

BEAT_EVERY = 5.0
"""Seconds between two beats."""

SILENT_AFTER = 60.0
"""Seconds without a beat after which a process counts as dead: a busy machine may swallow a few."""


class Heartbeat:
    """Call it on every beat, and `stop()` on a clean exit. Does nothing without a watcher."""

    def __init__(self, file: Path | None = None) -> None:
        """`file` is touched on each beat and removed by `stop`."""
        self._file = file
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._ready = False

    def __call__(self) -> None:
        """One beat. A watcher that cannot be reached is no reason to stop working."""
        if self._file is not None:
            with suppress(OSError):
                self._file.touch()
        self._notify(b"WATCHDOG=1" if self._ready else b"READY=1")
        self._ready = True

    def stop(self) -> None:
        """This process ends, and that is meant."""
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
        self._notify(b"STOPPING=1")

    def _notify(self, word: bytes) -> None:
        if not self._address:
            return
        # A leading @ stands for the zero byte of an abstract socket.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)
            line.sendto(word, address)


def silence(file: Path) -> float | None:
    """Seconds since the last beat; None when there was none since the start."""
    try:
        return max(time.time() - file.stat().st_mtime, 0.0)
    except FileNotFoundError:
        return None
