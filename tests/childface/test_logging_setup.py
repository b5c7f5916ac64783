"""Reads the log of a whole run at its finest level, with failures on the way, and looks for what must not be there."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from bots.adapters.runner import TokenRefused
from bots.telegram.bot import TelegramBot
from childface.bootstrap import AppContext, chat_bots, open_dialogue, open_house
from childface.logging_setup import LEAST, RedactingFormatter, discreet_handler, secrets_of
from childface.settings import Settings
from tests.support.chats import fake_discord
from tests.support.chats.fake_discord import Discord
from tests.support.chats.fake_telegram import TOKEN, BotApi, Person
from tests.support.fake_pipeline import NOT_A_FACE, FakePipeline, photo_of

pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type:DeprecationWarning")

ANNA, BEN, GROUP = 7700770077, 7700770088, -1007700990099
SECRETS = (
    TOKEN, TOKEN.split(":")[1], str(ANNA), str(BEN), str(GROUP), "A person", "A family", "file-", "u-file",
    "caption", "holiday.jpg", "words of mine", "annabel", "photo of", "database-password", "cannot be spoken of",
)  # fmt: skip


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that our handler writes, with every library at its most talkative."""
    stream = io.StringIO()
    # No secrets given: the fences must hold by themselves.
    handler = discreet_handler(stream=stream)
    root = logging.getLogger()
    before = {name: logging.getLogger(name).level for name in LEAST}
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in LEAST:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)
    for name, old in before.items():
        logging.getLogger(name).setLevel(old)


@pytest.fixture
def settings(tmp_path: Path, api: BotApi) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        weights_dir=tmp_path / "weights",
        telegram_token=TOKEN,
        telegram_api_root=api.url,
        log_level="DEBUG",
        refine=False,
    )


async def agree(person: Person) -> None:
    await person.sees("I am 18 or older")
    await person.presses("I agree")


async def everything_that_can_happen(api: BotApi, app: AppContext, pipeline: FakePipeline) -> None:
    """A couple, a bad photo, a refused file, people who block us, faults of network, pipeline and database."""
    anna, ben = api.person(ANNA), api.person(BEN, GROUP, username="annabel")
    await anna.says("words of mine")
    await anna.sees("two photos")
    await anna.sends_photo(photo_of("mom"), "a caption, mom")
    await agree(anna)
    await anna.sees("Got mom")
    await anna.sends_file(NOT_A_FACE, "holiday.jpg", "image/jpeg", "another caption")
    await anna.sees("I cannot find a face")
    api.fail("download", "drop", 2)
    api.fail("sendMessage", "429", retry_after=0)
    api.fail("editMessageMedia", "drop after")
    await anna.sends_photo(photo_of("dad"))
    await anna.sees_pictures(1)
    pipeline.raises["make"] = [RuntimeError(f"it cannot be spoken of: {ANNA} {TOKEN}")]
    await anna.says("/age 12")
    await anna.sees("it is my fault")
    api.fail("sendMessage", "403", chat_id=GROUP)
    await ben.sends_photo(photo_of("ben"), "/dad@childface_bot a caption")
    await api.until(lambda: all(fault.times == 0 for fault in api.faults), "all faults")
    store = app.store
    with store.database.engine.connect() as connection:
        connection.execute(text("ALTER TABLE conversations RENAME TO elsewhere"))
        connection.commit()
    seen = len(anna.texts)
    await anna.says("/start words of mine")
    await api.until(lambda: len(anna.texts) > seen, "the apology")
    with store.database.engine.connect() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO conversations"))
        connection.commit()
    await anna.says("/delete_my_data")
    await anna.sees("cannot be undone")
    await anna.presses("Delete everything")
    await anna.sees("Deleted:")


async def test_the_log_of_a_whole_run_holds_nothing_of_anybody(
    settings: Settings, api: BotApi, log: io.StringIO
) -> None:
    pipeline = FakePipeline()
    with open_house(settings, lambda _: pipeline) as house:
        [bot] = chat_bots(house, ["telegram"])
        for name in LEAST:  # somebody's own configuration may come after ours
            logging.getLogger(name).setLevel(logging.DEBUG)
        await bot.start()
        try:
            await everything_that_can_happen(api, house, pipeline)
        finally:
            await bot.stop()
    written = log.getvalue()
    for told in ("listening to Telegram", "failed", "RuntimeError", "error "):
        assert told in written, "the log must say what happened"
    assert [secret for secret in SECRETS if secret in written] == []


