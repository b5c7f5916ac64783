"""Renumbers a chat, as when a Telegram group becomes a supergroup."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import aliased

from storage.models import ConversationRow, DoorRow, JobRow, UserRow
from storage.repositories.base import RepositoryContext
from storage.repositories.quota_uses import QuotaUses, chat

MESSAGES = frozenset({"message", "to"})
"""Facts of a job's reply that are numbers of messages."""


class Chats:
    """Repository of what is known of whole chats."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def renumber(self, platform: str, before: str, after: str) -> None:
        """Conversations, jobs and decisions about a chat go on under its new number; doing it twice is doing it once.

        What somebody has begun under the new number already is left as it is.
        """
        other = aliased(ConversationRow)
        begun = select(other.user_id).where(other.platform == platform, other.chat_id == after)
        spoken = ConversationRow.platform == platform, ConversationRow.chat_id == before
        asked = JobRow.platform == platform, JobRow.chat_id == before
        self._db.change(
            update(ConversationRow).where(*spoken, ConversationRow.user_id.not_in(begun)).values(chat_id=after)
        )
        for job in self._db.rows(select(JobRow).where(*asked, JobRow.delivered_at.is_(None)).with_for_update()):
            # Numbers of messages begin anew: those of the old chat would mean others in the new one.
            job.reply = {name: fact for name, fact in job.reply.items() if name not in MESSAGES}
        self._db.session.flush()
        self._db.change(update(JobRow).where(*asked).values(chat_id=after))
        QuotaUses(self._db).move(chat(platform, before), chat(platform, after))
        door = aliased(DoorRow)
        decided = select(door.number).where(door.platform == platform, door.number == after)
        kept = DoorRow.platform == platform, DoorRow.number == before
        self._db.change(update(DoorRow).where(*kept, ~decided.exists()).values(number=after))

    def rename(self, platform: str, before: str, after: str) -> None:
        """The made-up user under which a group's own settings are kept goes with it."""
        other = aliased(UserRow)
        there = select(other.id).where(other.platform == platform, other.platform_user_id == after)
        kept = UserRow.platform == platform, UserRow.platform_user_id == before
        self._db.change(update(UserRow).where(*kept, ~there.exists()).values(platform_user_id=after))
