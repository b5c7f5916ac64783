"""People who were here before: rows and files like those that one real conversation left, for thousands of others."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert, select

from storage.encryption import binding
from storage.models import ConversationRow, JobRow, LatentRow, PhotoRow, UserRow
from storage.unit_of_work import Store

BATCH = 200
"""People in one transaction."""

OWNED = {PhotoRow: PhotoRow.owner_id, LatentRow: LatentRow.owner_id, JobRow: JobRow.user_id}
"""In the order in which rows refer to each other."""


def furnish(store: Store, example: int, others: Iterable[int]) -> None:
    """Give everybody what the example person has: an account, photos' rows, latents with files, jobs, conversation.

    Those who have an account keep it.
    """
    waiting = [str(number) for number in others]
    pattern = _pattern(store, str(example))
    for start in range(0, len(waiting), BATCH):
        some = waiting[start : start + BATCH]
        with store.database.engine.begin() as connection:
            query = select(UserRow.platform_user_id, UserRow.id).where(UserRow.platform_user_id.in_(some))
            ids = {number: user_id for number, user_id in connection.execute(query)}
            new = {number: uuid.uuid4().hex for number in some if number not in ids}
            [account] = pattern[UserRow]
            rows = [{**account, "id": user_id, "platform_user_id": number} for number, user_id in new.items()]
            if rows:
                connection.execute(insert(UserRow), rows)
            copies = [_copy(store, pattern, number, user_id) for number, user_id in {**ids, **new}.items()]
            for model in [*OWNED, ConversationRow]:
                rows = [row for copy in copies for row in copy[model]]
                if rows:
                    connection.execute(insert(model), rows)


def _pattern(store: Store, number: str) -> dict[type[Any], list[dict[str, Any]]]:
    """The rows of one person, by table, and their chat's conversation."""
    with store.database.session_factory() as session:
        user = session.scalars(select(UserRow).where(UserRow.platform_user_id == number)).one()
        found = {UserRow: [_values(user)]}
        for model, owner in {**OWNED, ConversationRow: ConversationRow.user_id}.items():
            found[model] = [_values(row) for row in session.scalars(select(model).where(owner == user.id))]
    return found


def _values(row: Any) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _copy(
    store: Store, pattern: dict[type[Any], list[dict[str, Any]]], number: str, user_id: str
) -> dict[type[Any], list[dict[str, Any]]]:
    """The same rows with ids, chat and files of somebody else's."""
    known = pattern[ConversationRow][0]
    new = {row["id"]: uuid.uuid4().hex for model in OWNED for row in pattern[model]}
    new[known["user_id"]] = user_id
    copied: dict[type[Any], list[dict[str, Any]]] = {}
    for model in [*OWNED, ConversationRow]:
        copied[model] = []
        for row in pattern[model]:
            other = {name: _renamed(value, new) for name, value in row.items()}
            if "chat_id" in other:
                other["chat_id"] = number
            if other.get("blob_key"):
                data = store.blobs.get(row["blob_key"], _context(model, row))
                other["blob_key"] = store.blobs.put(data, _context(model, other))
            if "reply" in other:
                other["reply"] = {**other["reply"], "user": number}
            copied[model].append(other)
    return copied


def _context(model: type[Any], row: dict[str, Any]) -> str:
    """What the file of a row is bound to."""
    if model is PhotoRow:
        return binding.of_photo(row["kind"], row["owner_id"], row["id"])
    names = ("owner_id", "photo_sha256", "face", "encoder_version", "quality")
    return binding.of_latent(*(row[name] for name in names))


def _renamed(value: Any, new: dict[str, str]) -> Any:
    """Ids inside of texts and JSON, too."""
    if isinstance(value, str):
        return new.get(value, value)
    if isinstance(value, dict | list):
        told = json.dumps(value)
        for old, other in new.items():
            told = told.replace(old, other)
        return json.loads(told)
    return value
