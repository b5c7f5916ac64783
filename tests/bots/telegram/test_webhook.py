"""Updates that Telegram brings: over real HTTP, genuine or not, and through a bot that is killed."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.adapters.runner import CannotListen
from bots.service.conversation_service import ConversationService
from bots.telegram import webhook as telegram_webhook
from bots.telegram.webhook import MAX_BODY, SECRET_HEADER, STRANGERS_AT_ONCE, Webhook, read_update
from childface.logging_setup import discreet_handler
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats.fake_telegram import TOKEN, BotApi
from tests.support.chats.fake_worker import drawn
from tests.support.servers import free_port

pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type:DeprecationWarning")

SECRET = "the-secret_of-these-tests-123"
PROGRAM = Path(sys.executable).with_name("childface")


@pytest.fixture
def webhook() -> Webhook:
    port = free_port()
    return Webhook(f"http://127.0.0.1:{port}/telegram", port=port, secret=SECRET)


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession(connector=TCPConnector(force_close=True)) as session:
        yield session


def update_of(text: str = "/help", number: int = 7, who: int = 1) -> dict[str, Any]:
    person = {"id": who, "is_bot": False, "first_name": "Anna", "language_code": "en"}
    message: dict[str, Any] = {"message_id": number, "date": 1, "chat": {"id": who, "type": "private"}, "from": person}
    message |= {"text": text, "entities": [{"type": "bot_command", "offset": 0, "length": len(text)}]}
    return {"update_id": number, "message": message}


async def post(
    client: ClientSession, webhook: Webhook, body: bytes | dict[str, Any], secret: str | None = SECRET, **headers: str
) -> int:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"Content-Type": "application/json", **headers} | ({SECRET_HEADER: secret} if secret is not None else {})
    async with client.post(webhook.url, data=io.BytesIO(sent), headers=told) as answer:
        return answer.status


# --- the same bot -------------------------------------------------------------------------------------------


async def test_two_photos_become_a_picture_as_when_the_bot_asks(
    api: BotApi, dialogue: ConversationService, webhook: Webhook
) -> None:
    async with running_bot(api, dialogue, webhook=webhook):
        anna = api.person(1)
        await anna.sends_album(b"mom 1", b"dad 1", captions=("mom", "dad"))
        [picture] = await anna.sees_pictures(1)
        assert drawn(picture.picture)["age"] == 6.0
        await anna.presses("Older ▶")
        await anna.sees_pictures(2)
        assert set(api.brought) == {200}
        assert api.count("getUpdates") == 0


async def test_telegram_is_told_where_we_are_and_at_the_end_to_keep_what_comes(
    api: BotApi, dialogue: ConversationService, webhook: Webhook
) -> None:
    async with running_bot(api, dialogue, webhook=webhook):
        assert api.webhook["url"] == webhook.url
        assert api.webhook["secret_token"] == SECRET
        assert api.webhook["allowed_updates"] == ["message", "edited_message", "callback_query"]
    assert api.webhook == {}
    anna = api.person(1)
    await anna.says("/help")  # while nobody listens
    async with running_bot(api, dialogue):
        await anna.sees("Send two photos")


async def test_a_fresh_secret_is_long_and_new_each_time(webhook: Webhook) -> None:
    secrets = {Webhook(webhook.url).secret for _ in range(20)}
    assert len(secrets) == 20
    assert all(len(secret) >= 40 for secret in secrets)
    assert SECRET not in repr(webhook)


async def test_telegram_away_at_the_start_is_waited_for(
    api: BotApi, dialogue: ConversationService, webhook: Webhook
) -> None:
    api.fail("setWebhook", "drop", times=8)
    async with running_bot(api, dialogue, webhook=webhook):
        anna = api.person(1)
        await anna.says("/help")
        await anna.sees("Send two photos")


async def test_an_address_that_is_taken_or_that_telegram_does_not_like_ends_the_start(
    api: BotApi, dialogue: ConversationService, webhook: Webhook
) -> None:
    async with running_bot(api, dialogue, webhook=webhook):
        with pytest.raises(CannotListen, match="cannot be listened at"):
            async with running_bot(api, dialogue, webhook=webhook):
                pass
    with pytest.raises(CannotListen, match=r"(?i)https url must be provided"):
        async with running_bot(api, dialogue, webhook=Webhook("ftp://example.org/", port=webhook.port)):
            pass


# --- who is let in ------------------------------------------------------------------------------------------


async def test_strangers_are_refused_and_soon_not_even_that(
    api: BotApi, dialogue: ConversationService, webhook: Webhook, client: ClientSession
) -> None:
    async with running_bot(api, dialogue, webhook=webhook):
        wrong = ["", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper()]
        assert [await post(client, webhook, update_of(), secret) for secret in wrong] == [403] * len(wrong)
        assert await post(client, webhook, update_of(), None) == 403
        later = [await post(client, webhook, update_of(), "wrong") for _ in range(STRANGERS_AT_ONCE)]
        assert later[-1] == 429
        # Somebody else's guesses keep Telegram from nothing.
        assert await post(client, webhook, update_of()) == 200
        await api.person(1).sees("Send two photos")


def test_the_secret_is_compared_in_constant_time() -> None:
    source = inspect.getsource(telegram_webhook)
    assert "hmac.compare_digest(told" in source
    assert "== self._webhook.secret" not in source


async def test_each_address_has_guesses_of_its_own_behind_a_proxy(
    api: BotApi, dialogue: ConversationService, client: ClientSession
) -> None:
    port = free_port()
    webhook = Webhook(f"http://127.0.0.1:{port}/", port=port, secret=SECRET, behind_proxy=True)
    async with running_bot(api, dialogue, webhook=webhook):

        async def guess(forwarded: str) -> int:
            return await post(client, webhook, b"{}", "wrong", **{"X-Forwarded-For": forwarded})

        # Whatever a guesser writes there himself, the proxy adds where he is.
        answers = [await guess(f"10.0.0.{n}, 192.0.2.1") for n in range(STRANGERS_AT_ONCE + 1)]
        assert answers[-1] == 429
        assert await guess("192.0.2.2") == 403


async def test_more_than_can_be_heeded_is_sent_back_for_later(
    api: BotApi, dialogue: ConversationService, client: ClientSession
) -> None:
    port = free_port()
    webhook = Webhook(f"http://127.0.0.1:{port}/", port=port, secret=SECRET, rate=2.0)
    async with running_bot(api, dialogue, webhook=webhook):
        answers = [await post(client, webhook, update_of(number=n)) for n in range(12)]
        assert answers[0] == 200
        assert 429 in answers
        # Telegram brings them again: nothing is lost.
        anna = api.person(2)
        for _ in range(5):
            await anna.says("/help")
        await api.until(lambda: len(anna.texts) >= 5, "five answers")
        assert 429 in api.brought


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {}, 400),
        (b"", {}, 400),
        (b"not json", {}, 400),
        (b"[1, 2]", {}, 400),
        (b'{"update_id": "7"}', {}, 400),
        (b'{"update_id": true}', {}, 400),
        (b'{"update_id": -1}', {}, 400),
        (b'{"update_id": 1e400}', {}, 400),
        (b"\xff\xfe{", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"update_id":' + b"9" * 10_000 + b"}", {}, 400),
        (b"x" * (MAX_BODY + 1), {}, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b'{"update_id": 7}', {}, 200),
        (b'{"update_id": 8, "message": 5}', {}, 200),
        (b'{"update_id": 9, "message": {"message_id": "x"}}', {}, 200),
        (b'{"update_id": 10, "poll_answer": {}}', {}, 200),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_what_is_no_update_is_refused_and_what_cannot_be_read_is_not_asked_for_again(
    api: BotApi,
    dialogue: ConversationService,
    webhook: Webhook,
    client: ClientSession,
    body: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    async with running_bot(api, dialogue, webhook=webhook):
        assert await post(client, webhook, body, **headers) == status
        assert await post(client, webhook, update_of(number=500)) == 200  # and goes on
        await api.person(1).sees("Send two photos")


async def test_only_the_one_door_is_open(
    api: BotApi, dialogue: ConversationService, webhook: Webhook, client: ClientSession
) -> None:
    async with running_bot(api, dialogue, webhook=webhook):
        headers = {SECRET_HEADER: SECRET}
        for method, path, status in (("GET", "/telegram", 405), ("POST", "/", 404), ("POST", "/telegram/x", 404)):
            url = f"http://127.0.0.1:{webhook.port}{path}"
            async with client.request(method, url, headers=headers) as answer:
                assert answer.status == status


async def test_who_sends_too_slowly_is_not_waited_for(
    api: BotApi, dialogue: ConversationService, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_webhook, "READING_SECONDS", 0.2)
    async with running_bot(api, dialogue, webhook=webhook):
        reader, writer = await asyncio.open_connection("127.0.0.1", webhook.port)
        head = f"POST /telegram HTTP/1.1\r\nHost: x\r\n{SECRET_HEADER}: {SECRET}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        await writer.wait_closed()


# --- nothing is lost ----------------------------------------------------------------------------------------


async def test_an_update_that_is_brought_twice_is_answered_once(
    api: BotApi, dialogue: ConversationService, webhook: Webhook, client: ClientSession
) -> None:
    async with running_bot(api, dialogue, webhook=webhook):
        anna = api.person(1)
        assert [await post(client, webhook, update_of(number=3)) for _ in range(3)] == [200, 200, 200]
        await anna.sees("Send two photos")
        assert await post(client, webhook, update_of("/privacy", number=4)) == 200
        await api.until(lambda: len(anna.texts) == 2, "the second answer")


async def test_200_is_not_said_before_the_update_is_written_down(
    api: BotApi,
    dialogue: ConversationService,
    store: Store,
    webhook: Webhook,
    client: ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telegram_webhook, "TAKING_SECONDS", 0.5)
    async with running_bot(api, dialogue, webhook=webhook):
        rename = "ALTER TABLE {} RENAME TO {}"
        with store.database.engine.connect() as connection:
            connection.exec_driver_sql(rename.format("inbox", "elsewhere"))
            connection.commit()
        assert await post(client, webhook, update_of()) == 503
        with store.database.engine.connect() as connection:
            connection.exec_driver_sql(rename.format("elsewhere", "inbox"))
            connection.commit()
        # What was being written down is written to its end; brought again it is known.
        assert await post(client, webhook, update_of()) == 200
        await api.person(1).sees("Send two photos")


@pytest.mark.slow
async def test_a_bot_that_is_killed_after_it_said_200_answers_when_it_is_back(
    api: BotApi, webhook: Webhook, tmp_path: Path
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "HOME": str(tmp_path),
        "TELEGRAM_TOKEN": TOKEN,
        "CHILDFACE_TELEGRAM_API_ROOT": api.url,
        "CHILDFACE_DATA_DIR": str(tmp_path),
        "CHILDFACE_BROKER_URL": "redis://127.0.0.1:1",
        "CHILDFACE_WEBHOOK_URL": webhook.url,
        "CHILDFACE_WEBHOOK_PORT": str(webhook.port),
    }

    async def start(*words: str) -> asyncio.subprocess.Process:
        quiet = asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(PROGRAM, *words, env=environment, stdout=quiet, stderr=quiet)

    assert await (await start("db", "upgrade")).wait() == 0
    anna = api.person(1)
    api.fail("sendMessage", "429", times=1000, retry_after=60)
    bot = await start("bot", "telegram", "--webhook")
    await api.until(lambda: api.webhook, "the bot listens")
    for _ in range(3):
        await anna.says("/help")
    await api.until(lambda: api.brought.count(200) == 3, "the bot has three updates")
    bot.kill()
    await bot.wait()
    assert anna.texts == []

    api.faults.clear()
    bot = await start("bot", "telegram", "--webhook")
    await api.until(lambda: len(anna.texts) == 3, "three answers")
    bot.terminate()
    assert await bot.wait() == 0
    assert api.webhook == {}


# --- the body -----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_update_or_a_value_error(body: bytes) -> None:
    try:
        data = read_update(body)
    except ValueError:
        return
    assert isinstance(data["update_id"], int)


FIELDS = ("message", "callback_query", "edited_message", "inline_query", "my_chat_member", "poll")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3), st.integers(1, 2**40))
async def test_no_update_whatever_its_fields_upsets_the_door(fields: dict[str, Any], number: int) -> None:
    from telegram import Bot

    taken = []

    async def take(update: Any) -> bool:
        taken.append(update)
        return True

    server = telegram_webhook.WebhookServer(Webhook("http://x/", secret=SECRET), Bot(TOKEN), take)  # type: ignore[arg-type]
    body = json.dumps({**fields, "update_id": number}).encode()
    request: Any = type("Request", (), {"read": staticmethod(lambda: asyncio.sleep(0, body))})
    assert (await server._receive(request)).status == 200


# --- connections --------------------------------------------------------------------------------------------


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the other side closes the connection; waits for it."""
    async with asyncio.timeout(30):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


