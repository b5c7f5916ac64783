"""Is a reply ever lost or told twice? `python -m benchmarks.service.storm`, `--services telegram --people 100
--drawings 8`.

Many people on Telegram, Discord or both go on asking for pictures over real HTTP and WebSocket, while a share of all
requests meets a 429, a broken connection or a lost answer, Discord's gateway breaks every second, and the bot process
is stopped and started again. At the end every drawing in the database is looked for in the chats: lost is one that
nobody can see, doubled one that can be seen twice. Questions must not be asked twice either, and no "Here it comes …"
may be left over.

Prints one JSON object; exit 1 when anything was lost or doubled. The worker is a small fake without a pipeline.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import secrets
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from bots.i18n.messages import render
from bots.service.conversation_service import ConversationService
from bots.telegram.retry import RateLimiter
from storage import migrate
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.models import JobRow
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot, running_discord_bot
from tests.support.chats import fake_discord, fake_telegram
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_worker import FakeWorker
from tests.support.chats.storm import send_couple

SERVICES = ("telegram", "discord")
IMPATIENT = 120.0
"""Seconds after which somebody who sees nothing asks again, as people do."""
TRY_AGAIN = render("restarted_try_again", {})
"""What Discord's bot says to those whose commands it has not got to when it is stopped."""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--services", default="telegram,discord", help="with a comma between")
    options.add_argument("--people", type=int, default=50, help="on each service")
    options.add_argument("--drawings", type=int, default=10, help="of each person")
    options.add_argument("--share", type=float, default=0.1, help="of the requests that meet a fault")
    options.add_argument("--restarts", type=int, default=2)
    options.add_argument("--seed", type=int, default=7)
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    fake_telegram.PATIENCE = 3600.0
    with tempfile.TemporaryDirectory() as home:
        found = asyncio.run(Storm(Path(home), chosen).live_through())
    print(json.dumps(found))
    return 1 if found["lost"] or found["doubled"] or found["questions_doubled"] else 0


