"""How soon a command is answered while ten jobs run, and what a bot process weighs: `python -m
benchmarks.service.chats`. With `--embedded` everything runs in one process, as `make bot` does it: bot, queue and the
real pipeline, drawing for ten people who press "Sibling" under each picture.

One process is the bot (Telegram and Discord, no worker), as `childface bot all` wires it. This one plays the two chat
services over real HTTP and WebSocket, and ten workers that report progress into the same database. A time is that from
the moment the command leaves the service until the answer can be read there; for Discord also until the interaction is
acknowledged. The last column is the time with ten jobs as a multiple of that without: it carries over to other
machines, the milliseconds do not.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

TARGET_MS, TARGET_MB = 300, 150
JOBS = 10


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--commands", type=int, default=40, help="of each kind")
    options.add_argument("--embedded", action="store_true", help="with the workers in the same process")
    options.add_argument("--bot", nargs=3, metavar=("HOME", "TELEGRAM", "DISCORD"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.bot:
        be_the_bot(Path(chosen.bot[0]), chosen.bot[1], chosen.bot[2], embedded=chosen.embedded)
    else:
        asyncio.run(measure(chosen.commands, embedded=chosen.embedded))


def settings_in(home: Path, telegram: str = "", *, embedded: bool = False) -> Any:
    from childface.settings import Settings
    from tests.support.chats import fake_discord, fake_telegram

    elsewhere: dict[str, Any] = {} if embedded else {"weights_dir": home, "broker_url": "redis://127.0.0.1:1"}
    return Settings(
        _env_file=None, data_dir=home, telegram_token=fake_telegram.TOKEN,
        telegram_api_root=telegram or "http://unused", discord_token=fake_discord.TOKEN, **elsewhere,
    )  # fmt: skip


def be_the_bot(home: Path, telegram: str, discord_url: str, *, embedded: bool) -> None:
    """Until it is killed."""
    from bots.adapters.runner import run_bots
    from childface.bootstrap import chat_bots, open_house
    from childface.cli.context import Environment
    from tests.support.chats.fake_discord import Discord

    fake = Discord()
    fake.url = discord_url
    fake.patch(SimpleNamespace(setattr=setattr))  # type: ignore[arg-type]
    settings = settings_in(home, telegram, embedded=embedded)
    with open_house(settings, Environment().load_pipeline) as house:

        async def listen() -> None:
            await run_bots(chat_bots(house, ["telegram", "discord"]))

        asyncio.run(listen())


async def measure(commands: int, *, embedded: bool) -> None:
    from childface.bootstrap import open_store
    from storage import migrate
    from tests.support.chats.fake_discord import CHANNEL, Discord
    from tests.support.chats.fake_telegram import BotApi

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = settings_in(home, embedded=embedded)
        migrate.upgrade(settings.database_url)
        store = open_store(settings)
        telegram, discord = BotApi(), Discord()
        await telegram.start()
        await discord.start()
        command = [sys.executable, "-m", "benchmarks.service.chats", "--bot", folder, telegram.url, discord.url]
        bot = subprocess.Popen([*command, "--embedded"] if embedded else command)
        try:
            await discord.until(lambda: discord.identified and discord.commands, "the bot")
            anna, ben = telegram.person(1), discord.person(2, CHANNEL)
            kinds: dict[str, Callable[[], Awaitable[float]]] = {
                "Telegram: command to words": lambda: _answered(telegram, anna, lambda: anna.says("/age")),
                "Discord: command to words": lambda: _answered(discord, ben, lambda: ben.uses("age")),
                "Discord: command to acknowledgement": lambda: _acknowledged(discord, ben),
            }
            await _times(kinds, 5)
            idle = await _times(kinds, commands)
            async with Crowd(telegram, store) if embedded else Workers(store):
                busy = await _times(kinds, commands)
            _report(idle, busy, _megabytes(bot.pid), embedded=embedded)
        finally:
            bot.terminate()
            await asyncio.to_thread(bot.wait)
            await telegram.stop()
            await discord.stop()
            store.database.close()


async def _answered(api: Any, person: Any, ask: Callable[[], Awaitable[Any]]) -> float:
    before = len(person.texts)
    began = time.monotonic()
    await ask()
    await api.until(lambda: len(person.texts) > before, "an answer")
    return time.monotonic() - began


async def _acknowledged(api: Any, ben: Any) -> float:
    token = await ben.uses("age")
    await api.until(lambda: token.kind is not None, "an acknowledgement")
    return float(token.waited)


async def _times(kinds: dict[str, Callable[[], Awaitable[float]]], count: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(count):
        for name, once in kinds.items():
            found[name].append(await once())
            await asyncio.sleep(0.05)
    return found


class Workers:
    """Ten jobs of ten people that are being drawn: each reports its progress several times a second."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._over = threading.Event()
        with store.unit() as unit:
            self._jobs = []
            for number in range(JOBS):
                user = unit.users.get_or_add("discord", str(100 + number))
                photos = [unit.photos.add(user.id, b"a photo", timedelta(days=1)).id for _ in range(2)]
                wish = {"age": 6.0, "mix": 50.0, "sex": "girl", "seed": number}
                reply = {"user": user.platform_user_id, "language": "en", "group": True, "to": None}
                job = unit.jobs.add(
                    "child", user.id, "discord", "7000", reply=reply, wish=wish,
                    mom_photo_id=photos[0], dad_photo_id=photos[1],
                )  # fmt: skip
                self._jobs.append(job.id)
            unit.commit()
        self._threads = [threading.Thread(target=self._work, args=(job,)) for job in self._jobs]

    async def __aenter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def _work(self, job_id: str) -> None:
        with self._store.unit() as unit:
            unit.jobs.start(job_id, timedelta(hours=1))
            unit.commit()
        part = 0.0
        while not self._over.wait(0.25):
            part = (part + 0.05) % 1.0
            with self._store.unit() as unit:
                unit.jobs.report(job_id, "drawing", part)
                unit.commit()

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)


