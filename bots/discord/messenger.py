"""Sends messages to Discord: as interaction responses while possible, else as channel messages.

A deferred command shows "thinking …". The first note turns that into itself: an edit, so doing it twice is doing it
once. Further notes are follow-ups. After fifteen minutes, after a restart, or where there was no interaction, notes
are messages in the channel, with a nonce that keeps a second try from being a second message.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import discord

from bots.adapters.media_limits import CannotFit, discord_limits, fit
from bots.adapters.messenger import MessageRejected, MessengerError, OutboundMessage, Picture, RetryLater
from bots.discord.retry import DiscordRetry, InteractionExpired, MessageGone
from observability.logs import get_logger

log = get_logger(__name__)

ANSWERABLE = 14.5 * 60.0
"""Seconds. Discord takes answers for 15 minutes; the rest is left for the request itself."""
REMEMBERED = 3600.0
"""Seconds for which it is known that a message was an answer that is over."""
MAX_TEXT_LENGTH = 2000
MAX_ALT_LENGTH = 1024
MAX_LABEL_LENGTH = 80
MAX_QUESTION_LENGTH, MAX_ANSWER = 300, 55
POLL_OPEN = timedelta(days=1)
MINOR_PATIENCE = 3.0
"""Seconds for an edit that may as well be dropped."""

Interaction = discord.Interaction[discord.Client]


@dataclass(slots=True)
class OpenAnswer:
    """An interaction that can still be answered. `thinking`: its deferred message has not become anything yet."""

    interaction: Interaction
    person: str
    private: bool
    thinking: bool
    until: float

    @property
    def over(self) -> bool:
        """Whether Discord would take no more."""
        return time.monotonic() >= self.until


class DiscordMessenger:
    """A `Messenger` over discord.py. Chats are channels; a note's `reply_to` is a message or an interaction."""

    def __init__(self, client: discord.Client, patience: DiscordRetry, *, answerable: float = ANSWERABLE) -> None:
        self._client = client
        self._patience = patience
        self._answerable = answerable
        self._answers: dict[str, OpenAnswer] = {}
        self._latest: dict[str, str] = {}
        """In a private chat nothing has to say what it answers: the newest interaction it is."""
        self._sent: dict[str, OpenAnswer] = {}
        """By message, the interaction it was sent through."""

    # Interactions

    async def open(self, interaction: Interaction, *, private: bool, thinking: bool) -> str:
        """Defer, at once; the key by which notes answer this interaction.

        One that Discord will not have answered any more is answered by channel messages.
        """
        self._forget_old()
        key = answer_key(interaction)
        answer = OpenAnswer(
            interaction, str(interaction.user.id), private, thinking, time.monotonic() + self._answerable
        )

        async def defer() -> None:
            with suppress(discord.InteractionResponded):
                await interaction.response.defer(ephemeral=private, thinking=thinking)

        try:
            await self._patience.heard(defer)
        except InteractionExpired:
            return key
        except MessageRejected:
            pass  # acknowledged by a try whose answer was lost
        except MessengerError as fault:
            log.warning("an interaction could not be deferred", fault=type(fault).__name__)
            answer.thinking = False
        self._answers[key] = answer
        if interaction.guild_id is None:
            self._latest[chat_of(interaction)] = key
        return key

    async def dismiss(self, key: str) -> None:
        """Remove a "thinking …" message that will not become anything."""
        answer = self._answers.get(key)
        if answer is not None and answer.thinking:
            with suppress(MessengerError):
                await self._take_thinking_away(answer)

    async def give_up(self, key: str, words: str) -> None:
        """Nothing will come of "thinking …" because the program ends: make it a last sentence."""
        answer = self._answers.get(key)
        if answer is not None and answer.thinking:
            with suppress(MessengerError):
                await self._answer(answer, OutboundMessage(words, private=answer.private))

    def is_thinking(self, key: str) -> bool:
        """Whether the deferred message waits for something to become."""
        answer = self._answers.get(key)
        return answer is not None and answer.thinking and not answer.private

    def _forget_old(self) -> None:
        self._answers = {key: answer for key, answer in self._answers.items() if not answer.over}
        long_ago = time.monotonic() - REMEMBERED
        self._sent = {number: answer for number, answer in self._sent.items() if answer.until > long_ago}

    async def close_question(self, interaction: Interaction, text: str) -> None:
        """Replace the text of the question whose button was pressed; its image stays."""
        request = lambda: interaction.edit_original_response(content=text[:MAX_TEXT_LENGTH], view=None)  # noqa: E731
        try:
            await self._patience.heard(request)
        except InteractionExpired:
            if interaction.message is not None:
                message = self._message(chat_of(interaction), str(interaction.message.id))
                await self._patience.heard(lambda: message.edit(content=text[:MAX_TEXT_LENGTH], view=None))

    # Messenger

    async def send(self, chat_id: str, message: OutboundMessage) -> str:
        """A new message; its number."""
        message = await self._fitting(chat_id, message)
        answer = self._answer_for(chat_id, message)
        if answer is not None:
            try:
                return await self._answer(answer, message)
            except InteractionExpired:
                answer.until = 0.0
        return await self._post(chat_id, message)

    async def edit(self, chat_id: str, message_id: str, message: OutboundMessage, *, minor: bool = False) -> bool:
        """Make a message of ours into this one; False when it is gone.

        What everybody sees cannot be made into what one person sees, and a picture in an answer that is over would
        come unnoticed: then the old message is taken away.
        """
        answer = self._sent.get(message_id)
        whispers = answer is not None and answer.private
        unnoticed = message.picture is not None and answer is not None and answer.over
        if unnoticed or (message.private and not whispers and self._answer_for(chat_id, message) is not None):
            await self.remove(chat_id, message_id)
            return False
        message = await self._fitting(chat_id, message)
        try:
            async with asyncio.timeout(MINOR_PATIENCE if minor else None):
                await self._edit(chat_id, message_id, message)
        except MessageGone:
            return False
        except InteractionExpired:
            return await self.edit(chat_id, message_id, message, minor=minor)  # now that it is known
        except (RetryLater, TimeoutError):
            if not minor:
                raise
        return True

    async def remove(self, chat_id: str, message_id: str) -> None:
        """Delete one of the bot's messages; a missing one is ignored."""
        answer = self._sent.pop(message_id, None)
        with suppress(MessageRejected, MessageGone):
            if answer is not None and not answer.over:
                with suppress(InteractionExpired):
                    followup = answer.interaction.followup
                    await self._patience.heard(lambda: followup.delete_message(int(message_id)))
                    return
            await self._patience.heard(self._message(chat_id, message_id).delete)

    async def acting(self, chat_id: str) -> None:
        """ "thinking …" and the progress message say it already."""

    # How

    async def _answer(self, answer: OpenAnswer, note: OutboundMessage) -> str:
        """Through the interaction: into "thinking …" where that fits, else as a follow-up."""
        if answer.thinking and answer.private != note.private:
            await self._take_thinking_away(answer)
        body = _Body(note)
        request: Callable[[], Awaitable[discord.Message]]
        if answer.thinking:
            answer.thinking = False
            request = lambda: answer.interaction.edit_original_response(**body.first())  # noqa: E731
        else:
            request = lambda: answer.interaction.followup.send(wait=True, ephemeral=note.private, **body.new())  # noqa: E731
        message = await self._patience.heard(request)
        self._sent[str(message.id)] = OpenAnswer(answer.interaction, answer.person, note.private, False, answer.until)
        return str(message.id)

    async def _take_thinking_away(self, answer: OpenAnswer) -> None:
        answer.thinking = False
        with suppress(MessageGone):
            await self._patience.heard(answer.interaction.delete_original_response)

    async def _post(self, chat_id: str, note: OutboundMessage) -> str:
        """Into the channel, naming the one who has waited, or answering the message that was meant."""
        person, message = read_key(note.reply_to)
        more: dict[str, Any] = {"nonce": nonce_of(note)}
        if message is not None:
            more["reference"] = discord.MessageReference(
                message_id=message, channel_id=int(chat_id), fail_if_not_exists=False
            )
        channel = self._client.get_partial_messageable(int(chat_id))
        body = _Body(note, mention=person)
        sent = await self._patience.heard(lambda: channel.send(**body.new(), **more))
        return str(sent.id)

    async def _edit(self, chat_id: str, message_id: str, note: OutboundMessage) -> None:
        body = _Body(note)
        answer = self._sent.get(message_id)
        if answer is not None and not answer.over:
            followup = answer.interaction.followup
            try:
                await self._patience.heard(lambda: followup.edit_message(int(message_id), **body.edited()))
            except InteractionExpired:
                answer.until = 0.0
                raise
            return
        message = self._message(chat_id, message_id)
        await self._patience.heard(lambda: message.edit(**body.edited()))

    def _answer_for(self, chat_id: str, message: OutboundMessage) -> OpenAnswer | None:
        """The interaction that a note may go through."""
        answer = self._answers.get(message.reply_to or self._latest.get(chat_id, ""))
        return None if answer is None or answer.over else answer

    def _message(self, chat_id: str, message_id: str) -> discord.PartialMessage:
        return self._client.get_partial_messageable(int(chat_id)).get_partial_message(int(message_id))

    async def _fitting(self, chat_id: str, message: OutboundMessage) -> OutboundMessage:
        """The note with its picture below the channel's limit of bytes. Raises Refused."""
        if message.picture is None:
            return message
        guild = getattr(self._client.get_channel(int(chat_id)), "guild", None)
        limit = guild.filesize_limit if guild is not None else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        answer = self._answer_for(chat_id, message)
        if answer is not None:
            limit = answer.interaction.filesize_limit
        try:
            fitted = await asyncio.to_thread(fit, message.picture, discord_limits(limit))
        except CannotFit as fault:
            raise MessageRejected() from fault
        return replace(message, picture=fitted.picture)


