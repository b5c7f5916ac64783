"""Fetches updates so that one malformed update does not block the others.

PTB reads all updates of an answer or none. One that it cannot read (a kind of message that a Bot API server of another
version describes otherwise) would be fetched again and again, and all that come after it with it.
"""

from __future__ import annotations

from typing import Any

from telegram import Update
from telegram.request import HTTPXRequest

from observability.logs import get_logger

log = get_logger(__name__)


class UpdateRequest(HTTPXRequest):
    """The request behind `getUpdates`: of an update that cannot be read only the number is left."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """As Telegram answered, without what the library would stumble over."""
        answer: dict[str, Any] = HTTPXRequest.parse_json_payload(payload)
        found = answer.get("result")
        if isinstance(found, list):
            answer["result"] = [_readable(update) for update in found]
        return answer


def _readable(data: dict[str, Any]) -> dict[str, Any]:
    """The update, or its number alone: that is still needed to say that we have it."""
    try:
        Update.de_json(data, None)
    except Exception as error:
        log.error("an update cannot be read", fault=type(error).__name__)
        return {"update_id": data["update_id"]}
    return data


def says_something(update: Update) -> bool:
    """Whether there is anything in an update that we asked for."""
    edited = update.edited_message is not None and update.edited_message.text is not None
    return edited or update.message is not None or update.callback_query is not None
