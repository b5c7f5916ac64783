"""What a chat service handed over and nobody has answered yet. The service forgets an update once we say that we have
it, so it is written down before.

    keep ──▶ take (once for each turn that it causes, with what was answered) ──▶ settle

Taking is part of the unit that does the turn: an update that comes twice (a killed bot, a broken connection, two bots
at once) changes things once, and what was answered can be said again. A settled update leaves its number behind for a
while, so that it is known if the service hands it over again. What it says is sealed with the key of the blobs: nobody
reads messages in the database. A change of that key seals what was not answered anew (`rotation.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, tuple_, update

from storage.errors import BlobDamaged, WrongKey
from storage.models import InboxAnswerRow, InboxRow
from storage.repositories.base import RepositoryContext


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """An update that was not settled. `data` is None when none of the keys opens it any more."""

    number: int
    data: bytes | None
    tries: int
    """How often a bot began to answer it after an earlier one had left it."""


class Inbox:
    """Repository of updates, by `source` (service and bot) and the service's own number."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def keep(self, source: str, number: int, data: bytes) -> bool:
        """Write an update down. False when it was written down before."""
        facts = {"turns": 0, "tries": 0, "received_at": self._db.now()}
        return self._db.insert_sealed(
            InboxRow, update_name(source, number), data, source=source, number=number, **facts
        )

    def is_open(self, source: str, number: int) -> bool:
        """Whether an update is written down and not settled."""
        here = InboxRow.source == source, InboxRow.number == number
        row = self._db.row(select(InboxRow).where(*here))
        return row is not None and row.sealed is not None

    def waiting(self, source: str) -> list[PendingUpdate]:
        """Updates that were not settled, in the order of their numbers."""
        open_ones = InboxRow.source == source, InboxRow.sealed.is_not(None)
        rows = self._db.rows(select(InboxRow).where(*open_ones).order_by(InboxRow.number))
        return [
            PendingUpdate(row.number, self._opened(update_name(source, row.number), row.sealed), row.tries)
            for row in rows
        ]

    def begin(self, source: str, numbers: Sequence[int]) -> None:
        """Note that a bot begins once more to answer these."""
        here = InboxRow.source == source, InboxRow.number.in_(numbers)
        self._db.change(update(InboxRow).where(*here).values(tries=InboxRow.tries + 1))

    def take(self, source: str, number: int, turn: int, answer: bytes) -> bool:
        """Note that this unit does the update's turn (0, 1, …) and what it answers. False when it was done before."""
        here = InboxRow.source == source, InboxRow.number == number
        free = InboxRow.turns == turn, InboxRow.sealed.is_not(None)
        if self._db.change(update(InboxRow).where(*here, *free).values(turns=turn + 1)) == 0:
            return False
        key = {"source": source, "number": number, "turn": turn}
        return self._db.insert_sealed(InboxAnswerRow, update_name(source, number, turn), answer, **key)

    def answer(self, source: str, number: int, turn: int) -> bytes | None:
        """The recorded answer of a turn; None if it was not taken, or if the update is complete."""
        here = InboxAnswerRow.source == source, InboxAnswerRow.number == number, InboxAnswerRow.turn == turn
        row = self._db.row(select(InboxAnswerRow).where(*here))
        return None if row is None else self._opened(update_name(source, number, turn), row.sealed)

    def complete(self, source: str, numbers: Sequence[int]) -> None:
        """All is done: forget what these said and what was answered, remember their numbers."""
        answers = InboxAnswerRow.source == source, InboxAnswerRow.number.in_(numbers)
        self._db.change(delete(InboxAnswerRow).where(*answers))
        self._db.change(
            update(InboxRow).where(InboxRow.source == source, InboxRow.number.in_(numbers)).values(sealed=None)
        )

    def remove(self, received_before: datetime) -> int:
        """Forget updates, settled or not, that came before a moment; returns how many."""
        old = select(InboxRow.source, InboxRow.number).where(InboxRow.received_at <= received_before)
        update_of = tuple_(InboxAnswerRow.source, InboxAnswerRow.number)
        self._db.change(delete(InboxAnswerRow).where(update_of.in_(old)))
        return self._db.change(delete(InboxRow).where(InboxRow.received_at <= received_before))

    def _opened(self, name: str, sealed: bytes | None) -> bytes | None:
        try:
            return None if sealed is None else self._db.blobs.unseal(name, sealed)
        except (WrongKey, BlobDamaged):
            return None


def update_name(source: str, number: int, turn: int | None = None) -> str:
    """Bound to what is sealed, so that nothing opens in another's place."""
    return f"inbox {source} {number} {'' if turn is None else turn}"
