"""`childface db purge --every`: deletes expired data periodically until a signal arrives.

Workers and the embedded default do that as well (`tasks/workers/housekeeping.py`). This process keeps the promise
where they are stopped, or stand on machines that come and go. It needs neither broker nor models.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from childface.ops.heartbeat import BEAT_EVERY, Heartbeat
from storage.deletion import PurgeReport, purge_expired
from storage.errors import StorageUnavailable
from storage.repositories.heartbeats import this_process
from storage.unit_of_work import Store

log = logging.getLogger(__name__)


def purge_again_and_again(
    store: Store, every: float, heartbeat: Heartbeat, told: threading.Event, report: Callable[[PurgeReport], object]
) -> None:
    """Purge at once and then every so many seconds until `told`.

    A store that is unavailable is tried again at its time.
    """
    while not told.is_set():
        heartbeat()
        try:
            report(purge_expired(store))
            _give_sign(store, every)
        except StorageUnavailable:
            log.warning("the store is away; what is due is deleted later")
        finally:
            with suppress(StorageUnavailable):
                store.database.close()  # nobody needs a connection until the next round
        _wait(every, heartbeat, told)


def _give_sign(store: Store, every: float) -> None:
    with store.unit() as unit:
        unit.heartbeats.give(this_process(), "purge", every, {"purges_every": every})
        unit.commit()


def _wait(seconds: float, heartbeat: Heartbeat, told: threading.Event) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not told.is_set():
        heartbeat()
        told.wait(min(left, BEAT_EVERY))


def told_to_stop() -> threading.Event:
    """An event that SIGTERM and SIGINT set, in the main thread."""
    told = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: told.set())
    return told
