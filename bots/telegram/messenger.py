"""Sends messages to Telegram and maps its errors to ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from telegram import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    InputMediaAnimation,
    InputMediaDocument,
    InputMediaPhoto,
    InputPollOption,
    ReplyParameters,
)
from telegram.constants import ChatAction
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter, TelegramError
from telegram.ext import ExtBot

from bots.adapters.media_limits import TELEGRAM, CannotFit, Fitted, fit
from bots.adapters.messenger import MessageRejected, MessengerError, OutboundMessage, Picture, RetryLater, Unreachable
from bots.telegram.retry import MINOR, seconds_of

log = logging.getLogger(__name__)

MAX_CAPTION_LENGTH = 1024
GONE = ("to edit not found", "can't be edited", "message_id_invalid", "no text in the message")
"""Telegram's words when a message cannot be made into another one; the last: it has become a picture."""
T = TypeVar("T")


class TelegramMessenger:
    """A `Messenger` over PTB's bot, whose rate limiter is `RateLimiter`."""

    def __init__(self, bot: ExtBot[str]) -> None:
        self._bot = bot
        self._moved: dict[str, int] = {}
        """New ids of groups that became supergroups, for work started under the old id."""

    async def send(self, chat_id: str, message: OutboundMessage) -> str:
        """A new message; its number."""
        try:
            return await self._send(self._number(chat_id), message)
        except _Moved as moved:
            self._moved[chat_id] = moved.number
            return await self._send(moved.number, replace(message, reply_to=None))

    def _number(self, chat_id: str) -> int:
        return self._moved.get(chat_id, int(chat_id))

    async def _send(self, chat: int, note: OutboundMessage) -> str:
        reply = None
        if note.reply_to is not None:
            reply = ReplyParameters(int(note.reply_to), allow_sending_without_reply=True)
        where: dict[str, Any] = {
            "chat_id": chat,
            "reply_parameters": reply,
            "reply_markup": keyboard(note),
        }
        if note.poll:
            options = [InputPollOption(answer) for answer in note.poll]
            message = await _heard(self._bot.send_poll(question=note.text, options=options, **where))
        elif note.picture is None:
            message = await _heard(self._bot.send_message(text=note.text, **where))
        else:
            fitted = await _fitted(note.picture)
            file = InputFile(fitted.picture.data, fitted.picture.name)
            where["caption"] = note.text[:MAX_CAPTION_LENGTH]
            if fitted.picture.moves:
                message = await _heard(self._bot.send_animation(animation=file, **where))
            elif fitted.as_file:
                message = await _heard(self._bot.send_document(document=file, **where))
            else:
                message = await _heard(self._bot.send_photo(photo=file, **where))
        return str(message.message_id)

    async def edit(self, chat_id: str, message_id: str, message: OutboundMessage, *, minor: bool = False) -> bool:
        """Edit one of the bot's messages into this one, also from text to image; False if it no longer exists."""
        where: dict[str, Any] = {"chat_id": self._number(chat_id), "message_id": int(message_id)}
        where["reply_markup"] = keyboard(message)
        if minor:
            where["rate_limit_args"] = MINOR
        try:
            if message.picture is None:
                await _heard(self._bot.edit_message_text(text=message.text, **where))
            else:
                fitted = await _fitted(message.picture)
                kind = _media_of(fitted)
                caption, name = message.text[:MAX_CAPTION_LENGTH], fitted.picture.name
                media = kind(fitted.picture.data, caption=caption, filename=name)
                await _heard(self._bot.edit_message_media(media=media, **where))
        except _NotModified:
            return True
        except _Moved as moved:  # what was written in the old group cannot be changed any more
            self._moved[chat_id] = moved.number
            return False
        except _MessageGone:
            return False
        except RetryLater:
            if not minor:
                raise
        return True

    async def remove(self, chat_id: str, message_id: str) -> None:
        """Delete one of the bot's messages; a missing one, or one too old to delete, is ignored."""
        with suppress(MessageRejected, _MessageGone, _Moved):
            await _heard(self._bot.delete_message(chat_id=self._number(chat_id), message_id=int(message_id)))

    async def acting(self, chat_id: str) -> None:
        """ "typing …" for five seconds."""
        with suppress(TelegramError):
            await self._bot.send_chat_action(self._number(chat_id), ChatAction.TYPING, rate_limit_args=MINOR)


class TelegramPress:
    """A callback query. It is always answered, or the button would keep spinning."""

    def __init__(self, query: CallbackQuery) -> None:
        self._query = query
        self._answered = False

    async def toast(self, text: str) -> None:
        """A note at the top of the chat."""
        await self._answer(text)

    async def close(self, text: str) -> None:
        """Put the answer where the question and its buttons were."""
        message = self._query.message
        with suppress(TelegramError):  # an old message cannot be changed; then the buttons stay, and are stale
            if message is not None and getattr(message, "photo", None):
                await self._query.edit_message_caption(caption=text)
            else:
                await self._query.edit_message_text(text=text)

    async def finish(self) -> None:
        """Answer without words if nothing was said."""
        if not self._answered:
            await self._answer(None)

    async def _answer(self, text: str | None) -> None:
        self._answered = True
        # Too old to be answered, or Telegram is unavailable: what the press asked for is done all the same.
        with suppress(TelegramError):
            await self._query.answer(text)


def keyboard(message: OutboundMessage) -> InlineKeyboardMarkup | None:
    """The buttons under a message."""
    if not message.rows:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(label, callback_data=data) for label, data in row] for row in message.rows]
    )


def _media_of(fitted: Fitted) -> type[InputMediaAnimation | InputMediaDocument | InputMediaPhoto]:
    """What Telegram calls it."""
    if fitted.picture.moves:
        return InputMediaAnimation
    return InputMediaDocument if fitted.as_file else InputMediaPhoto


async def _fitted(picture: Picture) -> Fitted:
    """The picture within Telegram's limits. Raises Refused."""
    try:
        return await asyncio.to_thread(fit, picture, TELEGRAM)
    except CannotFit as fault:
        raise MessageRejected() from fault


class _NotModified(MessengerError):
    """It is so already."""


class _Moved(Unreachable):
    """The group has become a supergroup."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _MessageGone(MessengerError):
    """Nothing to edit."""


async def _heard(request: Awaitable[T]) -> T:
    """Wait for Telegram's answer, in our words where it is an error."""
    try:
        return await request
    except ChatMigrated as error:
        raise _Moved(error.new_chat_id) from error
    except Forbidden as error:
        raise Unreachable() from error
    except BadRequest as error:
        raise _meaning_of(error) from error
    except RetryAfter as error:
        raise RetryLater(seconds_of(error)) from error
    except NetworkError as error:
        raise RetryLater() from error


def _meaning_of(error: BadRequest) -> MessengerError:
    """Telegram distinguishes these cases by message text only."""
    words = error.message.lower()
    if "not modified" in words:
        return _NotModified()
    if any(gone in words for gone in GONE):
        return _MessageGone()
    if "chat not found" in words or "not enough rights" in words or "have no rights" in words:
        return Unreachable()
    return MessageRejected()
