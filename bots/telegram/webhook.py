"""A small HTTP server that receives Telegram's webhook requests.

    POST ─▶ (genuine?) ─▶ (too often? 429) ─▶ JSON, not too large ─▶ Update ─▶ take ─▶ 200

200 says "you may forget it", and is said only when `take` has put the update where no crash loses it. Everything else
makes Telegram send it again. TLS is the business of the proxy in front (docs/security.md).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import math
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from telegram import Update
from telegram.error import BadRequest, NetworkError, TelegramError
from telegram.ext import ExtBot

from bots.adapters.runner import CannotListen
from bots.telegram.rate_limit import Bucket, Buckets
from observability.logs import get_logger

log = get_logger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # nosec B105 # its name
MAX_BODY = 2**20
"""Updates have a few kB; the longest, with every field filled, stay well below 100 kB."""

READING_SECONDS = 10.0
"""For the body of a request. Who sends slower keeps a place busy."""

HEADER_SECONDS = 10.0
"""From opening a connection, or from the last answer on it, to the end of the next request's headers."""

MAX_CONNECTIONS = 200
"""Open at once. Telegram uses at most 40 (`max_connections` of setWebhook); a proxy in front pools its own."""

TAKING_SECONDS = 20.0
"""Until an update is written down; Telegram waits a little longer for an answer."""

STRANGERS_A_SECOND, STRANGERS_AT_ONCE = 0.2, 10
"""Allowed requests per address with a wrong secret: enough for a typo, too few to guess it."""

Take = Callable[[Update], Awaitable[bool]]
"""Puts an update where no crash loses it. False: could not, send it again."""


@dataclass(frozen=True)
class Webhook:
    """Where Telegram finds us, and how much we let in."""

    url: str
    """Public, https; its path is the one we listen at."""
    host: str = "127.0.0.1"
    port: int = 8443
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """The secret that Telegram sends with each update; by default a new one per start."""
    rate: float = 100.0
    """Updates a second, all together; twice as many at once."""
    header_seconds: float = HEADER_SECONDS
    behind_proxy: bool = False
    """Whether the last address in X-Forwarded-For is who asked. Without a proxy anybody could write it."""

    @property
    def path(self) -> str:
        """Of the address."""
        return urlsplit(self.url).path or "/"


class WebhookServer:
    """`open()`, then `announce()`; `withdraw()`, then `close()`."""

    def __init__(self, webhook: Webhook, bot: ExtBot[Any], take: Take) -> None:
        self._webhook = webhook
        self._bot = bot
        self._take = take
        self._genuine = Bucket(webhook.rate, max(2 * webhook.rate, 1))
        self._strangers = Buckets(STRANGERS_A_SECOND, STRANGERS_AT_ONCE)
        self._taking: set[asyncio.Task[bool]] = set()
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. Raises CannotListen where the address is taken."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # Its own log would name addresses. aiohttp's keep-alive is also the limit for headers that never end.
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=self._webhook.header_seconds, shutdown_timeout=5.0
        )
        await self._runner.setup()
        host, port = self._webhook.host, self._webhook.port
        try:
            self._listener = await asyncio.get_running_loop().create_server(self._connected, host, port, backlog=128)
        except OSError as error:
            raise CannotListen("Telegram", f"{host}:{port} cannot be listened at") from error

    def _connected(self) -> asyncio.BaseProtocol:
        """aiohttp's protocol for a new connection; where too many are open, one that closes it."""
        assert self._runner is not None and self._runner.server is not None
        if len(self._runner.server.connections) >= MAX_CONNECTIONS:
            return _Refused()
        return self._runner.server()

    async def announce(self, allowed: list[str]) -> None:
        """Tell Telegram where we are, however long it is unavailable. Raises CannotListen where it does not like it."""
        wait = 1.0
        while True:
            try:
                await self._bot.set_webhook(
                    self._webhook.url, secret_token=self._webhook.secret, allowed_updates=allowed
                )
                return
            except BadRequest as error:
                raise CannotListen("Telegram", error.message) from error
            except NetworkError:
                log.warning("Telegram cannot be reached, trying again", seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 60.0)

    async def withdraw(self) -> None:
        """Remove the webhook, so that Telegram queues updates until polled."""
        with suppress(TelegramError):
            await self._bot.delete_webhook(drop_pending_updates=False)

    async def close(self) -> None:
        """Answer who is being listened to, then listen no more."""
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
        for task in self._taking:
            task.cancel()
        await asyncio.gather(*self._taking, return_exceptions=True)

    async def _answer(self, request: web.Request) -> web.Response:
        told = request.headers.get(SECRET_HEADER, "")
        genuine = hmac.compare_digest(told.encode(errors="replace"), self._webhook.secret.encode())
        wait = self._genuine.take() if genuine else self._strangers.take(self._address(request))
        if wait:
            return web.Response(status=429, headers={"Retry-After": str(math.ceil(wait))})
        if not genuine:
            return web.Response(status=403)
        if request.path != self._webhook.path:
            return web.Response(status=404)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        if request.content_type != "application/json":
            return web.Response(status=415)
        return await self._receive(request)

    async def _receive(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(READING_SECONDS):
                body = await request.read()  # raises 413 where it is too large
            data = read_update(body)
        except TimeoutError:
            return web.Response(status=408)
        except ValueError:
            return web.Response(status=400)
        try:
            update = Update.de_json(data, self._bot)
        except Exception as error:  # sent again it would be the same
            log.error("an update cannot be read", fault=type(error).__name__)
            return web.Response(status=200)
        return web.Response(status=200 if await self._taken(update) else 503)

    async def _taken(self, update: Update) -> bool:
        """Whether it was accepted in time. A started write is always completed."""
        task = asyncio.ensure_future(self._take(update))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        done, _ = await asyncio.wait({task}, timeout=TAKING_SECONDS)
        if not done:
            return False
        fault = task.exception()
        if fault is not None:
            log.error("an update could not be taken", fault=type(fault).__name__)
            return False
        return task.result()

    def _address(self, request: web.Request) -> str:
        if self._webhook.behind_proxy:
            last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            if last:
                return last
        return request.remote or ""


class _Refused(asyncio.Protocol):
    """Closes a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One too many."""
        transport.close()


def read_update(body: bytes) -> dict[str, Any]:
    """The JSON object of an update, with its number. ValueError for anything else."""
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(data, dict):
        raise ValueError("no object")
    number = data.get("update_id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
        raise ValueError("no number")
    return data
