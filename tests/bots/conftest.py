"""A real store, a worker without a pipeline, and a Bot API server, wired to a real bot."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bots.discord.bot import DiscordBot, DiscordOptions
from bots.discord.retry import DiscordRetry
from bots.service.conversation_service import ConversationService
from bots.service.delivery import DeliveryTimings
from bots.telegram.bot import TelegramBot, TelegramOptions
from bots.telegram.retry import RateLimiter
from childface.cli.options import facts_of_code
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.unit_of_work import Store
from tests.support.chats import fake_discord
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_discord import Discord
from tests.support.chats.fake_telegram import TOKEN, BotApi
from tests.support.chats.fake_worker import FakeWorker

FAST = DeliveryTimings(look=0.03, look_idle=0.05, edit=0.05, patience=30.0, act=0.5, claim=5.0, retry=0.2)


@pytest.fixture
def store(sqlite_url: str, tmp_path: Path) -> Iterator[Store]:
    database = open_database(sqlite_url)
    yield Store(database, DiskBlobs(tmp_path / "blobs", [secrets.token_bytes(32)]))
    database.close()


@pytest.fixture
def worker(store: Store) -> Iterator[FakeWorker]:
    worker = FakeWorker(store)
    yield worker
    worker.stop()


@pytest.fixture
def dialogue(store: Store, worker: FakeWorker) -> ConversationService:
    """Nobody has to be asked any more: forty people in each chat service, and whoever sits at the terminal."""
    agreed(store, "telegram", *range(1, 41), 424242424242)
    agreed(store, "discord", *range(1, 41), 424242424242)
    agreed(store, "console", "local")
    return ConversationService(store, worker, read_code=facts_of_code)


@pytest.fixture
def strict_dialogue(store: Store, worker: FakeWorker) -> ConversationService:
    """Nobody has agreed to anything."""
    return ConversationService(store, worker)


StartBot = Callable[[], Awaitable[TelegramBot]]


@asynccontextmanager
async def running_bot(api: BotApi, dialogue: ConversationService, **changes: object) -> AsyncIterator[TelegramBot]:
    """A bot process, from start to orderly stop."""
    options = {
        "api_root": api.url,
        "poll_seconds": 2,
        "album_quiet": 0.15,
        "grace": 0.5,
        "timings": FAST,
        "patience": RateLimiter(first_wait=0.02),
        **changes,
    }
    bot = TelegramBot(TOKEN, dialogue, TelegramOptions(**options))  # type: ignore[arg-type]
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()


@pytest.fixture
async def bot(api: BotApi, dialogue: ConversationService) -> AsyncIterator[TelegramBot]:
    async with running_bot(api, dialogue) as running:
        yield running


@pytest.fixture
async def discord_api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Discord]:
    server = Discord()
    await server.start()
    server.patch(monkeypatch)
    yield server
    await server.stop()


@asynccontextmanager
async def running_discord_bot(dialogue: ConversationService, **changes: object) -> AsyncIterator[DiscordBot]:
    """A bot process, from start to orderly stop."""
    options = {"grace": 2.0, "timings": FAST, "patience": DiscordRetry(first_wait=0.02), **changes}
    bot = DiscordBot(fake_discord.TOKEN, dialogue, DiscordOptions(**options))  # type: ignore[arg-type]
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()


@pytest.fixture
async def discord_bot(discord_api: Discord, dialogue: ConversationService) -> AsyncIterator[DiscordBot]:
    async with running_discord_bot(dialogue) as running:
        yield running
