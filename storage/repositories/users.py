"""People, their settings and their consent."""

from __future__ import annotations

from typing import TypedDict, Unpack

from sqlalchemy import select, update

from storage.errors import NotFound
from storage.models import UserRow
from storage.records import User
from storage.repositories.base import RepositoryContext, new_id, record_of


class SettingChanges(TypedDict, total=False):
    """What a person may change; None means "our default again"."""

    language: str | None
    age: float | None
    mix: float | None
    sex: str | None
    refine: bool | None
    wall: bool | None


class Users:
    """Repository of users."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def get_or_add(self, platform: str, platform_user_id: str) -> User:
        """The user with this number on this platform; two bots that meet a person at once make one row."""
        user = self.find(platform, platform_user_id)
        if user is None:
            self._db.insert_unless_there(
                UserRow,
                id=new_id(),
                platform=platform,
                platform_user_id=platform_user_id,
                created_at=self._db.now(),
            )
            user = self.find(platform, platform_user_id)
            assert user is not None
        return user

    def find(self, platform: str, platform_user_id: str) -> User | None:
        """The user with this number on this platform, if we know them."""
        row = self._db.row(
            select(UserRow).where(UserRow.platform == platform, UserRow.platform_user_id == platform_user_id)
        )
        return None if row is None else record_of(User, row)

    def get(self, user_id: str) -> User:
        """Raises `NotFound`."""
        row = self._db.row(select(UserRow).where(UserRow.id == user_id))
        if row is None:
            raise NotFound(what="user", id=user_id)
        return record_of(User, row)

    def agree(self, user_id: str, version: str) -> User:
        """Note that this person agreed just now, and to which version of the text. Raises `NotFound`."""
        values = {"consent_at": self._db.now(), "consent_version": version}
        self._db.change(update(UserRow).where(UserRow.id == user_id).values(**values))
        return self.get(user_id)

    def save_settings(self, user_id: str, **changes: Unpack[SettingChanges]) -> User:
        """Change the named settings, leave the others. Raises `NotFound`."""
        unknown = changes.keys() - SettingChanges.__annotations__.keys()
        if unknown:
            raise TypeError(f"not a setting: {', '.join(sorted(unknown))}")
        if changes:
            self._db.change(update(UserRow).where(UserRow.id == user_id).values(**changes))
        return self.get(user_id)