class DiscordPress:
    """A button press: the answer goes to the person who pressed, or replaces the question."""

    def __init__(self, messenger: DiscordMessenger, interaction: Interaction) -> None:
        self._messenger = messenger
        self._interaction = interaction

    async def toast(self, text: str) -> None:
        """A note that only the one who pressed sees."""
        with suppress(MessengerError):
            message = OutboundMessage(text, reply_to=answer_key(self._interaction), private=True)
            await self._messenger.send(chat_of(self._interaction), message)

    async def close(self, text: str) -> None:
        """Put the answer where the question and its buttons were."""
        # Too old to be edited, or gone: then the buttons stay, and are stale.
        with suppress(MessengerError):
            await self._messenger.close_question(self._interaction, text)


class _Body:
    """A note as arguments of discord.py, made anew for each try: a file can be read only once."""

    def __init__(self, message: OutboundMessage, mention: int | None = None) -> None:
        self._note = message
        self._mention = mention

    def new(self) -> dict[str, Any]:
        """For a new message."""
        fields: dict[str, Any] = {"content": self._text(), "allowed_mentions": self._mentions()}
        if self._note.picture is not None:
            fields["file"] = self._file(self._note.picture)
        if self._note.rows:
            fields["view"] = buttons(self._note)
        if self._note.poll:
            fields["content"], fields["poll"] = None, poll(self._note)
        return fields

    def first(self) -> dict[str, Any]:
        """For "thinking …", the one message that can be made into a poll."""
        return self.edited() | ({"content": None, "poll": poll(self._note)} if self._note.poll else {})

    def edited(self) -> dict[str, Any]:
        """For an existing one, of which nothing is to be left."""
        picture = self._note.picture
        return {
            "content": self._text(),
            "attachments": [] if picture is None else [self._file(picture)],
            "view": buttons(self._note) if self._note.rows else None,
            "allowed_mentions": self._mentions(),
        }

    def _file(self, picture: Picture) -> discord.File:
        """With words for people who cannot see the picture; the caption where there are no better ones."""
        words = (picture.alt or self._note.text)[:MAX_ALT_LENGTH]
        return discord.File(io.BytesIO(picture.data), picture.name, description=words or None)

    def _text(self) -> str:
        named = f"<@{self._mention}> " if self._mention is not None else ""
        return (named + self._note.text)[:MAX_TEXT_LENGTH]

    def _mentions(self) -> discord.AllowedMentions:
        """Mentions notify nobody except the person waiting."""
        if self._mention is None:
            return discord.AllowedMentions.none()
        return discord.AllowedMentions(everyone=False, roles=False, users=[discord.Object(self._mention)])


