"""The Discord bot: translates interactions into events and messages into API calls.

    INTERACTION_CREATE ─▶ discord_commands ─▶ lanes ─▶ discord_reading ─▶ Dialogue ─▶ Presenter ─▶ DiscordMessenger
    finished jobs ─▶ Courier ──────────────────────────────────────────────────────▶ Presenter ─▶ DiscordMessenger

The gateway brings interactions only (guilds intent): nothing that people say to each other is ever seen. Each
interaction is deferred at once, whatever else is going on; then one person's are handled one after the other.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import discord
from discord import app_commands

from bots.adapters.messenger import ButtonInteraction, MessengerError, OutboundMessage
from bots.adapters.runner import TokenRefused, run_bots
from bots.conversation.callback_data import read_unverified
from bots.conversation.events import (
    CommandGiven,
    CoupleProposed,
    OfferedPhoto,
    OtherMessage,
    PendingPhotos,
    PhotoNotTaken,
    Role,
)
from bots.discord.commands import MenuWords, Person, register
from bots.discord.messenger import ANSWERABLE, DiscordMessenger, DiscordPress, answer_key
from bots.discord.parsing import (
    PLATFORM,
    Interaction,
    PhotoRef,
    SlashInvocation,
    couple_of,
    escape_name,
    is_picture,
    kind_of,
    photo_in,
    who_of,
)
from bots.discord.retry import BROKEN, DiscordRetry, counting_refusals
from bots.i18n.messages import render
from bots.service.conversation_service import MAX_PHOTO, Answer, ConversationService, SentPhoto
from bots.service.delivery import DeliveryTimings, DeliveryWorker
from bots.service.effect_executor import Actor
from bots.service.keyed_locks import KeyedLocks
from bots.service.presenter import DeliveryTarget, Presenter
from bots.service.visibility import PRIVATE_COMMANDS
from observability.error_summary import fields_of
from observability.logs import get_logger
from observability.metrics import BOT_ERRORS
from storage.errors import StorageUnavailable

log = get_logger(__name__)

DOWNLOADS = 4
"""At once: a photo may have 20 MB, and a chat process is small."""
LAST_WORDS = 3.0
"""Seconds for telling people whose commands were not reached at shutdown to try again."""
AVATAR_PIXELS = 1024
MAX_AVATAR = 3 * AVATAR_PIXELS**2
"""Bytes for which room is made: a PNG of that side is smaller."""
HINT = "photo_hint_discord"

Work = Callable[[Actor, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DiscordOptions:
    """What tests change."""

    timings: DeliveryTimings = field(default_factory=lambda: DeliveryTimings(long_wait=ANSWERABLE))
    patience: DiscordRetry | None = None
    answerable: float = ANSWERABLE
    largest_photo: int = MAX_PHOTO
    grace: float = 8.0
    """Seconds for running work to finish at shutdown; after that it is abandoned."""


class DiscordBot:
    """One bot process. `run()` until a signal comes, or `start()` and `stop()` inside something larger."""

    def __init__(self, token: str, service: ConversationService, options: DiscordOptions | None = None) -> None:
        options = options or DiscordOptions()
        silence_libraries()
        self._token = token
        self._options = options
        self._service = service
        self._patience = options.patience or DiscordRetry()
        self._locks = KeyedLocks()
        self._downloads = asyncio.Semaphore(DOWNLOADS)
        self._client = _Client(self._on_component)
        self._tree = _Tree(
            self._client,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )
        register(self._tree, self._on_command, self._on_message_menu, self._on_couple)
        self._messenger = DiscordMessenger(self._client, self._patience, answerable=options.answerable)
        self._presenter = Presenter(service, HINT, escape_name)
        self._delivery = DeliveryWorker(
            service, self._messenger, self._locks, PLATFORM, options.timings, self._presenter
        )
        self._background: list[asyncio.Task[None]] = []
        self._gateway: asyncio.Task[None] | None = None
        self._heeding: set[asyncio.Task[Any]] = set()

    # Life

    async def run(self) -> None:
        """Start, work until SIGINT or SIGTERM (or cancellation), stop in order. Raises TokenRefused."""
        await run_bots([self])

    async def start(self) -> None:
        """Log in, however long Discord is unavailable; then listen. Raises TokenRefused."""
        await self._log_in()
        self._gateway = asyncio.create_task(self._client.connect(), name="gateway")
        self._background = [
            asyncio.create_task(self._delivery.run(), name="courier"),
            asyncio.create_task(self._set_commands(), name="commands"),
        ]
        log.info("listening to Discord")

    async def ended(self) -> None:
        """Wait; raises what the gateway ended with. Lost connections are resumed and do not end it."""
        assert self._gateway is not None
        try:
            await asyncio.shield(self._gateway)
        except discord.ConnectionClosed as fault:
            if fault.code == 4004:
                raise TokenRefused("Discord") from None
            raise

    async def stop(self) -> None:
        """Accept nothing new, finish running work, disconnect."""
        end = asyncio.get_running_loop().call_later(self._options.grace, self._patience.hurry)
        if self._gateway is not None:
            self._gateway.cancel()
            await asyncio.gather(self._gateway, return_exceptions=True)
        if self._heeding:
            _, left = await asyncio.wait(self._heeding, timeout=self._options.grace)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=LAST_WORDS)
        for background in self._background:
            background.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        end.cancel()
        await self._client.close()

    async def _log_in(self) -> None:
        wait = 1.0
        while True:
            try:
                await self._client.login(self._token)
                return
            except discord.LoginFailure:
                refused = True
            except (*BROKEN, discord.HTTPException):
                refused = False
            # The library opens another session with each try, over a connector that closes with the first.
            await self._client.http.close()
            self._client.http.connector = discord.utils.MISSING
            if refused:
                raise TokenRefused("Discord")
            log.warning("Discord cannot be reached, trying again", seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 60.0)

    async def _set_commands(self) -> None:
        """The commands and menus, in every language."""
        try:
            await self._tree.set_translator(MenuWords())
            await self._patience.heard(self._tree.sync)
        except (MessengerError, app_commands.AppCommandError) as fault:
            # Those of the last start are still there; answering people matters more.
            log.warning("the commands could not be set", fault=type(fault).__name__)

    # Handlers

    async def _on_command(self, interaction: Interaction, invocation: SlashInvocation) -> None:
        """A slash command: its photos first, then what it says."""

        async def work(actor: Actor, key: str) -> None:
            if invocation.photos:
                await self._take(actor, key, invocation.photos, invocation.wishes)
            else:
                event = CommandGiven(invocation.name, invocation.argument, key, ours=True)
                await self._answer(actor, key, self._service.run_in_thread(self._service.hear, actor, event))

        await self._handle(interaction, work, private=invocation.name in PRIVATE_COMMANDS)

    async def _on_message_menu(self, interaction: Interaction, role: Role, message: discord.Message) -> None:
        """ "Use as mom" beside somebody's message."""

        async def work(actor: Actor, key: str) -> None:
            us = str(self._client.user.id) if self._client.user is not None else ""
            photo = photo_in(message, role, actor.user, us)
            if photo is not None:
                await self._take(actor, key, (photo,), {})
            else:
                event = OtherMessage(kind_of(message), message_id=key)
                await self._answer(actor, key, self._service.run_in_thread(self._service.hear, actor, event))

        await self._handle(interaction, work)

    async def _on_couple(self, interaction: Interaction, first: Person, second: Person) -> None:
        """Two people by their avatars: the conversation asks both."""

        async def work(actor: Actor, key: str) -> None:
            event = CoupleProposed(couple_of(first, second), key)
            await self._answer(actor, key, self._service.run_in_thread(self._service.hear, actor, event))

        await self._handle(interaction, work)

    async def _on_component(self, interaction: Interaction) -> None:
        """A button. Under a picture the answer is something new; under a question it takes the question's place."""
        data = interaction.custom_id or ""
        pressed = read_unverified(data)

        async def work(actor: Actor, key: str) -> None:
            turn = self._service.run_in_thread(self._service.press, actor, data, key)
            await self._answer(actor, key, turn, DiscordPress(self._messenger, interaction))

        await self._handle(interaction, work, thinking=pressed is not None and pressed.job_id is not None)

    async def _handle(
        self, interaction: Interaction, work: Work, *, private: bool = False, thinking: bool = True
    ) -> None:
        """Defer at once, then do the work when it is this person's turn; the edge where faults become apologies."""
        who, key = who_of(interaction), answer_key(interaction)
        task = asyncio.current_task()
        assert task is not None
        self._heeding.add(task)
        task.add_done_callback(self._heeding.discard)
        opening = asyncio.create_task(
            self._messenger.open(interaction, private=private and who.group, thinking=thinking)
        )
        try:
            async with self._locks.hold((who.chat_id, who.user)):
                await opening
                await work(who, key)
        except asyncio.CancelledError:
            await self._messenger.give_up(key, render("restarted_try_again", {}, who.language))
            raise
        except Exception as fault:
            await self._apologise(who, key, fault)
        finally:
            await self._messenger.dismiss(key)

    async def _apologise(self, actor: Actor, key: str, fault: Exception) -> None:
        """Unexpected errors become an apology with an id that is also logged."""
        number = uuid.uuid4().hex[:8]
        log.error("an unexpected fault", error=number, **fields_of(fault))
        BOT_ERRORS.labels(PLATFORM, type(fault).__name__).inc()
        with suppress(Exception):  # it may be Discord itself that fails
            language = actor.language
            with suppress(StorageUnavailable):
                language = await self._service.run_in_thread(self._service.language_for, actor)
            key_of_words = "store_away_try_again" if isinstance(fault, StorageUnavailable) else "went_wrong"
            words = render(key_of_words, {"number": number}, language)
            await self._messenger.send(actor.chat_id, OutboundMessage(words, reply_to=key, private=actor.group))

    async def _answer(
        self, actor: Actor, key: str, turn: Awaitable[Answer], interaction: ButtonInteraction | None = None
    ) -> None:
        """Show what a turn wants shown, and watch the jobs it queued."""
        await self._show(actor, key, await turn, interaction)

    async def _show(self, actor: Actor, key: str, answer: Answer, interaction: ButtonInteraction | None = None) -> None:
        target = DeliveryTarget(actor.chat_id, answer.owner, answer.language, actor.group, reply_to=key)
        sent: list[str] = []
        status = None
        try:
            sent = await self._presenter.show(self._messenger, target, answer.lines, interaction)
            if answer.jobs and self._messenger.is_thinking(key):
                # "thinking …" becomes the progress message, and that the picture.
                words = render("progress_encoding", {}, answer.language)
                status = await self._messenger.send(actor.chat_id, OutboundMessage(words, reply_to=key, progress=0.0))
        except MessengerError as fault:
            # The turn itself is saved; only these words are lost.
            log.warning("an answer could not be sent", fault=type(fault).__name__)
        for job in answer.jobs:
            self._delivery.watch(job, status)
        if actor.group:
            for number in sent:
                await self._service.run_in_thread(self._service.note_prompt, actor, answer.owner, number)
        for offer in answer.fetch:
            await self._take_in(replace(actor, user=offer.speaker or actor.user), key, offer)
        if answer.avatars:
            await self._on_agreed(actor, key, answer)

    async def _on_agreed(self, actor: Actor, key: str, agreed: Answer) -> None:
        """Both people consented: fetch and submit their avatars."""
        photos: list[SentPhoto] = []
        missing: list[str] = []
        async with self._service.downloads.hold(len(agreed.avatars) * MAX_AVATAR):
            for person in agreed.avatars:
                data = await self._fetch_avatar(person)
                if data is None:
                    missing.append(person)
                else:
                    photos.append(SentPhoto(data, None, sender=person))
            answer = await self._service.run_in_thread(
                self._service.take_avatars, actor, agreed.owner, photos, missing, key
            )
        await self._show(actor, key, answer)

    # Photos

    async def _take(self, actor: Actor, key: str, photos: tuple[PhotoRef, ...], wishes: dict[str, Any]) -> None:
        """Check size and type, and accept what fits."""
        fitting: list[OfferedPhoto] = []
        for one in photos:
            fault = self._unfit(one, key)
            if fault is None:
                fitting.append(OfferedPhoto(one.file.url, None, one.role, one.sender, one.file.size, one.reposted))
            else:
                await self._answer(actor, key, self._service.run_in_thread(self._service.hear, actor, fault))
        if fitting:
            await self._take_in(actor, key, PendingPhotos(tuple(fitting), wishes=wishes))

    async def _take_in(self, actor: Actor, key: str, pending: PendingPhotos) -> None:
        """Fetch and submit photos; ask for consent first where it is missing."""
        question = await self._service.run_in_thread(self._service.ask_first, actor, pending)
        if question is not None:
            await self._show(actor, key, question)
            return
        limit = self._options.largest_photo
        admitted = await self._service.run_in_thread(self._service.admit, actor, pending, limit)
        if admitted.refused is not None:
            await self._show(actor, key, admitted.refused)
            return
        async with self._service.downloads.hold(admitted.most_bytes(limit)):
            fetched: list[SentPhoto] = []
            for offered in admitted.photos:
                photo = await self._fetch(offered, key)
                if isinstance(photo, SentPhoto):
                    fetched.append(photo)
                else:
                    await self._answer(actor, key, self._service.run_in_thread(self._service.hear, actor, photo))
            if not fetched:
                return
            answer = await self._service.run_in_thread(
                self._service.take_photos, actor, fetched, None, pending.wishes, admitted.left_out
            )
            fetched.clear()
        await self._show(actor, key, answer)

    def _unfit(self, photo: PhotoRef, key: str) -> PhotoNotTaken | None:
        """Why a file need not be fetched."""
        limit = self._options.largest_photo
        if not is_picture(photo.file):
            if (photo.file.content_type or "").startswith("video/"):
                return PhotoNotTaken("unsupported_picture", {"found": "mp4"}, key)
            return PhotoNotTaken("not_a_picture", {}, key)
        if photo.file.size > limit:
            return PhotoNotTaken("photo_too_large", {"what": "bytes", "limit": limit, "size": photo.file.size}, key)
        return None

    async def _fetch(self, photo: OfferedPhoto, key: str) -> SentPhoto | PhotoNotTaken:
        """The bytes, or why not."""
        try:
            async with self._downloads:
                data = await self._patience.heard(lambda: self._client.http.get_from_cdn(photo.ref))
        except MessengerError:
            return PhotoNotTaken("photo_not_fetched", {}, key)
        return SentPhoto(data, key, photo.role, photo.sender)

    async def _fetch_avatar(self, person: str) -> bytes | None:
        """A person's current avatar; None if they have not set one."""
        try:
            user = await self._patience.heard(lambda: self._client.fetch_user(int(person)))
            if user.avatar is None:
                return None
            avatar = user.avatar.replace(size=AVATAR_PIXELS, format="png")
            async with self._downloads:
                return await self._patience.heard(avatar.read)
        except MessengerError:
            return None


