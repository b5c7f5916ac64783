"""How much people and chats asked for lately, so that quotas can be counted.

Who deletes their data and agrees again goes on counting where they were: uses are kept apart from the person, under a
keyed hash of their number, for as long as a quota looks back and no longer. The key of the hash is a random secret of
this installation, itself encrypted: who reads the database cannot try numbers.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import and_, delete, or_, select, update

from storage.errors import BlobDamaged, WrongKey
from storage.models import QuotaUseRow, SecretRow
from storage.repositories.base import RepositoryContext, new_id

UseKind = Literal["drawing", "photo"]

KEPT: dict[UseKind, timedelta] = {"drawing": timedelta(days=1), "photo": timedelta(hours=1)}
"""How far back quotas look."""

KEY_NAME = "quotas"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose uses are counted."""

    scope: Literal["person", "chat"]
    platform: str
    number: str


def person(platform: str, number: str) -> Subject:
    """Somebody, in all chats; by the platform's number."""
    return Subject("person", platform, number)


def chat(platform: str, chat_id: str) -> Subject:
    """A chat, whoever asks there."""
    return Subject("chat", platform, chat_id)


class QuotaUses:
    """Repository of uses."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def add(self, kind: UseKind, *subjects: Subject) -> None:
        """Count one use for each of these."""
        now, key = self._db.now(), self._secret() or self._fresh_secret()
        for subject in subjects:
            self._db.session.add(QuotaUseRow(id=new_id(), subject=_hashed(key, subject), kind=kind, used_at=now))
        self._db.session.flush()

    def used_at(self, nth: int, kind: UseKind, subject: Subject) -> datetime | None:
        """When the `nth` newest use (1: the newest) was; None with fewer uses."""
        key = self._secret()
        if key is None:
            return None
        mine = QuotaUseRow.subject == _hashed(key, subject), QuotaUseRow.kind == kind
        query = select(QuotaUseRow.used_at).where(*mine).order_by(QuotaUseRow.used_at.desc())
        return self._db.session.execute(query.offset(nth - 1).limit(1)).scalar_one_or_none()

    def move(self, before: Subject, after: Subject) -> None:
        """A subject has got another number."""
        key = self._secret()
        if key is not None:
            mine = QuotaUseRow.subject == _hashed(key, before)
            self._db.change(update(QuotaUseRow).where(mine).values(subject=_hashed(key, after)))

    def remove(self, now: datetime) -> int:
        """Forget what no quota looks at any more; returns how many."""
        over = (and_(QuotaUseRow.kind == kind, QuotaUseRow.used_at <= now - kept) for kind, kept in KEPT.items())
        return self._db.change(delete(QuotaUseRow).where(or_(*over)))

    def _secret(self) -> bytes | None:
        row = self._db.row(select(SecretRow).where(SecretRow.name == KEY_NAME))
        try:
            return None if row is None else self._db.blobs.unseal(secret_name(KEY_NAME), row.sealed)
        except (WrongKey, BlobDamaged):
            return None

    def _fresh_secret(self) -> bytes:
        """There is none yet, or none that can be opened any more."""
        self._db.insert_sealed(SecretRow, secret_name(KEY_NAME), secrets.token_bytes(32), name=KEY_NAME)
        made = self._secret()  # this one, or that of somebody who was quicker by a moment
        if made is None:
            self._db.change(delete(SecretRow).where(SecretRow.name == KEY_NAME))
            return self._fresh_secret()
        return made


def secret_name(name: str) -> str:
    """What a secret is bound to when it is encrypted."""
    return f"secret {name}"


def _hashed(key: bytes, subject: Subject) -> str:
    told = f"{subject.scope} {subject.platform} {subject.number}"
    return hmac.new(key, told.encode(), hashlib.sha256).hexdigest()