def poll(message: OutboundMessage) -> discord.Poll:
    """A poll of Discord's own."""
    asked = discord.Poll(message.text[:MAX_QUESTION_LENGTH], POLL_OPEN)
    for answer in message.poll:
        asked.add_answer(text=answer[:MAX_ANSWER])
    return asked


def buttons(message: OutboundMessage) -> discord.ui.View:
    """The buttons under a message. What they say when pressed says everything, so nothing has to remember them."""
    view = discord.ui.View(timeout=None)
    for number, row in enumerate(message.rows):
        for label, data in row:
            view.add_item(discord.ui.Button(label=label[:MAX_LABEL_LENGTH], custom_id=data, row=number))
    view.stop()  # or the library would keep it, for ever
    return view


def nonce_of(message: OutboundMessage) -> str:
    """What Discord tells a second try by; at most 25 letters."""
    return hashlib.sha256(message.once.encode()).hexdigest()[:24] if message.once else secrets.token_hex(12)


def chat_of(interaction: Interaction) -> str:
    """The channel, as the conversation knows it."""
    return str(interaction.channel_id)


def answer_key(interaction: Interaction) -> str:
    """How notes refer to an interaction; it also tells whom to name once that is over."""
    return f"{interaction.id}.{interaction.user.id}"


def read_key(reply_to: str | None) -> tuple[int | None, int | None]:
    """The person who waits, or the message that is answered."""
    if reply_to is None:
        return None, None
    first, dot, person = reply_to.partition(".")
    return (int(person), None) if dot else (None, int(first))
