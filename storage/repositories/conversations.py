"""The state of each conversation. Two updates of one person at the same time must not overwrite each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select, update

from storage.errors import ConversationChanged
from storage.models import ConversationRow
from storage.records import Conversation
from storage.repositories.base import RepositoryContext, record_of


class Conversations:
    """Repository of conversations, keyed by platform, chat and user."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def get(self, platform: str, chat_id: str, user_id: str) -> Conversation | None:
        """The conversation, or None when there was none yet."""
        row = self._db.row(select(ConversationRow).where(*_key(platform, chat_id, user_id)))
        return None if row is None else record_of(Conversation, row)

    def save(
        self, platform: str, chat_id: str, user_id: str, state: Mapping[str, Any], version: int = 0
    ) -> Conversation:
        """Save the state that grew out of `version` (0: out of nothing).

        Raises `ConversationChanged` when somebody saved in between, `NotFound` when the user was deleted.
        """
        values = {"state": dict(state), "version": version + 1, "updated_at": self._db.now()}
        if version == 0:
            with self._db.owner_must_exist("user", user_id):
                saved = self._db.insert_unless_there(
                    ConversationRow, platform=platform, chat_id=chat_id, user_id=user_id, **values
                )
        else:
            unchanged = ConversationRow.version == version
            statement = update(ConversationRow).where(*_key(platform, chat_id, user_id), unchanged)
            saved = self._db.change(statement.values(**values)) == 1
        if not saved:
            raise ConversationChanged(version=version)
        conversation = self.get(platform, chat_id, user_id)
        assert conversation is not None
        return conversation

    def forget(self, platform: str, chat_id: str, user_id: str) -> bool:
        """Start from nothing again; True if there was something."""
        return self._db.change(delete(ConversationRow).where(*_key(platform, chat_id, user_id))) == 1


def _key(platform: str, chat_id: str, user_id: str) -> tuple[Any, ...]:
    return (
        ConversationRow.platform == platform,
        ConversationRow.chat_id == chat_id,
        ConversationRow.user_id == user_id,
    )
