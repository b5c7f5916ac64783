"""Is a picture ever lost or shown twice? `python -m benchmarks.storm_of_both --pictures 1000`.

Many people, half on Telegram and half on Discord, go on asking for pictures over real HTTP and WebSocket, while a
tenth of all requests meets a 429 or a connection that breaks before or after it was heard, the gateway breaks every
second, and the bot process is stopped and started again twice. At the end every drawing in the database is looked for
in the chats: lost is one that nobody can see, doubled one that can be seen twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SHARE = 0.1
RESTARTS = 2


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pictures", type=int, default=1000)
    options.add_argument("--people", type=int, default=50, help="on each service")
    options.add_argument("--seed", type=int, default=7)
    chosen = options.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(weather(Path(folder), chosen.pictures, chosen.people, random.Random(chosen.seed)))


async def weather(home: Path, pictures: int, crowd: int, chance: random.Random) -> None:
    from bots.dialogue import Dialogue
    from storage import migrate
    from storage.blobs import DiskBlobs
    from storage.database import open_database
    from storage.unit import Store
    from tests.bots import fake_discord
    from tests.bots.agreement import agreed
    from tests.bots.fake_telegram import BotApi
    from tests.bots.fake_worker import FakeWorker

    address = f"sqlite:///{home / 'storm.sqlite3'}"
    migrate.upgrade(address)
    store = Store(open_database(address), DiskBlobs(home / "blobs", [secrets.token_bytes(32)]))
    worker = FakeWorker(store)
    dialogue = Dialogue(store, worker)
    telegram, discord = BotApi(), fake_discord.Discord()
    numbers = range(1, crowd + 1)
    fake_discord.GUILD_OF.update({8000 + number: fake_discord.GUILD for number in numbers if number % 2})
    await telegram.start()
    await discord.start()
    discord.patch(SimpleNamespace(setattr=setattr))  # type: ignore[arg-type]
    for service in ("telegram", "discord"):
        agreed(store, service, *numbers)
    telegram.storm = discord.storm = (chance, SHARE)
    each = pictures // (2 * crowd)
    began = time.monotonic()
    people = [_on_telegram(telegram.person(number), each) for number in numbers]
    people += [
        _on_discord(discord, discord.person(number, 8000 + number if number % 2 else None), each) for number in numbers
    ]
    asking = asyncio.gather(*people)
    breaking = asyncio.create_task(_break_gateways(discord))
    stops = [pictures * (restart + 1) // (RESTARTS + 1) for restart in range(RESTARTS)]
    for stop in stops:
        async with _both(telegram, dialogue):
            while len(_shown(telegram, discord)) < stop:
                await asyncio.sleep(0.05)
    async with _both(telegram, dialogue):
        await asking
        while _owed(store):
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)  # for what should not come
    breaking.cancel()
    _report(store, _shown(telegram, discord), telegram, discord, time.monotonic() - began)
    worker.stop()
    await telegram.stop()
    await discord.stop()
    store.database.close()


async def _on_telegram(person: Any, each: int) -> None:
    while len(person.pictures) < each:
        had = len(person.pictures)
        if had:
            await person.says("/sibling" if had % 2 else "/grow")
        else:
            await person.sends_album(b"mom %d" % person.number, b"dad %d" % person.number)
        await _patiently(person, lambda had=had: len(person.pictures) > had)


async def _on_discord(api: Any, person: Any, each: int) -> None:
    """Asks again where Discord says that the application did not respond, as people do."""
    while len(person.pictures) < each:
        had = len(person.pictures)
        if had:
            token = await person.uses("sibling" if had % 2 else "grow")
        else:
            token = await person.uses("child", mom=b"mom %d" % person.number, dad=b"dad %d" % person.number)
        asked = time.monotonic()
        while token.kind is None and time.monotonic() - asked < 4.0:
            await asyncio.sleep(0.05)
        if token.kind is not None:
            await _patiently(person, lambda had=had: len(person.pictures) > had)


async def _patiently(person: Any, holds: Any, seconds: float = 120.0) -> bool:
    """Whether it came true. A person who sees nothing for so long asks again, and whoever reads this is told so."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            print(f"{person.number} asks again; sees {person.texts[-3:]}")
            return False
        await asyncio.sleep(0.05)
    return True


async def _break_gateways(discord: Any) -> None:
    while True:
        await asyncio.sleep(1.0)
        await discord.drop_gateway()


@asynccontextmanager
async def _both(telegram: Any, dialogue: Any) -> AsyncIterator[None]:
    """A bot process, from start to stop."""
    from tests.bots.conftest import running_bot, running_discord_bot

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running_bot(telegram, dialogue))
        await stack.enter_async_context(running_discord_bot(dialogue))
        yield


def _shown(telegram: Any, discord: Any) -> list[str]:
    """The job of every picture that somebody can see."""
    seen = [m.picture for m in (*telegram.messages.values(), *discord.messages.values()) if m.picture and not m.deleted]
    found = []
    for picture in seen:
        with suppress(ValueError):
            found.append(str(json.loads(picture.removeprefix(b"picture "))["job"]))
    return found


def _owed(store: Any) -> bool:
    """Whether anything is unfinished or untold."""
    from sqlalchemy import select

    from storage.models import JobRow

    with store.database.engine.connect() as connection:
        untold = select(JobRow.id).where(JobRow.delivered_at.is_(None), JobRow.state != "cancelled").limit(1)
        return connection.execute(untold).first() is not None


def _report(store: Any, shown: list[str], telegram: Any, discord: Any, seconds: float) -> None:
    from sqlalchemy import select

    from storage.models import JobRow

    with store.database.engine.connect() as connection:
        drawn = select(JobRow.id).where(JobRow.kind != "encode", JobRow.state == "done")
        jobs = {str(row[0]) for row in connection.execute(drawn)}
        every = len(connection.execute(select(JobRow.id)).all())
    often = Counter(shown)
    print(f"{every} jobs, {len(jobs)} pictures, {seconds:.0f} s")
    print(
        f"broken connections: Telegram {telegram.broken}, Discord {discord.broken}; "
        f"gateway resumed {discord.resumed} times, identified {discord.identified} times"
    )
    print(f"lost: {len(jobs - set(shown))}   doubled: {sum(count > 1 for count in often.values())}")


if __name__ == "__main__":
    main()
