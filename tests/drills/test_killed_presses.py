"""A bot with everything in one process is killed again and again while people press: no press is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from childface import weights
from childface.settings import Settings
from childface.wiring import open_store
from tests.bots.agreement import agreed
from tests.bots.fake_telegram import TOKEN, BotApi, Person
from tests.childface.service_process import start
from tests.fakes import photo_of

AFTER = (0.0, 0.01, 0.03, 0.06, 0.1, 0.2)
"""Seconds between the presses and the kill, one for each round."""
EACH = 2
"""People who press in a round."""
QUESTION = "Who is who?"


class Bot:
    """`childface bot telegram` as a process that can be killed."""

    def __init__(self, home: Path, api: BotApi) -> None:
        folder = home / "weights"
        folder.mkdir()
        for carrier in weights.CARRIERS:
            for name in carrier.files:
                (folder / name).touch()
        self.home, self.api = home, api
        self.settings = {
            "CHILDFACE_DATA_DIR": home / "data",
            "CHILDFACE_WEIGHTS_DIR": folder,
            "CHILDFACE_TELEGRAM_API_ROOT": api.url,
            "CHILDFACE_REFINE": "false",
            "TELEGRAM_TOKEN": TOKEN,
        }
        (home / "data").mkdir()
        self.process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        asked = self.api.count("getUpdates")
        with (self.home / "log").open("a") as log:
            self.process = start("bot", "telegram", settings=self.settings, stderr=log)
        await self.api.until(lambda: self.api.count("getUpdates") > asked, "the bot listens")

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
async def bot(tmp_path: Path, api: BotApi) -> AsyncIterator[Bot]:
    bot = Bot(tmp_path, api)
    yield bot
    await asyncio.to_thread(bot.kill)


@pytest.mark.slow
async def test_presses_survive_kill_9_of_the_embedded_bot(bot: Bot, api: BotApi, tmp_path: Path) -> None:
    people = [api.person(number) for number in range(1, EACH * len(AFTER) + 1)]
    await bot.start()
    store = open_store(Settings(_env_file=None, data_dir=tmp_path / "data"))
    agreed(store, "telegram", *(person.number for person in people))
    store.database.close()
    for person in people:
        await person.sends_album(photo_of(f"one of {person.number}"), photo_of(f"other of {person.number}"))
    for person in people:
        await person.sees(QUESTION)
    for count, seconds in enumerate(AFTER):
        for person in people[count * EACH : (count + 1) * EACH]:
            await person.presses("The first photo is mom")
        await asyncio.sleep(seconds)
        await asyncio.to_thread(bot.kill)
        await bot.start()
    for person in people:
        await person.sees_pictures(1)
    await everything_is_settled(api, people)
    assert [len(person.pictures) for person in people] == [1] * len(people)
    assert [open_questions(person) for person in people] == [0] * len(people), api.transcript()


def open_questions(person: Person) -> int:
    return sum(bool(shown.buttons) and QUESTION in shown.text for shown in person.api.shown(person.chat_id))


async def everything_is_settled(api: BotApi, people: list[Person]) -> None:
    """A last command of each is answered only after whatever came before it in that chat."""
    for person in people:
        await person.says("/help")
    for person in people:
        await person.sees("Send two photos")