class _Client(discord.Client):
    """discord.py's client, hearing buttons, keeping nothing about guilds and people."""

    def __init__(self, on_component: Callable[[Interaction], Awaitable[None]]) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=counting_refusals(),
        )
        self._on_component = on_component

    async def on_interaction(self, interaction: Interaction) -> None:
        """Commands go through the tree; buttons come here, also those of messages sent by an earlier process."""
        if interaction.type is discord.InteractionType.component:
            await self._on_component(interaction)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """Where it happened, and nothing of what it was about."""
        import sys

        fault = sys.exc_info()[1]
        if fault is not None:
            log.error("an event of Discord's failed", event_name=event_method, **fields_of(fault))


class _Tree(app_commands.CommandTree[_Client]):
    """discord.py's tree of commands, with an edge of ours."""

    async def on_error(self, interaction: Any, error: app_commands.AppCommandError, /) -> None:
        """A command that we no longer have, or one that was filled in as Discord should not have allowed."""
        log.warning("a command could not be read", fault=type(error).__name__)
        with suppress(*BROKEN, discord.DiscordException):
            words = render("command_not_read", {}, interaction.locale.value)
            await interaction.response.send_message(words, ephemeral=True)


def silence_libraries() -> None:
    """Keep tokens and people's words out of the log: at other levels the library writes addresses and messages."""
    for name, least in (("discord", logging.ERROR), ("discord.gateway", logging.WARNING)):
        logger = logging.getLogger(name)
        if logger.level < least:
            logger.setLevel(least)