class Storm:
    """The services, the people, the weather."""

    def __init__(self, home: Path, chosen: argparse.Namespace) -> None:
        self._services = [name for name in SERVICES if name in chosen.services.split(",")]
        self._chosen = chosen
        self._chance = random.Random(chosen.seed)
        address = f"sqlite:///{home / 'storm.sqlite3'}"
        migrate.upgrade(address)
        self._store = Store(open_database(address), DiskBlobs(home / "blobs", [secrets.token_bytes(32)]))
        self._worker = FakeWorker(self._store)
        self._dialogue = ConversationService(self._store, self._worker)
        self._telegram, self._discord = fake_telegram.BotApi(), fake_discord.Discord()
        self._asked_again = self._told_to_ask = 0

    async def live_through(self) -> dict[str, Any]:
        """Everybody gets all their drawings; what the chats show then."""
        began = time.monotonic()
        await self._open()
        numbers = range(1, self._chosen.people + 1)
        lives = []
        if "telegram" in self._services:
            lives += [self._on_telegram(self._telegram.person(number)) for number in numbers]
        if "discord" in self._services:
            lives += [self._on_discord(number) for number in numbers]
        asking = asyncio.gather(*lives)
        breaking = asyncio.create_task(self._break_gateways())
        wanted = len(lives) * self._chosen.drawings
        for part in range(1, self._chosen.restarts + 1):
            async with self._bots():
                while len(self._shown()) < wanted * part // (self._chosen.restarts + 1):
                    await asyncio.sleep(0.05)
        async with self._bots():
            await asking
            while self._owed():
                await asyncio.sleep(0.05)
            self._telegram.storm = self._discord.storm = None
            await asyncio.sleep(1.0)  # for what should not come
        breaking.cancel()
        found = {**self._outcome(), "seconds": round(time.monotonic() - began, 1)}
        await self._close()
        return found

    async def _open(self) -> None:
        await self._telegram.start()
        await self._discord.start()
        self._discord.patch(SimpleNamespace(setattr=setattr))  # type: ignore[arg-type]
        numbers = range(1, self._chosen.people + 1)
        # Every other person on Discord writes in a guild.
        fake_discord.GUILD_OF.update({8000 + number: fake_discord.GUILD for number in numbers if number % 2})
        for service in self._services:
            agreed(self._store, service, *numbers)
        self._telegram.storm = self._discord.storm = (self._chance, self._chosen.share)
        self._telegram.storm_takes_answers = True

    async def _close(self) -> None:
        self._worker.stop()
        await self._telegram.stop()
        await self._discord.stop()
        self._store.database.close()

    @asynccontextmanager
    async def _bots(self) -> AsyncIterator[None]:
        """A bot process, from start to stop."""
        async with AsyncExitStack() as stack:
            if "telegram" in self._services:
                patience = RateLimiter(first_wait=0.02, tries=12)
                await stack.enter_async_context(
                    running_bot(self._telegram, self._dialogue, grace=20.0, patience=patience)
                )
            if "discord" in self._services:
                await stack.enter_async_context(running_discord_bot(self._dialogue, grace=8.0))
            yield

    # People

    async def _on_telegram(self, person: Any) -> None:
        """An album, perhaps an answer to a question, then one child after the other."""
        await send_couple(person)
        await self._patiently(person, 1)
        while (had := len(person.pictures)) < self._chosen.drawings:
            await person.says("/sibling" if had % 2 else "/grow")
            await self._patiently(person, had + 1)

    async def _on_discord(self, number: int) -> None:
        """Asks again where Discord says that the application did not respond, as people do."""
        person = self._discord.person(number, 8000 + number if number % 2 else None)
        while (had := len(person.pictures)) < self._chosen.drawings:
            if had:
                token = await person.uses("sibling" if had % 2 else "grow")
            else:
                token = await person.uses("child", mom=b"mom %d" % number, dad=b"dad %d" % number)
            asked = time.monotonic()
            while token.kind is None and time.monotonic() - asked < 4.0:
                await asyncio.sleep(0.05)
            if token.kind is not None:
                await self._patiently(person, had + 1)

    async def _patiently(self, person: Any, count: int) -> None:
        end, told = time.monotonic() + IMPATIENT, person.texts.count(TRY_AGAIN)
        while len(person.pictures) < count:
            if person.texts.count(TRY_AGAIN) > told:
                self._told_to_ask += 1
                return
            if time.monotonic() > end:
                self._asked_again += 1
                return
            await asyncio.sleep(0.05)

    async def _break_gateways(self) -> None:
        while "discord" in self._services:
            await asyncio.sleep(1.0)
            await self._discord.drop_gateway()

    # The reckoning

    def _shown(self) -> list[str]:
        """The job of every picture that somebody can see."""
        messages = (*self._telegram.messages.values(), *self._discord.messages.values())
        found = []
        for message in messages:
            if message.picture and not message.deleted:
                with suppress(ValueError):
                    found.append(str(json.loads(message.picture.removeprefix(b"picture "))["job"]))
        return found

    def _owed(self) -> bool:
        """Whether anything is unfinished or untold."""
        with self._store.database.engine.connect() as connection:
            untold = select(JobRow.id).where(JobRow.delivered_at.is_(None), JobRow.state != "cancelled").limit(1)
            return connection.execute(untold).first() is not None

    def _outcome(self) -> dict[str, Any]:
        with self._store.database.engine.connect() as connection:
            drawn = select(JobRow.id).where(JobRow.kind != "encode", JobRow.state == "done")
            drawings = {str(row[0]) for row in connection.execute(drawn)}
            jobs = len(connection.execute(select(JobRow.id)).all())
        often = Counter(self._shown())
        texts = [self._telegram.person(number).texts for number in range(1, self._chosen.people + 1)]
        asked = [sum(text.startswith(("Who is who", "Thanks! Number")) for text in some) for some in texts]
        return {
            "jobs": jobs,
            "pictures": len(drawings),
            "lost": len(drawings - set(often)),
            "doubled": sum(count > 1 for count in often.values()),
            "questions_doubled": sum(max(0, count - 1) for count in asked),
            "stray": sum(text.endswith("…") or "▱" in text for some in texts for text in some),
            "asked_again": self._asked_again,
            "told_to_ask_again": self._told_to_ask,
            "faults": dict(self._telegram.met),
            "broken": {"telegram": self._telegram.broken, "discord": self._discord.broken},
            "gateway": {"resumed": self._discord.resumed, "identified": self._discord.identified},
        }


if __name__ == "__main__":
    sys.exit(main())
