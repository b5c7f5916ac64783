"""Deletes personal data: at once on request, and automatically when it expires.

`delete_user` is for /delete_my_data; `purge_expired` runs on a schedule. Both may run twice, at the same time, and
while workers work: a worker that comes back with a latent or a picture of somebody who is gone gets `NotFound`, because
the row it would hang on is not there. The queries are in `repositories/removal.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from storage.errors import StorageUnavailable
from storage.repositories.removal import DeletionReport, Removal
from storage.unit_of_work import Store

BATCH = 100
"""Rows per transaction: small enough not to block others during a purge."""

KEEP_HANDLED = timedelta(days=30)
"""How long finished jobs and idle conversations stay when the caller says nothing else; they hold no picture."""

GRACE = timedelta(hours=1)
"""A blob this young may belong to a unit of work that has not committed yet."""

KEEP_STRANGERS = timedelta(days=1)
"""How long a person who never consented is remembered, including references to their pending photos."""

PURGED = "purged"
"""The mark that says when the last purge came to its end."""

KEEP_UPDATES = timedelta(hours=25)
"""A service redelivers an update for a day; after that its id is of no use."""

ATTEMPTS = 5
"""A worker may hold a job of the person and wait for the person, whom we hold while we wait for the job. PostgreSQL
then breaks off one of the two; the worker's task is retried, and so are we."""


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """How much a purge removed."""

    photos: int = 0
    latents: int = 0
    results: int = 0
    jobs: int = 0
    conversations: int = 0
    strangers: int = 0
    """People who never agreed and left nothing."""
    updates: int = 0
    """Of a chat service, answered or not."""
    uses: int = 0
    """Of quotas, that no quota looks back to."""
    orphans: int = 0
    """Files that no row named: remains of crashes."""


def delete_user(store: Store, user_id: str) -> DeletionReport:
    """Delete everything of one person and say how much that was; all zero when they are gone already.

    Also goes: what other people's jobs drew from this person's photos, and what their conversations know of them. Such
    a job that was still to be done or delivered ends as failed with the code "photo_gone".

    Raises `StorageUnavailable`, and then nothing has happened.
    """
    for attempt in range(ATTEMPTS, 0, -1):
        try:
            with store.unit() as unit:
                report = unit.removal.remove_user(user_id)
                unit.commit()
        except StorageUnavailable as error:
            if attempt == 1 or not error.deadlock:
                raise
        else:
            break
    store.database.rewrite()
    store.database.scrub()
    return report


def purge_expired(
    store: Store, now: datetime | None = None, *, keep_handled: timedelta = KEEP_HANDLED, grace: timedelta = GRACE
) -> PurgeReport:
    """Delete what has outlived its time (as of `now`, or the store's clock), then files that no row names.

    Pictures and latents go when they expire, whatever waits for them. The row of a photo stays as handle of a parent
    while a latent or any job names it: by it a deletion finds what others drew of its owner.
    """
    now = now or store.clock()
    report = PurgeReport(
        photos=_in_batches(store, lambda removal: removal.remove_photo_data(now, BATCH)),
        latents=_in_batches(store, lambda removal: removal.remove_latents(now, BATCH)),
        results=_in_batches(store, lambda removal: removal.remove_results(now, BATCH)),
        jobs=_in_batches(store, lambda removal: removal.remove_jobs(now - keep_handled, BATCH)),
        conversations=_in_batches(store, lambda removal: removal.remove_conversations(now - keep_handled, BATCH)),
        strangers=_in_batches(store, lambda removal: removal.remove_strangers(now - KEEP_STRANGERS, BATCH)),
        updates=_remove_updates(store, now - KEEP_UPDATES),
        uses=_remove_uses(store, now),
        orphans=_remove_orphans(store, now - grace),
    )
    _in_batches(store, lambda removal: removal.remove_photo_handles(now, BATCH))
    store.database.scrub()
    with store.unit() as unit:
        unit.heartbeats.mark(PURGED)
        unit.commit()
    return report


def _in_batches(store: Store, remove: Callable[[Removal], int]) -> int:
    total = 0
    while True:
        with store.unit() as unit:
            removed = remove(unit.removal)
            unit.commit()
        total += removed
        if removed < BATCH:
            return total


def _remove_updates(store: Store, received_before: datetime) -> int:
    with store.unit() as unit:
        removed = unit.inbox.remove(received_before)
        unit.commit()
    return removed


def _remove_uses(store: Store, now: datetime) -> int:
    with store.unit() as unit:
        removed = unit.uses.remove(now)
        unit.commit()
    return removed


def _remove_orphans(store: Store, written_before: datetime) -> int:
    """List the disk before the rows, so that a blob whose row is committed in between is safe."""
    removed = store.blobs.delete_unfinished(written_before=written_before)
    found = store.blobs.keys(written_before=written_before)
    while keys := list(islice(found, BATCH)):
        with store.read_only() as unit:
            orphans = unit.removal.unnamed(keys)
        removed += sum(store.blobs.delete(key) for key in orphans)
    return removed
