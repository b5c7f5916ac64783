"""The whole house at once: chat, store, queue, embedded workers; only the pipeline and the far end are ours."""

from __future__ import annotations

import asyncio
import io
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image
from pydantic import SecretStr

from bots.adapters.runner import run_bots
from childface.bootstrap import chat_bots, open_house, open_store, services, task_config
from childface.cli.output import CliError
from childface.settings import Settings
from storage import migrate
from storage.deletion import delete_user
from tests.support.chats import fake_discord
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import TOKEN, BotApi
from tests.support.fake_pipeline import FakePipeline, photo_of
from tests.support.servers import RedisServer

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("childface")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / "data", weights_dir=tmp_path / "weights", telegram_token=TOKEN)


async def test_two_photos_in_telegram_come_back_as_a_child_and_then_a_better_one(
    settings: Settings, api: BotApi
) -> None:
    settings = settings.model_copy(update={"telegram_api_root": api.url})
    pipeline = FakePipeline()
    with open_house(settings, lambda _: pipeline) as house:
        [bot] = chat_bots(house, ["telegram"])
        await bot.start()
        try:
            anna = api.person(1)
            await anna.sends_photo(photo_of("mom"))
            await anna.sees("I am 18 or older")
            await anna.presses("I agree")
            await anna.sees("Now a photo of the other parent")
            await anna.sends_photo(photo_of("dad"))
            await api.until(lambda: len(api.pictures(1)) == 2, "two pictures")
        finally:
            await bot.stop()

    assert (pipeline.calls["encode"], pipeline.calls["refine"]) == (2, 2)
    for shown in api.pictures(1):
        assert shown.picture is not None
        with Image.open(io.BytesIO(shown.picture)) as picture:
            assert picture.size == (1024, 1024)


def test_the_first_start_makes_tables_and_a_key_that_only_we_can_read(settings: Settings) -> None:
    with open_house(settings, lambda _: FakePipeline()):
        pass

    assert migrate.current(settings.database_url) == migrate.newest()
    assert stat.S_IMODE(settings.key_path.stat().st_mode) == 0o600


def test_closing_the_house_ends_its_threads(settings: Settings) -> None:
    before = set(threading.enumerate())
    with open_house(settings, lambda _: FakePipeline()) as house:
        assert set(threading.enumerate()) > before
        house.warm_up()

    assert set(threading.enumerate()) <= before


def test_the_models_load_on_first_use_and_once(settings: Settings) -> None:
    loaded: list[Settings] = []

    def load(settings: Settings) -> FakePipeline:
        loaded.append(settings)
        return FakePipeline()

    with open_house(settings, load) as house:
        assert loaded == []
        house.warm_up()
        house.warm_up()

    assert len(loaded) == 1


def test_two_embedded_houses_in_one_process_do_not_share_a_queue(settings: Settings) -> None:
    assert task_config(settings).queue_prefix != task_config(settings).queue_prefix


def test_a_deployments_database_is_not_migrated_by_surprise(settings: Settings) -> None:
    deployed = settings.model_copy(update={"broker_url": "redis://127.0.0.1:1"})

    with pytest.raises(CliError, match="childface db upgrade"), open_house(deployed, lambda _: FakePipeline()):
        pass


def test_pictures_on_the_disk_are_not_readable_without_the_key(settings: Settings) -> None:
    migrate.upgrade(settings.database_url)
    store = open_store(settings)
    with store.unit() as unit:
        user = unit.users.get_or_add("console", "1")
        unit.photos.add(user.id, b"a very private photo", settings.ttl_photo)
        unit.commit()
    files = [path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file()]
    delete_user(store, user.id)
    store.database.close()

    assert files and not any(b"very private" in data for data in files)
    assert not any(path.is_file() for path in settings.blob_folder.rglob("*"))


@pytest.mark.servers
async def test_a_real_bot_process_stops_when_told_so(api: BotApi, redis_server: RedisServer, tmp_path: Path) -> None:
    environment = environment_of(tmp_path, api, redis_server.url())
    await asyncio.to_thread(subprocess.run, [PROGRAM, "db", "upgrade"], env=environment, check=True)
    bot = await asyncio.create_subprocess_exec(
        PROGRAM, "bot", "telegram", env=environment, stderr=asyncio.subprocess.PIPE
    )
    anna = api.person(1)
    await anna.says("/start")
    await anna.sees("Send me a photo of mom")

    bot.send_signal(signal.SIGTERM)
    _, said = await asyncio.wait_for(bot.communicate(), 30)

    assert bot.returncode == 0
    assert TOKEN.encode() not in said


