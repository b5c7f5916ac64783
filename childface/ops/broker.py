"""Inspects the broker: whether it is reachable, and what it holds."""

from __future__ import annotations

from kombu import Connection
from kombu.exceptions import ChannelError, OperationalError

from tasks.queue import QUEUES

PATIENCE = 3.0
"""Seconds for a broker to answer."""


def messages(url: str) -> dict[str, int] | None:
    """Waiting messages per queue; None if the broker is unavailable."""
    try:
        with Connection(url, connect_timeout=PATIENCE, transport_options=_impatient(url)) as connection:
            connection.ensure_connection(max_retries=1, timeout=PATIENCE)
            return {queue: _count(connection, queue) for queue in QUEUES}
    except (OperationalError, OSError):
        return None


def _count(connection: Connection, queue: str) -> int:
    with connection.channel() as channel:
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except ChannelError:
            return 0  # Redis forgets a queue that is empty


def _impatient(url: str) -> dict[str, float]:
    is_redis = url.startswith(("redis", "rediss"))
    return {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE} if is_redis else {}
