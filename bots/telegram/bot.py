"""The Telegram bot: translates updates into events and messages into API calls.

    Update ─▶ Inbox ─▶ OrderedUpdateProcessor (lanes, albums) ─▶ HANDLERS ─▶ telegram_reading ─▶ Dialogue ─▶ Presenter
    finished jobs ─▶ Courier ────────────────────────────────────────────────────────────────▶ Presenter
    Presenter ─▶ TelegramMessenger

Updates of different people run at the same time, those of one person in one chat one after the other, albums as one.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from telegram import (
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    CallbackQuery,
    Message,
    Update,
)
from telegram.constants import ChatMemberStatus
from telegram.error import BadRequest, InvalidToken, NetworkError, TelegramError
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    ContextTypes,
    ExtBot,
    MessageHandler,
    filters,
)

from bots import commands
from bots.adapters.messenger import ButtonInteraction, MessengerError, OutboundMessage
from bots.adapters.runner import CannotListen, TokenRefused, run_bots
from bots.conversation.events import (
    CommandGiven,
    CoupleProposed,
    Event,
    OfferedPhoto,
    OtherMessage,
    PendingPhotos,
    PhotoNotTaken,
    TextSaid,
)
from bots.i18n.languages import DEFAULT_LANGUAGE, LANGUAGES
from bots.i18n.messages import render
from bots.service.conversation_service import MAX_PHOTO, Answer, ConversationService, ReplyTo, SentPhoto
from bots.service.delivery import DeliveryTimings, DeliveryWorker
from bots.service.effect_executor import Actor
from bots.service.keyed_locks import KeyedLocks
from bots.service.presenter import DeliveryTarget, Presenter
from bots.service.receipts import Receipt
from bots.telegram.albums import QUIET, Albums
from bots.telegram.messenger import TelegramMessenger, TelegramPress
from bots.telegram.ordering import OrderedUpdateProcessor, album_key
from bots.telegram.parsing import PLATFORM, IncomingMessage, has_button, numbers_of_group, read_message, username_of
from bots.telegram.requests import UpdateRequest
from bots.telegram.retry import RateLimiter
from bots.telegram.update_queue import DurableUpdateQueue, UpdateInbox
from bots.telegram.webhook import Webhook, WebhookServer
from observability.error_summary import fields_of
from observability.logs import get_logger
from observability.metrics import BOT_ERRORS

log = get_logger(__name__)

DOWNLOADS = 4
"""At once: a photo may have 20 MB, and a chat process is small."""
FETCH_TRIES = 5
MAX_AVATAR = 2**20
"""Bytes for which room is made; a profile photo has about a tenth."""
EDITABLE = ("age", "group", "mix", "sex", "genes", "smile", "look", "names")
"""Commands whose value may be corrected in the message that was sent."""
ALLOWED_UPDATES = ["message", "edited_message", "callback_query"]


@dataclass(frozen=True, slots=True)
class TelegramOptions:
    """What tests and people with their own Bot API server change."""

    api_root: str = "https://api.telegram.org"
    poll_seconds: int = 10
    album_quiet: float = QUIET
    timings: DeliveryTimings = field(default_factory=DeliveryTimings)
    patience: RateLimiter | None = None
    largest_photo: int = MAX_PHOTO
    webhook: Webhook | None = None
    """Where Telegram brings updates to; without it they are fetched."""
    grace: float = 8.0
    """Seconds for running work to finish at shutdown; after that it is abandoned."""


class TelegramBot:
    """One bot process. `run()` until a signal comes, or `start()` and `stop()` inside something larger."""

    def __init__(self, token: str, service: ConversationService, options: TelegramOptions | None = None) -> None:
        options = options or TelegramOptions()
        silence_libraries()
        self._options = options
        self._service = service
        self._patience = options.patience or RateLimiter()
        self._locks = KeyedLocks()
        self._albums: Albums[Update] = Albums(options.album_quiet)
        queue = DurableUpdateQueue()
        self._downloads = asyncio.Semaphore(DOWNLOADS)
        self.application = (
            Application.builder()
            .token(token)
            .base_url(f"{options.api_root}/bot")
            .base_file_url(f"{options.api_root}/file/bot")
            .get_updates_request(UpdateRequest(connection_pool_size=1))
            .rate_limiter(self._patience)
            .update_queue(queue)
            .concurrent_updates(OrderedUpdateProcessor(self._locks, self._albums))
            .job_queue(None)
            .build()
        )
        self._bot: ExtBot[Any] = self.application.bot
        self._messenger = TelegramMessenger(self._bot)
        self._presenter = Presenter(service)
        self._inbox = UpdateInbox(service, queue, self._messenger, PLATFORM)
        self._webhook = WebhookServer(options.webhook, self._bot, self._inbox.take) if options.webhook else None
        self._delivery = DeliveryWorker(service, self._messenger, self._locks, PLATFORM, options.timings)
        self._background: list[asyncio.Task[None]] = []
        self._register()

    def _register(self) -> None:
        """All handlers, in one place."""
        self.application.add_handler(MessageHandler(filters.UpdateType.MESSAGE, self._on_message))
        self.application.add_handler(MessageHandler(filters.UpdateType.EDITED_MESSAGE & filters.TEXT, self._on_edited))
        self.application.add_handler(CallbackQueryHandler(self._on_button))
        self.application.add_error_handler(self._on_error)

    # Life

    async def run(self) -> None:
        """Start, work until SIGINT or SIGTERM (or cancellation), stop in order. Raises TokenRefused."""
        await run_bots([self])

    async def ended(self) -> None:
        """Wait forever: polling survives every error."""
        await asyncio.Event().wait()

    async def start(self) -> None:
        """Connect, however long Telegram is unavailable; then listen. Raises TokenRefused, CannotListen."""
        await self._connect()
        await self._inbox.open(self._bot, polls=self._webhook is None)
        if self._webhook is None:
            await self._start_polling()
        else:
            await self._start_webhook(self._webhook)
        await self.application.start()
        self._background = [
            asyncio.create_task(self._delivery.run(), name="courier"),
            asyncio.create_task(self._set_commands(), name="commands"),
        ]
        log.info("listening to Telegram")

    async def _start_polling(self) -> None:
        assert self.application.updater is not None
        # -1: a server that goes away between our two requests is waited for, too.
        await self.application.updater.start_polling(
            timeout=self._options.poll_seconds, bootstrap_retries=-1, allowed_updates=ALLOWED_UPDATES
        )

    async def _start_webhook(self, webhook: WebhookServer) -> None:
        try:
            await webhook.open()
            await webhook.announce(ALLOWED_UPDATES)
        except CannotListen:
            await webhook.close()
            await self.application.shutdown()
            raise

    async def stop(self) -> None:
        """Accept nothing new, finish running work, disconnect."""
        assert self.application.updater is not None
        self._inbox.stop()
        end = asyncio.get_running_loop().call_later(self._options.grace, self._patience.hurry)
        if self._webhook is not None:
            await self._webhook.withdraw()
            await self._webhook.close()
        if self.application.updater.running:
            await self.application.updater.stop()
        if self.application.running:
            await self.application.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        end.cancel()
        await self.application.shutdown()

    async def _connect(self) -> None:
        wait = 1.0
        while True:
            try:
                await self.application.initialize()
                return
            except InvalidToken:
                refused = True
            except NetworkError:
                refused = False
            if refused:
                await self._bot.shutdown()
                raise TokenRefused("Telegram")
            log.warning("Telegram cannot be reached, trying again", seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 60.0)

    async def _set_commands(self) -> None:
        """The menus per chat type and language; English for other languages."""
        menus = (
            (commands.PRIVATE, BotCommandScopeAllPrivateChats()),
            (commands.GROUP, BotCommandScopeAllGroupChats()),
        )
        try:
            for names, scope in menus:
                for language in LANGUAGES:
                    code = None if language == DEFAULT_LANGUAGE else language
                    await self._bot.set_my_commands(commands.menu(names, language), scope, code)
        except TelegramError as error:
            # The menus of the last start are still there; answering people matters more.
            log.warning("the command menus could not be set", fault=type(error).__name__)

    # Handlers

    async def _on_message(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Words, a command, a photo or an album."""
        assert update.message is not None
        updates = [update]
        if update.message.media_group_id is not None:
            updates = await self._albums.complete(album_key(update.message))
        messages = [each.message for each in updates if each.message is not None]
        messages.sort(key=lambda message: message.message_id)
        await self._inbox.handle(updates, lambda receipt: self._on_messages(messages, receipt))

    async def _on_edited(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Words that were corrected. Photos whose caption was are known already."""
        message = update.edited_message
        assert message is not None

        async def work(receipt: Receipt) -> None:
            said = read_message(message, self._bot.bot)
            event = None if said is None or said.photo is not None else edited(event_of(said))
            if said is not None and event is not None:
                actor = replace(said.actor, receipt=receipt)
                await self._answer(actor, self._service.run_in_thread(self._service.hear, actor, event))

        await self._inbox.handle([update], work)

    async def _on_messages(self, messages: list[Message], receipt: Receipt) -> None:
        for before, after in numbers_of_group(messages):
            await self._service.run_in_thread(self._service.groups.renumber, PLATFORM, before, after)
        said = [
            replace(read, actor=replace(read.actor, receipt=receipt))
            for message in messages
            if (read := read_message(message, self._bot.bot)) is not None
        ]
        photos = [one for one in said if one.photo is not None]
        if photos:
            await self._on_photos(photos)
        for one in said:
            event = event_of(one)
            if event is not None:
                actor = await self._with_rights(one)
                await self._answer(actor, self._service.run_in_thread(self._service.hear, actor, event))

    async def _with_rights(self, message: IncomingMessage) -> Actor:
        """The speaker; for a command that changes something for the group, with the answer whether they may."""
        who, command = message.actor, message.command
        if not who.group or who.admin or command is None or command.name != "wall" or not command.argument:
            return who
        try:
            member = await self._bot.get_chat_member(int(who.chat_id), int(who.user))
        except TelegramError:
            return who
        return replace(who, admin=member.status in (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR))

    async def _on_photos(self, said: list[IncomingMessage]) -> None:
        """One photo or an album: is it wanted at all?"""
        first = said[0]
        actor = first.actor
        addressed = any(one.addressed for one in said)
        role = first.photo.role if first.photo is not None else None
        if not await self._service.run_in_thread(self._service.wants_photo, actor, addressed=addressed, role=role):
            return
        await self._take_in(actor, offer_of(said))

    async def _take_in(self, actor: Actor, pending: PendingPhotos) -> None:
        """Fetch and submit photos; ask for consent first where it is missing."""
        question = await self._service.run_in_thread(self._service.ask_first, actor, pending)
        if question is not None:
            await self._show(actor, question)
            return
        limit = self._options.largest_photo
        admitted = await self._service.run_in_thread(self._service.admit, actor, pending, limit)
        if admitted.refused is not None:
            await self._show(actor, admitted.refused)
            return
        async with self._service.downloads.hold(admitted.most_bytes(limit)):
            fetched: list[SentPhoto] = []
            for offered in admitted.photos:
                photo = await self._fetch(offered)
                if isinstance(photo, SentPhoto):
                    fetched.append(photo)
                else:
                    await self._answer(actor, self._service.run_in_thread(self._service.hear, actor, photo))
            if not fetched:
                return
            reply_to = ReplyTo(pending.reply_to, pending.replied_user)
            answer = await self._service.run_in_thread(
                self._service.take_photos, actor, fetched, reply_to, None, admitted.left_out
            )
            fetched.clear()
        await self._show(actor, answer)

    async def _on_button(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """A button. Whatever happens, it stops spinning."""
        query = update.callback_query
        assert query is not None
        press = TelegramPress(query)

        async def work(receipt: Receipt) -> None:
            actor = who_pressed(query)
            if actor is not None and query.message is not None:
                actor, number = replace(actor, receipt=receipt), str(query.message.message_id)
                data = (query.data or "") if has_button(query) else ""
                pressed = self._service.run_in_thread(self._service.press, actor, data, number)
                await self._answer(actor, pressed, press, about=number)

        try:
            await self._inbox.handle([update], work)
        finally:
            await press.finish()

    async def _answer(
        self,
        actor: Actor,
        turn: Awaitable[Answer],
        interaction: ButtonInteraction | None = None,
        about: str | None = None,
    ) -> None:
        """Show what a turn wants shown, and watch the jobs it queued."""
        await self._show(actor, await turn, interaction, about)

    async def _show(
        self, actor: Actor, answer: Answer, interaction: ButtonInteraction | None = None, about: str | None = None
    ) -> None:
        """`about`: the message all this is an answer to; in a forum that says into which topic it goes."""
        target = DeliveryTarget(actor.chat_id, answer.owner, answer.language, actor.group, reply_to=about)
        try:
            sent = await self._presenter.show(self._messenger, target, answer.lines, interaction)
        except MessengerError as fault:
            # The turn itself is saved; only these words are lost.
            log.warning("an answer could not be sent", fault=type(fault).__name__)
            sent = []
        for job in answer.jobs:
            self._delivery.watch(job)
        if actor.group:
            for number in sent:
                await self._service.run_in_thread(self._service.note_prompt, actor, answer.owner, number)
        for offer in answer.fetch:
            await self._take_in(replace(actor, user=offer.speaker or actor.user), offer)
        if answer.avatars:
            await self._on_agreed(actor, answer)

    async def _on_agreed(self, actor: Actor, agreed: Answer) -> None:
        """Both people consented: fetch and submit their profile photos."""
        photos: list[SentPhoto] = []
        missing: list[str] = []
        async with self._service.downloads.hold(len(agreed.avatars) * MAX_AVATAR):
            for person in agreed.avatars:
                photo = await self._fetch_avatar(person)
                if photo is None:
                    missing.append(person)
                else:
                    photos.append(photo)
            answer = await self._service.run_in_thread(self._service.take_avatars, actor, agreed.owner, photos, missing)
        await self._show(actor, answer)

    async def _on_error(self, update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Last resort: unexpected errors become an apology with an id that is also logged."""
        fault = context.error
        assert fault is not None
        number = uuid.uuid4().hex[:8]
        log.error("an unexpected fault", error=number, **fields_of(fault))
        BOT_ERRORS.labels(PLATFORM, type(fault).__name__).inc()
        if not isinstance(update, Update) or update.effective_chat is None:
            return
        language, message = await self._language_for(update), update.effective_message
        with suppress(Exception):  # it may be Telegram itself that fails
            in_group = message is not None and message.chat.type != "private"
            reply_to = str(message.message_id) if message is not None and in_group else None
            note = OutboundMessage(render("went_wrong", {"number": number}, language), reply_to=reply_to)
            await self._messenger.send(str(update.effective_chat.id), note)

    async def _language_for(self, update: Update) -> str | None:
        """The language of an apology. It may be the store that fails; then what Telegram says must do."""
        person, chat = update.effective_user, update.effective_chat
        if person is None or chat is None:
            return None
        group = chat.type in ("group", "supergroup")
        actor = Actor(PLATFORM, str(chat.id), str(person.id), person.language_code, group)
        with suppress(Exception):
            return await self._service.run_in_thread(self._service.language_for, actor)
        return person.language_code

    # Fetching

    async def _fetch(self, photo: OfferedPhoto) -> SentPhoto | PhotoNotTaken:
        """The bytes, or the reason for failure. The size is checked before fetching."""
        limit = self._options.largest_photo
        too_large = {"what": "bytes", "limit": limit}
        if photo.size is not None and photo.size > limit:
            return PhotoNotTaken("photo_too_large", {**too_large, "size": photo.size}, photo.message_id)
        try:
            async with self._downloads:
                data = await self._download(photo.ref, limit)
        except BadRequest as error:
            if "too big" in error.message.lower():
                return PhotoNotTaken("photo_too_large", {**too_large, "size": limit}, photo.message_id)
            return PhotoNotTaken("photo_not_fetched", {}, photo.message_id)
        except TelegramError:
            return PhotoNotTaken("photo_not_fetched", {}, photo.message_id)
        if data is None:
            return PhotoNotTaken("photo_too_large", {**too_large, "size": limit}, photo.message_id)
        return SentPhoto(data, photo.message_id, photo.role, photo.sender)

    async def _fetch_avatar(self, person: str) -> SentPhoto | None:
        """The newest profile photo; None when there is none, or none for our eyes."""
        try:
            found = await self._bot.get_user_profile_photos(int(person), limit=1)
        except TelegramError:
            return None
        if not found.photos:
            return None
        largest = max(found.photos[0], key=lambda size: size.width * size.height)
        photo = await self._fetch(OfferedPhoto(largest.file_id, sender=person, size=largest.file_size))
        return photo if isinstance(photo, SentPhoto) else None

    async def _download(self, file_id: str, limit: int) -> bytes | None:
        """The file; None when it turns out to be too large. The rate limiter sees no downloads, so they try here."""
        file = await self._bot.get_file(file_id)
        if file.file_size is not None and file.file_size > limit:
            return None
        for left in reversed(range(FETCH_TRIES)):
            try:
                return bytes(await file.download_as_bytearray())
            except BadRequest:
                raise
            except NetworkError:
                if not left:
                    raise
                await asyncio.sleep(0.1 * 2 ** (FETCH_TRIES - left))
        raise AssertionError("unreachable")


def event_of(message: IncomingMessage) -> Event | None:
    """The event of a message, apart from its photo."""
    if message.couple:
        return CoupleProposed(message.couple, message.message_id)
    if message.command is not None:
        about = message.reply_to.user if message.reply_to is not None else None
        return CommandGiven(message.command.name, message.command.argument, message.message_id, about)
    if message.photo is not None:
        return None
    if message.text is not None:
        return TextSaid(message.text, message.addressed, message.message_id)
    return None if message.other is None else OtherMessage(message.other, message.addressed, message.message_id)


def edited(event: Event | None) -> Event | None:
    """What an edited message is heard as: its words, or a command that names a value, not one that draws once more."""
    if isinstance(event, TextSaid):
        return replace(event, edited=True)
    return event if isinstance(event, CommandGiven) and event.argument and event.name in EDITABLE else None


def offer_of(said: list[IncomingMessage]) -> PendingPhotos:
    """The photos of a message or album, fetchable now or after consent."""
    refs = [one.photo for one in said if one.photo is not None]
    photos = tuple(
        OfferedPhoto(ref.file_id, ref.message_id, ref.role, ref.sender, ref.size, ref.reposted) for ref in refs
    )
    reply = said[0].reply_to or ReplyTo()
    return PendingPhotos(photos, reply.message_id, reply.user)


def who_pressed(query: CallbackQuery) -> Actor | None:
    """The one who pressed, in the chat where the buttons are."""
    if query.message is None:
        return None
    group = query.message.chat.type in ("group", "supergroup")
    person = query.from_user
    number, username = str(person.id), username_of(person)
    return Actor(PLATFORM, str(query.message.chat.id), number, person.language_code, group=group, username=username)


def silence_libraries() -> None:
    """Keep the token and people's words out of the log: httpx writes addresses, PTB's debug lines whole messages."""
    for name, least in (("httpx", logging.WARNING), ("httpcore", logging.WARNING), ("telegram", logging.INFO)):
        logger = logging.getLogger(name)
        if logger.level < least:
            logger.setLevel(least)