class Crowd:
    """Ten people on Telegram for whom the embedded workers draw, one child after the other."""

    def __init__(self, telegram: Any, store: Any) -> None:
        from tests.support.chats.agreement import agreed

        numbers = range(100, 100 + JOBS)
        agreed(store, "telegram", *numbers)
        self._people = [telegram.person(number) for number in numbers]
        self._lives: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        photos = [(Path("tests/data") / f"drawn_{name}.jpg").read_bytes() for name in ("woman", "man")]
        self._lives = [asyncio.create_task(self._live(person, photos)) for person in self._people]
        for person in self._people:
            await person.sees_pictures(1)

    async def _live(self, person: Any, photos: list[bytes]) -> None:
        await person.sends_album(*photos)
        while True:
            pictures = await person.sees_pictures(len(person.pictures) + 1)
            if pictures[-1].labels:
                await person.presses("Sibling")

    async def __aexit__(self, *_: object) -> None:
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        print("pictures drawn meanwhile:", sum(len(person.pictures) for person in self._people))


def _megabytes(process: int) -> int:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def _report(idle: dict[str, list[float]], busy: dict[str, list[float]], megabytes: int, *, embedded: bool) -> None:
    print(f"{'':38}{'idle':>10}{'ten jobs':>10}{'worst':>10}{'target':>10}{'ratio':>8}")
    for name in idle:
        alone, under, worst = (
            1000 * value for value in (statistics.median(idle[name]), statistics.median(busy[name]), max(busy[name]))
        )
        print(f"{name:38}{alone:7.0f} ms{under:7.0f} ms{worst:7.0f} ms{TARGET_MS:7} ms{under / alone:8.1f}")
    target = "" if embedded else f"{TARGET_MB:7} MB"
    print(f"{'bot process, most memory':38}{megabytes:27} MB{'':6}{target}")


if __name__ == "__main__":
    main()