@pytest.mark.parametrize("sent", [b"", b"POST /telegram HTTP/1.1\r\nHost: a\r\nX-Half: "], ids=["nothing", "half"])
async def test_headers_that_never_end_are_not_waited_for(
    api: BotApi, dialogue: ConversationService, webhook: Webhook, client: ClientSession, sent: bytes
) -> None:
    async with running_bot(api, dialogue, webhook=replace(webhook, header_seconds=0.3)):
        opened = [await asyncio.open_connection("127.0.0.1", webhook.port) for _ in range(20)]
        for _, writer in opened:
            writer.write(sent)
        assert all(await asyncio.gather(*(is_closed(reader) for reader, _ in opened)))
        for _, writer in opened:
            writer.close()
        assert await post(client, webhook, update_of()) == 200


async def test_more_connections_than_telegram_needs_are_closed_at_once(
    api: BotApi, dialogue: ConversationService, webhook: Webhook, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram_webhook, "MAX_CONNECTIONS", 5)
    async with running_bot(api, dialogue, webhook=webhook):
        opened = [await asyncio.open_connection("127.0.0.1", webhook.port) for _ in range(6)]
        # The last one is closed long before the 10 s after which the others would be.
        assert await is_closed(opened[-1][0])
        assert not any(reader.at_eof() for reader, _ in opened[:-1])
        for _, writer in opened:
            writer.close()
            await writer.wait_closed()
        assert await post(client, webhook, update_of()) == 200


async def test_a_fault_in_the_server_is_logged_without_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    handler = discreet_handler(stream=sys.stderr)
    logger = logging.getLogger("aiohttp.server")
    logger.addHandler(handler)
    try:
        logger.error("Error handling request from %s", "203.0.113.7", exc_info=ValueError("203.0.113.7"))
        logger.warning("odd request from %s", "203.0.113.7")
    finally:
        logger.removeHandler(handler)

    said = capsys.readouterr().err
    assert "Error handling request" in said
    assert "203.0.113.7" not in said