async def test_a_refused_token_ends_the_bot_for_good(api: BotApi, tmp_path: Path) -> None:
    environment = environment_of(tmp_path, api, "redis://127.0.0.1:1/0") | {"TELEGRAM_TOKEN": "1:wrong"}
    await asyncio.to_thread(subprocess.run, [PROGRAM, "db", "upgrade"], env=environment, check=True)

    bot = await asyncio.create_subprocess_exec(
        PROGRAM, "bot", "telegram", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(bot.communicate(), 60)

    unit = (ROOT / "deploy" / "systemd" / "childface.service").read_text()
    assert f"RestartPreventExitStatus={bot.returncode}\n" in unit
    assert said.decode().splitlines()[-1].startswith("childface: Telegram does not know this token")
    assert b"is running" not in said


@pytest.mark.servers
async def test_a_bot_that_cannot_read_the_key_any_more_stops_with_three_and_loses_nothing(
    api: BotApi, redis_server: RedisServer, tmp_path: Path
) -> None:
    environment = environment_of(tmp_path, api, redis_server.url()) | {"CHILDFACE_DATA_DIR": str(tmp_path / "data")}
    await asyncio.to_thread(subprocess.run, [PROGRAM, "db", "upgrade"], env=environment, check=True)
    bot = await asyncio.create_subprocess_exec(
        PROGRAM, "bot", "telegram", env=environment, stderr=asyncio.subprocess.PIPE
    )
    anna = api.person(1)
    await anna.says("/start")
    await anna.sees("Send me a photo of mom")
    key = tmp_path / "data" / "key"
    key.rename(tmp_path / "key")
    await anna.says("/language de")
    _, said = await asyncio.wait_for(bot.communicate(), 60)

    assert bot.returncode == 3
    assert "cannot be read any more" in said.decode()

    (tmp_path / "key").rename(key)
    bot = await asyncio.create_subprocess_exec(
        PROGRAM, "bot", "telegram", env=environment, stderr=asyncio.subprocess.PIPE
    )
    await anna.sees("Deutsch")
    bot.send_signal(signal.SIGTERM)
    await asyncio.wait_for(bot.communicate(), 30)
    assert bot.returncode == 0


async def test_a_bot_is_said_to_run_when_its_service_has_answered(api: BotApi, tmp_path: Path) -> None:
    environment = environment_of(tmp_path, api, "redis://127.0.0.1:1/0")
    await asyncio.to_thread(subprocess.run, [PROGRAM, "db", "upgrade"], env=environment, check=True)
    bot = await asyncio.create_subprocess_exec(
        PROGRAM, "bot", "telegram", env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert bot.stderr is not None
    said = [""]
    async with asyncio.timeout(60):
        while "is running" not in said[-1]:
            said.append((await bot.stderr.readline()).decode())
            assert said[-1], said
    bot.send_signal(signal.SIGTERM)
    await bot.communicate()

    assert "listening to Telegram" in "".join(said[:-1])
    assert "(telegram)" in said[-1]


def environment_of(home: Path, api: BotApi, broker: str) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "TELEGRAM_TOKEN": TOKEN,
        "CHILDFACE_TELEGRAM_API_ROOT": api.url,
        "CHILDFACE_BROKER_URL": broker,
        "CHILDFACE_DATABASE_URL": f"sqlite:///{home}/deployed.sqlite3",
    }


def test_all_means_wherever_a_token_is_set(settings: Settings) -> None:
    assert services(settings, "all") == ["telegram"]
    both = settings.model_copy(update={"discord_token": SecretStr("a.b.c")})
    assert services(both, "all") == ["telegram", "discord"]
    assert services(both, "discord") == ["discord"]
    with pytest.raises(CliError, match="DISCORD_TOKEN is not set"):
        services(settings, "discord")


async def test_one_process_serves_both_chats(settings: Settings, api: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    discord = fake_discord.Discord()
    await discord.start()
    discord.patch(monkeypatch)
    tokens = {"telegram_api_root": api.url, "discord_token": SecretStr(fake_discord.TOKEN), "refine": False}
    settings = settings.model_copy(update=tokens)
    with open_house(settings, lambda _: FakePipeline()) as house:
        agreed(house.store, "telegram", 1)
        agreed(house.store, "discord", 2)
        running = asyncio.create_task(run_bots(chat_bots(house, services(settings, "all"))))
        try:
            anna, ben = api.person(1), discord.person(2)
            await ben.uses("child", mom=photo_of("mom"), dad=photo_of("dad"))
            await anna.sends_album(photo_of("mom"), photo_of("dad"))
            await ben.sees_pictures(1)
            await anna.sees_pictures(1)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await discord.stop()