async def test_the_log_of_a_run_on_discord_holds_nothing_of_anybody(
    settings: Settings, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, pipeline = Discord(), FakePipeline()
    await server.start()
    server.patch(monkeypatch)
    settings = settings.model_copy(update={"discord_token": SecretStr(fake_discord.TOKEN)})
    with open_house(settings, lambda _: pipeline) as house:
        [bot] = chat_bots(house, ["discord"])
        for name in LEAST:
            logging.getLogger(name).setLevel(logging.DEBUG)
        await bot.start()
        try:
            await everything_that_can_happen_on_discord(server, pipeline)
        finally:
            await bot.stop()
            await server.stop()
    written = log.getvalue()
    for told in ("listening to Discord", "RuntimeError"):
        assert told in written, "the log must say what happened"
    tokens = (fake_discord.TOKEN, "secret-token", "secretname", str(fake_discord.CHANNEL), "/webhooks/", "photo.jpg")
    assert [secret for secret in (*SECRETS, *tokens) if secret in written] == []


async def everything_that_can_happen_on_discord(server: Discord, pipeline: FakePipeline) -> None:
    """The same on Discord: 429s, broken connections, a lost gateway, faults of the pipeline."""
    anna = server.person(ANNA, fake_discord.CHANNEL)
    for route in ("callback", "edit answer"):
        server.fail(route, "429", 2)
    server.fail("download", "drop", 2)
    await anna.uses("child", mom=photo_of("mom"), dad=photo_of("dad"))
    await anna.sees("I am 18 or older")
    await anna.presses("I agree")
    await anna.sees_pictures(1)
    await server.drop_gateway()
    pipeline.raises["make"] = [RuntimeError(f"it cannot be spoken of: {ANNA} {TOKEN}")]
    await anna.uses("age", age=12.0)
    await anna.sees("it is my fault")
    server.token_life = 0.0  # from here on the channel's number is in the addresses
    server.fail("send", "429", 2)
    await anna.uses("names", names="Annabel, words of mine")
    await anna.sees("The next family card")
    await anna.uses("delete_my_data")
    await anna.sees("cannot be undone")
    await anna.presses("Delete everything")
    await anna.sees("Deleted:")


async def test_a_wrong_token_is_not_written_down(settings: Settings, api: BotApi, log: io.StringIO) -> None:
    wrong = "123456789:" + "Wrong" * 7
    with open_house(settings.model_copy(update={"telegram_token": None}), lambda _: FakePipeline()) as house:
        from bots.telegram.bot import TelegramOptions

        bot = TelegramBot(wrong, open_dialogue(house), TelegramOptions(api_root=api.url))
        for name in LEAST:
            logging.getLogger(name).setLevel(logging.DEBUG)
        with pytest.raises(TokenRefused):
            await bot.start()
    assert "Wrong" not in log.getvalue()


@pytest.mark.parametrize(
    "line",
    [
        "GET https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe",
        "Bearer MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
        "connecting to postgresql://bot:database-password@db/childface",
    ],
)
def test_what_looks_like_a_token_or_is_known_as_a_secret_is_blotted_out(line: str, settings: Settings) -> None:
    known = settings.model_copy(update={"database_url": "postgresql://bot:database-password@db/childface"})
    record = logging.LogRecord("anything", logging.INFO, __file__, 1, "%s", (line,), None)
    written = RedactingFormatter(secrets_of(known)).format(record)
    assert "***" in written
    for part in ("AAHdqTcv", "ZnCjm1XV", "database-password"):
        assert part not in written


@pytest.mark.parametrize("name", ["telegram.Bot", "telegram.request.BaseRequest"])
def test_what_a_library_could_not_read_is_not_quoted(log: io.StringIO, name: str) -> None:
    logging.getLogger(name).critical("Error while parsing updates! Received data was %r", [{"text": "words of mine"}])
    assert "Error while parsing updates" in log.getvalue() and "words of mine" not in log.getvalue()


def test_of_an_exception_only_kind_and_place_are_written() -> None:
    stream = io.StringIO()
    logger = logging.getLogger("childface.test-of-exceptions")
    handler = discreet_handler(stream=stream)
    logger.addHandler(handler)
    try:
        raise ValueError("words of mine")
    except ValueError:
        logger.exception("something happened")
    logger.removeHandler(handler)
    assert "ValueError" in stream.getvalue() and "test_logging_setup.py" in stream.getvalue()
    assert "words of mine" not in stream.getvalue()


def test_threads_write_through_the_same_fences(log: io.StringIO) -> None:
    speaker = threading.Thread(target=logging.getLogger("sqlalchemy.engine").debug, args=("Row (%s)", "secret"))
    speaker.start()
    speaker.join()
    assert log.getvalue() == ""
