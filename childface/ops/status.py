"""The state of the whole system: queued and running jobs, workers, stored data, next purge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from childface.bootstrap import open_store_to_look, require_tables
from childface.cli.output import EXIT_MISSING, CliError
from childface.ops.broker import messages
from storage.deletion import PURGED
from storage.repositories.heartbeats import Heartbeat
from storage.repositories.stats import ExpiredCounts, QueueDepth, Running
from tasks.queue import QUEUES, queue_of

if TYPE_CHECKING:
    from childface.settings import Settings

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Status:
    """What was found. `messages` is None where the broker is unavailable, and empty where none is needed."""

    now: datetime
    waiting: list[QueueDepth]
    running: list[Running]
    ended: dict[str, int]
    untold: dict[str, int]
    workers: list[Heartbeat]
    purges: list[Heartbeat]
    purged_at: datetime | None
    due: ExpiredCounts
    database_bytes: int
    blobs: tuple[int, int]
    messages: dict[str, int] | None
    embedded: bool

    @property
    def broker_is_away(self) -> bool:
        """Whether the database is unreachable."""
        return self.messages is None

    @property
    def next_purge(self) -> datetime | None:
        """When the next one is due; None if nothing runs it."""
        rhythms = [float(sign.facts["purges_every"]) for sign in self.workers + self.purges]
        if not rhythms:
            return None
        return (self.purged_at or self.now) + timedelta(seconds=min(rhythms))

    def queues(self) -> dict[str, dict[str, Any]]:
        """Of each queue: jobs that wait, since when the oldest does (seconds), jobs at work, messages."""
        found = {}
        for queue in QUEUES:
            piles = [pile for pile in self.waiting if queue_of(pile.kind, pile.quality) == queue]
            found[queue] = {
                "waiting": sum(pile.count for pile in piles),
                "oldest_seconds": max((self.seconds_since(pile.oldest) for pile in piles), default=0.0),
                "running": sum(queue_of(job.kind, job.quality) == queue for job in self.running),
                "messages": None if self.messages is None else self.messages.get(queue),
            }
        return found

    def seconds_since(self, moment: datetime | None) -> float:
        """At least 0, also where clocks differ."""
        return round(max((self.now - (moment or self.now)).total_seconds(), 0.0), 1)


def look(settings: Settings) -> Status:
    """Ask database, broker and disk. Raises StorageUnavailable, and Refusal where there are no tables yet."""
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    if settings.database_url.startswith("sqlite:///") and not path.exists():
        raise CliError(f"there is no database yet at {path}; the first start makes it", EXIT_MISSING)
    require_tables(settings)
    store = open_store_to_look(settings)
    try:
        with store.read_only() as unit:
            found: dict[str, Any] = {
                "now": store.clock(),
                "waiting": unit.stats.waiting(),
                "running": unit.stats.running(),
                "ended": unit.stats.ended_since(HOUR),
                "untold": unit.stats.undelivered(),
                "workers": unit.heartbeats.alive("worker"),
                "purges": unit.heartbeats.alive("purge"),
                "purged_at": unit.heartbeats.marked(PURGED),
                "due": unit.stats.due(),
                "database_bytes": unit.stats.database_bytes(),
            }
    finally:
        store.database.close()
    held = {} if settings.embedded else messages(settings.broker_url)
    return Status(**found, blobs=store.blobs.usage(), messages=held, embedded=settings.embedded)


def report(status: Status) -> dict[str, Any]:
    """The same as JSON-able values; moments as ISO 8601 in UTC, ages in seconds, sizes in bytes."""
    count, size = status.blobs
    return {
        "ok": not status.broker_is_away,
        "queues": status.queues(),
        "running": [
            {
                "job": job.id,
                "kind": job.kind,
                "quality": job.quality,
                "stage": job.stage,
                "progress": round(job.progress, 2),
                "seconds": status.seconds_since(job.started_at),
                "attempts": job.attempts,
                "lost": job.claimed_until is not None and job.claimed_until < status.now,
            }
            for job in status.running
        ],
        "ended_last_hour": status.ended,
        "untold": status.untold,
        "workers": [
            {
                "name": sign.source,
                "seen_seconds_ago": status.seconds_since(sign.seen_at),
                "up_seconds": status.seconds_since(sign.since),
                **sign.facts,
            }
            for sign in status.workers
        ],
        "blobs": {"files": count, "bytes": size},
        "database_bytes": status.database_bytes,
        "purge": {
            "last": _iso(status.purged_at),
            "next": _iso(status.next_purge),
            "due": {"photos": status.due.photos, "latents": status.due.latents, "results": status.due.results},
            "next_expiry": _iso(status.due.next_at),
        },
        "broker": "none needed" if status.embedded else "away" if status.broker_is_away else "answers",
    }


def lines(status: Status) -> list[str]:
    """The screen."""
    told = ["queue     waiting   oldest  running  messages"]
    for queue, facts in status.queues().items():
        held = "-" if facts["messages"] is None else facts["messages"]
        age = span(facts["oldest_seconds"]) if facts["waiting"] else "-"
        told.append(f"{queue:8} {facts['waiting']:8} {age:>8} {facts['running']:8} {held:>9}")
    told += ["", *_running_lines(status), *_worker_lines(status), ""]
    ended = ", ".join(f"{count} {what}" for what, count in status.ended.items()) or "nothing"
    told.append(f"ended in the last hour: {ended}")
    untold = ", ".join(f"{count} on {platform}" for platform, count in status.untold.items()) or "none"
    told.append(f"finished, not told yet: {untold}")
    count, size = status.blobs
    told.append(f"disk: {count} encrypted files, {amount(size)}; database {amount(status.database_bytes)}")
    return [*told, _purge_line(status)]


def _running_lines(status: Status) -> list[str]:
    if not status.running:
        return ["running: nothing"]
    told = ["running:"]
    for job in status.running:
        lost = "  (its worker is silent)" if job.claimed_until is not None and job.claimed_until < status.now else ""
        doing = f"{job.stage or 'begun'} {job.progress:.0%}"
        age = span(status.seconds_since(job.started_at))
        told.append(f"  {job.id}  {job.quality} {job.kind:6} {doing:15} for {age}, attempt {job.attempts}{lost}")
    return told


def _worker_lines(status: Status) -> list[str]:
    if not status.workers:
        return ["workers: none seen; jobs wait until one is started (childface worker)"]
    told = ["workers:"]
    for sign in status.workers:
        queues = ", ".join(sign.facts.get("queues", ()))
        where = "in the bot's process" if sign.facts.get("embedded") else f"processes: {sign.facts.get('processes')}"
        up = span(status.seconds_since(sign.since))
        seen = span(status.seconds_since(sign.seen_at))
        told.append(f"  {sign.source} serves {queues} ({where}), up {up}, seen {seen} ago")
    return told


def _purge_line(status: Status) -> str:
    due = status.due
    waiting = f"{due.photos} photos, {due.latents} latents, {due.results} pictures are due"
    last = f"last {span(status.seconds_since(status.purged_at))} ago" if status.purged_at else "none yet"
    if status.next_purge is None:
        return f"purge: {last}; {waiting}; nobody is there to do the next one (childface worker, childface db purge)"
    left = max((status.next_purge - status.now).total_seconds(), 0.0)
    return f"purge: {last}, next in {span(left)}; {waiting}"


def span(seconds: float) -> str:
    """`45 s`, `3 min`, `5.5 h`, `2.0 d`."""
    for limit, unit, size, digits in ((90, "s", 1, 0), (5400, "min", 60, 0), (129600, "h", 3600, 1)):
        if seconds < limit:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds / 86400:.1f} d"


def amount(size: float) -> str:
    """`512 B`, `3.4 MiB` …"""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
