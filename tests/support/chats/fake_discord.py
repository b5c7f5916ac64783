"""Discord over real HTTP and a real WebSocket, small enough to read: guilds, people, interactions, faults on demand.

It keeps what a channel shows (edits applied, whispers told apart), so a test says what somebody *sees*, not which calls
were made. Behaves as https://discord.com/developers/docs tells where the bot could notice a difference: content type,
deferred messages, tokens that end, nonces, 429s, sessions that are resumed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
import yarl
from aiohttp import WSMsgType, web
from discord.gateway import DiscordWebSocket
from discord.http import Route

TOKEN = "bm90LWEtcmVhbC10b2tlbg.not.real"
APPLICATION = 900
GUILD, OTHER_GUILD = 700, 701
CHANNEL, OTHER_CHANNEL = 770077007700770077, 770077007700880088
PATIENCE = 60.0
"""Seconds after which something that must come is taken to be lost."""
EPHEMERAL, LOADING = 64, 128
EPOCH = 1420070400000


@dataclass
class ShownMessage:
    """A message as the channel shows it now. `whisper`: the only person who sees it."""

    message_id: int
    channel: int
    from_bot: bool = True
    text: str = ""
    picture: bytes | None = None
    file_name: str = ""
    alt: str = ""
    buttons: list[list[dict[str, Any]]] = field(default_factory=list)
    whisper: int | None = None
    thinking: bool = False
    deleted: bool = False
    edits: int = 0
    reply_to: int | None = None
    named: list[int] = field(default_factory=list)
    """Whose telephone rang: a new message that mentions somebody, and may."""
    author: int = APPLICATION
    attachments: list[dict[str, Any]] = field(default_factory=list)
    forwards: list[dict[str, Any]] | None = None
    """The files of the message that this one forwards."""
    stickers: list[dict[str, Any]] = field(default_factory=list)
    poll: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str]:
        return [button["label"] for row in self.buttons for button in row]


@dataclass
class Token:
    """An interaction that waits for its answer."""

    interaction_id: int
    person: int
    channel: int
    made: float
    source: int | None = None
    """The message whose button was pressed."""
    kind: int | None = None
    original: int | None = None
    waited: float = 0.0
    """Seconds until it was acknowledged."""


@dataclass
class Fault:
    """What happens to the next requests of a kind: "429", "500", or a connection that breaks before or after."""

    route: str
    kind: str
    times: int = 1
    retry_after: float = 0.05


@dataclass
class Session:
    """A gateway session: what was sent, and where to."""

    events: list[dict[str, Any]] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None
    transport: Any = None
    over: bool = False


class Discord:
    """The server. `patch` makes discord.py take it for discord.com."""

    def __init__(self) -> None:
        self.messages: dict[int, ShownMessage] = {}
        self.tokens: dict[str, Token] = {}
        self.calls: list[str] = []
        self.commands: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.broken = 0
        self.storm: tuple[random.Random, float] | None = None
        """Chance and share of requests that meet a fault."""
        self.token_life = 900.0
        self.avatars: dict[int, bytes] = {}
        self.upload_limit = 10 * 2**20
        self.closed_channels: set[int] = set()
        self.identified = 0
        self.resumed = 0
        self.intents: int | None = None
        self.resumable = True
        self._sessions: dict[str, Session] = {}
        self._nonces: dict[tuple[int, str], int] = {}
        self._numbers = itertools.count(1)
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.url = ""

    # Life

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        api = "/api/v10"
        hooks = f"{api}/webhooks/{APPLICATION}/{{token}}"
        app.router.add_get("/", self._gateway)
        app.router.add_get("/cdn/{path:.*}", self._handled("download", self._download))
        for method, path, name, handler in (
            ("GET", "/users/@me", "me", self._me),
            ("GET", "/oauth2/applications/@me", "application", self._application),
            ("GET", "/users/{user}", "user", self._somebody),
            ("PUT", f"/applications/{APPLICATION}/commands", "sync", self._sync),
            ("POST", "/interactions/{id}/{token}/callback", "callback", self._callback),
            ("POST", "/channels/{channel}/messages", "send", self._send),
            ("PATCH", "/channels/{channel}/messages/{message}", "edit", self._edit),
            ("DELETE", "/channels/{channel}/messages/{message}", "delete", self._delete),
        ):
            app.router.add_route(method, api + path, self._handled(name, handler))
        app.router.add_post(hooks, self._handled("followup", self._followup))
        app.router.add_patch(f"{hooks}/messages/{{message}}", self._handled("edit answer", self._edit_answer))
        app.router.add_delete(f"{hooks}/messages/{{message}}", self._handled("delete answer", self._delete_answer))
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Point discord.py here."""
        monkeypatch.setattr(Route, "BASE", f"{self.url}/api/v10")
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(self.url.replace("http", "ws")))
        monkeypatch.setattr(discord.Asset, "BASE", f"{self.url}/cdn")

    def fail(self, route: str, kind: str, times: int = 1, *, retry_after: float = 0.05) -> None:
        """Let the next requests of a kind meet a fault: "429", "500", "drop" (not done), "drop after" (done)."""
        self.faults.append(Fault(route, kind, times, retry_after))

    # What people do

    def person(self, number: int, channel: int | None = None, locale: str = "en-US") -> Person:
        """Somebody, in a channel of a guild or (no channel) in a private chat."""
        return Person(self, number, channel or 10_000 + number, GUILD_OF.get(channel or 0), locale)

    def number(self) -> int:
        """A snowflake of this moment."""
        return ((int(time.time() * 1000) - EPOCH) << 22) | (next(self._numbers) & 0x3FFFFF)

    async def dispatch(self, event: str, body: dict[str, Any]) -> None:
        """An event for the bot: kept for its session, sent if it is connected. Without a session somebody waits."""
        await self.until(lambda: any(not s.over for s in self._sessions.values()), "a bot that listens")
        session = [s for s in self._sessions.values() if not s.over][-1]
        packet = {"op": 0, "t": event, "s": len(session.events) + 1, "d": body}
        session.events.append(packet)
        if session.socket is not None and not session.socket.closed:
            try:
                await session.socket.send_json(packet)
            except ConnectionError:
                session.socket = None

    async def drop_gateway(self) -> None:
        """Break every connection, in the middle of whatever goes on. Sessions can be resumed."""
        for session in self._sessions.values():
            if session.transport is not None:
                session.transport.abort()
                session.socket = session.transport = None

    # What people see

    def shown(self, channel: int, person: int | None = None) -> list[ShownMessage]:
        """What the bot's messages in a channel look like now to somebody, the oldest first."""
        found = [
            m
            for m in self.messages.values()
            if m.channel == channel and m.from_bot and not m.deleted and not m.thinking and m.whisper in (None, person)
        ]
        return sorted(found, key=lambda message: message.message_id)

    async def until(self, holds: Callable[[], Any], what: str = "") -> None:
        """Wait for something to become true."""
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(holds), PATIENCE)
            except TimeoutError:
                raise AssertionError(f"never happened: {what}\n{self.transcript()}") from None

    async def tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def transcript(self) -> str:
        return "\n".join(
            f"{m.channel} #{m.message_id}{' (deleted)' if m.deleted else ''}{' (thinking)' if m.thinking else ''}"
            f"{f' (only {m.whisper})' if m.whisper else ''}: {m.text!r} {m.picture!r:.60} {m.labels}"
            for m in self.messages.values()
        )

    def count(self, route: str) -> int:
        return self.calls.count(route)

    # Gateway

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 20_000}})
        session: Session | None = None
        async for packet in socket:
            if packet.type is not WSMsgType.TEXT:
                continue
            said = json.loads(packet.data)
            if said["op"] == 1:
                await socket.send_json({"op": 11})
            elif said["op"] == 2:
                session = await self._identify(socket, request, said["d"])
            elif said["op"] == 6:
                session = await self._resume(socket, request, said["d"])
        if session is not None and session.socket is socket:
            session.socket = session.transport = None
            if socket.close_code == 1000:  # a bot that leaves ends its session; a broken line does not
                session.over = True
        return socket

    async def _identify(
        self, socket: web.WebSocketResponse, request: web.Request, said: dict[str, Any]
    ) -> Session | None:
        if said["token"] != TOKEN:
            await socket.close(code=4004, message=b"Authentication failed.")
            return None
        self.identified += 1
        self.intents = said["intents"]
        name = f"session-{self.identified}"
        session = self._sessions[name] = Session(socket=socket, transport=request.transport)
        ready = {
            "v": 10,
            "user": _user(APPLICATION, bot=True),
            "guilds": [{"id": str(guild), "unavailable": True} for guild in (GUILD, OTHER_GUILD)],
            "session_id": name,
            "resume_gateway_url": self.url.replace("http", "ws"),
            "application": {"id": str(APPLICATION), "flags": 0},
        }
        await self.dispatch("READY", ready)
        for guild in (GUILD, OTHER_GUILD):
            await self.dispatch("GUILD_CREATE", _guild(guild))
        await self.tell()
        return session

    async def _resume(
        self, socket: web.WebSocketResponse, request: web.Request, said: dict[str, Any]
    ) -> Session | None:
        session = self._sessions.get(said["session_id"])
        if session is None or session.over or not self.resumable:
            if session is not None:
                session.over = True
            await socket.send_json({"op": 9, "d": False})
            return None
        self.resumed += 1
        missed = session.events[said["seq"] or 0 :]
        session.socket, session.transport = socket, request.transport
        for packet in missed:
            await socket.send_json(packet)
        resumed = {"op": 0, "t": "RESUMED", "s": len(session.events) + 1, "d": {}}
        session.events.append(resumed)
        await socket.send_json(resumed)
        await self.tell()
        return session

    # REST

    def _handled(self, route: str, handler: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            fault = self._take_fault(route)
            if fault is not None and fault.kind in ("429", "500"):
                return _limited(fault.retry_after) if fault.kind == "429" else _answer({"message": "oops"}, 500)
            if fault is not None and fault.kind == "drop":
                return self._drop(request)
            if route != "download" and not _authorised(request):
                return _answer({"message": "401: Unauthorized", "code": 0}, 401)
            self.calls.append(route)
            try:
                body = await handler(request)
            except ApiError as error:
                return _answer({"message": error.words, "code": error.code}, error.status)
            finally:
                await self.tell()
            if fault is not None:
                return self._drop(request)
            if isinstance(body, web.StreamResponse):
                return body
            return web.Response(status=204) if body is None else _answer(body)

        return handle

    def _take_fault(self, route: str) -> Fault | None:
        for fault in self.faults:
            if fault.route in (route, "*") and fault.times > 0:
                fault.times -= 1
                return fault
        if self.storm is not None and route != "sync" and self.storm[0].random() < self.storm[1]:
            # A follow-up has no nonce: one whose answer is lost may come twice, nobody can know. Nothing else must.
            kinds = ["429", "drop"] if route in ("followup", "download") else ["429", "drop", "drop after"]
            return Fault(route, self.storm[0].choice(kinds), retry_after=0.01)
        return None

    def _drop(self, request: web.Request) -> web.StreamResponse:
        self.broken += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _me(self, request: web.Request) -> Any:
        return _user(APPLICATION, bot=True)

    async def _somebody(self, request: web.Request) -> Any:
        number = int(request.match_info["user"])
        return {**_user(number), "avatar": f"a{number}" if number in self.avatars else None}

    async def _application(self, request: web.Request) -> Any:
        return {
            "id": str(APPLICATION), "name": "ChildFace", "icon": None, "description": "", "summary": "",
            "bot_public": True, "bot_require_code_grant": False, "verify_key": "0", "flags": 0, "team": None,
            "owner": _user(1),
        }  # fmt: skip

    async def _sync(self, request: web.Request) -> Any:
        self.commands = await request.json()
        return [
            {"id": str(self.number()), "application_id": str(APPLICATION), "version": "1", "type": 1,
             "default_member_permissions": None, **command}
            for command in self.commands
        ]  # fmt: skip

    async def _callback(self, request: web.Request) -> Any:
        token = self.tokens.get(request.match_info["token"])
        if token is None or time.monotonic() - token.made > 3.0:
            raise ApiError(404, 10062, "Unknown interaction")
        if token.kind is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        body, _ = await _parts(request)
        token.kind = body["type"]
        token.waited = time.monotonic() - token.made
        resource = None
        if token.kind in (4, 5):
            data = body.get("data") or {}
            message = self._new(token.channel, thinking=token.kind == 5)
            message.whisper = token.person if data.get("flags", 0) & EPHEMERAL else None
            self._fill(message, data, [])
            token.original = message.message_id
            resource = {"type": token.kind, "message": _message(message)}
        else:
            token.original = token.source
        called = {"id": str(token.interaction_id), "type": 2, "response_message_id": str(token.original)}
        return {"interaction": called, "resource": resource}

    async def _followup(self, request: web.Request) -> Any:
        token = self._token(request)
        body, files = await _parts(request)
        self._check_size(files)
        original = self.messages.get(token.original or 0)
        if token.kind == 5 and original is not None and original.thinking and not original.deleted:
            # As the real one: this becomes the deferred message, and a flag that says otherwise is ignored.
            original.thinking = False
            return _message(self._fill(original, body, files))
        message = self._new(token.channel)
        message.whisper = token.person if body.get("flags", 0) & EPHEMERAL else None
        return _message(self._fill(message, body, files))

    async def _edit_answer(self, request: web.Request) -> Any:
        message = self._answered(request)
        body, files = await _parts(request)
        self._check_size(files)
        message.thinking = False
        message.edits += 1
        return _message(self._fill(message, body, files))

    async def _delete_answer(self, request: web.Request) -> Any:
        self._answered(request).deleted = True

    def _answered(self, request: web.Request) -> ShownMessage:
        token = self._token(request)
        number = request.match_info["message"]
        message = self.messages.get(token.original or 0 if number == "@original" else int(number))
        if message is None or message.deleted:
            raise ApiError(404, 10008, "Unknown Message")
        return message

    def _token(self, request: web.Request) -> Token:
        token = self.tokens.get(request.match_info["token"])
        if token is None or token.kind is None:
            raise ApiError(404, 10015, "Unknown Webhook")
        if time.monotonic() - token.made > self.token_life:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return token

    async def _send(self, request: web.Request) -> Any:
        channel = self._open_channel(request)
        body, files = await _parts(request)
        self._check_size(files)
        nonce = body.get("nonce")
        if body.get("enforce_nonce") and (channel, str(nonce)) in self._nonces:
            return _message(self.messages[self._nonces[channel, str(nonce)]])
        message = self._fill(self._new(channel), body, files)
        if nonce is not None:
            self._nonces[channel, str(nonce)] = message.message_id
        return _message(message)

    async def _edit(self, request: web.Request) -> Any:
        message = self._ours(request)
        body, files = await _parts(request)
        self._check_size(files)
        message.edits += 1
        return _message(self._fill(message, body, files))

    async def _delete(self, request: web.Request) -> Any:
        self._ours(request).deleted = True

    def _open_channel(self, request: web.Request) -> int:
        channel = int(request.match_info["channel"])
        if channel in self.closed_channels:
            raise ApiError(403, 50001, "Missing Access")
        return channel

    def _ours(self, request: web.Request) -> ShownMessage:
        self._open_channel(request)
        message = self.messages.get(int(request.match_info["message"]))
        if message is None or message.deleted or message.whisper is not None:
            raise ApiError(404, 10008, "Unknown Message")
        return message

    async def _download(self, request: web.Request) -> Any:
        kind, *_, name = request.match_info["path"].split("/")
        if kind == "avatars":
            return web.Response(body=self.avatars[int(name.split(".")[0].removeprefix("a"))])
        data = self.files.get(name.split(".")[0])
        if data is None:
            raise ApiError(404, 0, "This content is no longer available.")
        return web.Response(body=data)

    def _new(self, channel: int, thinking: bool = False) -> ShownMessage:
        message = ShownMessage(self.number(), channel, thinking=thinking)
        self.messages[message.message_id] = message
        return message

    def _fill(self, message: ShownMessage, body: dict[str, Any], files: list[tuple[str, bytes]]) -> ShownMessage:
        if len(body.get("content") or "") > 2000:
            raise ApiError(400, 50035, "Invalid Form Body")
        if "content" in body:
            message.text = body["content"] or ""
        if "components" in body:
            message.buttons = [row["components"] for row in body["components"] or []]
        if "attachments" in body:
            message.picture, message.alt = None, ""
        if files:
            message.file_name, message.picture = files[0]
            message.alt = (body.get("attachments") or [{}])[0].get("description") or ""
        if body.get("poll"):
            message.text = body["poll"]["question"]["text"]
            message.poll = tuple(answer["poll_media"]["text"] for answer in body["poll"]["answers"])
        if body.get("message_reference"):
            message.reply_to = int(body["message_reference"]["message_id"])
        if not message.edits and not message.thinking:
            allowed = (body.get("allowed_mentions") or {}).get("users", [])
            message.named = [int(user) for user in allowed if f"<@{user}>" in message.text]
        return message

    def _check_size(self, files: list[tuple[str, bytes]]) -> None:
        if sum(len(data) for _, data in files) > self.upload_limit:
            raise ApiError(413, 40005, "Request entity too large")


class ApiError(Exception):
    """A refusal in Discord's words."""

    def __init__(self, status: int, code: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.code = code
        self.words = words


class Person:
    """Somebody with Discord open on a channel."""

    def __init__(self, api: Discord, number: int, channel: int, guild: int | None, locale: str) -> None:
        self.api = api
        self.number = number
        self.channel = channel
        self.guild = guild
        self.locale = locale
        self.permissions = 0

    async def uses(self, command: str, **options: Any) -> Token:
        """A slash command. Bytes are uploaded."""
        resolved: dict[str, Any] = {"attachments": {}}
        given = []
        for name, value in options.items():
            kind = next((kind for known, kind in OPTION_KINDS if isinstance(value, known)), 3)
            if kind == 6:
                value = str(value.number)
                resolved["users"] = resolved.get("users", {}) | {value: _user(int(value))}
            if kind == 11:
                file = self.upload(value) if isinstance(value, bytes) else value
                resolved["attachments"][file["id"]] = file
                value = file["id"]
            given.append({"name": name, "type": kind, "value": value})
        data = {"id": "1", "name": command, "type": 1, "options": given, "resolved": resolved}
        return await self._interact(2, data)

    def upload(
        self, data: bytes, name: str = "photo.jpg", mime: str | None = "image/jpeg", size: int | None = None
    ) -> Any:
        """A file for a command or a message. `size` lies about its length."""
        number = str(self.api.number())
        self.api.files[number] = data
        url = f"{self.api.url}/cdn/attachments/{number}.{name.rsplit('.')[-1]}"
        size = len(data) if size is None else size
        return {"id": number, "filename": name, "size": size, "url": url, "proxy_url": url, "content_type": mime}

    async def posts(self, *files: dict[str, Any], text: str = "") -> ShownMessage:
        """A message in the channel, which the bot does not see."""
        message = ShownMessage(
            self.api.number(), self.channel, False, text, author=self.number, attachments=list(files)
        )
        self.api.messages[message.message_id] = message
        return message

    async def uses_menu(self, name: str, message: ShownMessage) -> Token:
        """ "Apps" beside a message."""
        target = str(message.message_id)
        data = {"id": "1", "name": name, "type": 3, "target_id": target,
                "resolved": {"messages": {target: _message(message)}}}  # fmt: skip
        return await self._interact(2, data)

    async def uses_user_menu(self, name: str, other: int) -> Token:
        """ "Apps" beside a person."""
        target = str(other)
        data = {"id": "1", "name": name, "type": 2, "target_id": target,
                "resolved": {"users": {target: _user(other)}, "members": {target: _member()}}}  # fmt: skip
        return await self._interact(2, data)

    async def presses(self, label: str, *, times: int = 1) -> None:
        """The newest button with this label."""
        message, data = self.data_of(label)
        for _ in range(times):
            await self.presses_data(message, data)

    async def presses_data(self, message: ShownMessage, data: str) -> Token:
        pressed = {"custom_id": data, "component_type": 2}
        return await self._interact(3, pressed, message)

    def data_of(self, label: str) -> tuple[ShownMessage, str]:
        """A button, to be pressed later."""
        for message in reversed(self.shown):
            for row in message.buttons:
                for button in row:
                    if label in button["label"]:
                        return message, button["custom_id"]
        raise AssertionError(f"no button {label!r}\n{self.api.transcript()}")

    async def sees(self, words: str) -> ShownMessage:
        """Wait until a message of the bot holds these words."""
        await self.api.until(lambda: self._seen(words) is not None, words)
        message = self._seen(words)
        assert message is not None
        return message

    async def sees_pictures(self, count: int) -> list[ShownMessage]:
        """Wait for so many pictures."""
        await self.api.until(lambda: len(self.pictures) >= count, f"{count} pictures")
        return self.pictures

    @property
    def shown(self) -> list[ShownMessage]:
        return self.api.shown(self.channel, self.number)

    @property
    def pictures(self) -> list[ShownMessage]:
        return [message for message in self.shown if message.picture is not None]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.shown]

    def _seen(self, words: str) -> ShownMessage | None:
        return next((m for m in reversed(self.shown) if words in m.text), None)

    async def _interact(self, kind: int, data: dict[str, Any], message: ShownMessage | None = None) -> Token:
        number = self.api.number()
        name = f"secret-token-{number}"
        token = Token(number, self.number, self.channel, time.monotonic(), message.message_id if message else None)
        self.api.tokens[name] = token
        body: dict[str, Any] = {
            "id": str(number), "application_id": str(APPLICATION), "type": kind, "token": name, "version": 1,
            "data": data, "locale": self.locale, "app_permissions": "2147483647", "entitlements": [],
            "attachment_size_limit": self.api.upload_limit, "channel_id": str(self.channel),
            "authorizing_integration_owners": {}, "channel": _channel(self.channel, self.guild),
        }  # fmt: skip
        if message is not None:
            body["message"] = _message(message)
        if self.guild is None:
            body |= {"user": _user(self.number), "context": 1}
        else:
            member = {**_member(), "user": _user(self.number), "permissions": str(self.permissions)}
            body |= {"member": member, "guild_id": str(self.guild), "context": 0, "guild_locale": "en-US",
                     "guild": {"id": str(self.guild), "locale": "en-US", "features": []}}  # fmt: skip
        await self.api.dispatch("INTERACTION_CREATE", body)
        return token


OPTION_KINDS: tuple[tuple[Any, int], ...] = ((bytes | dict, 11), (bool, 5), (int | float, 10), (Person, 6))
"""Discord's numbers for attachments, switches, numbers and people; words are 3."""
GUILD_OF = {CHANNEL: GUILD, CHANNEL + 1: GUILD, OTHER_CHANNEL: OTHER_GUILD}


def _user(number: int, *, bot: bool = False) -> dict[str, Any]:
    bot = bot or number == APPLICATION
    name = "childface" if bot else f"secretname{number}"
    return {"id": str(number), "username": name, "discriminator": "0", "global_name": None, "avatar": f"a{number}",
            "bot": bot, "public_flags": 0}  # fmt: skip


def _member() -> dict[str, Any]:
    return {"roles": [], "joined_at": "2024-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0,
            "nick": None, "avatar": None, "permissions": "0"}  # fmt: skip


def _channel(number: int, guild: int | None) -> dict[str, Any]:
    if guild is None:
        return {"id": str(number), "type": 1, "last_message_id": None, "recipients": [_user(number - 10_000)]}
    return {"id": str(number), "type": 0, "name": "family", "guild_id": str(guild), "position": 0,
            "permission_overwrites": [], "parent_id": None, "nsfw": False, "permissions": "0"}  # fmt: skip


def _guild(number: int) -> dict[str, Any]:
    channels = [_channel(channel, number) for channel, guild in GUILD_OF.items() if guild == number]
    return {
        "id": str(number), "name": "A family", "owner_id": "1", "channels": channels, "roles": [], "members": [],
        "emojis": [], "stickers": [], "features": [], "threads": [], "member_count": 3, "unavailable": False,
        "premium_tier": 0, "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0,
        "mfa_level": 0, "nsfw_level": 0, "preferred_locale": "en-US", "afk_timeout": 0, "system_channel_flags": 0,
        "premium_progress_bar_enabled": False, "voice_states": [], "presences": [], "stage_instances": [],
        "guild_scheduled_events": [], "large": False,
    }  # fmt: skip


def _message(message: ShownMessage) -> dict[str, Any]:
    """As Discord describes a message."""
    flags = (EPHEMERAL if message.whisper is not None else 0) | (LOADING if message.thinking else 0)
    attachments = list(message.attachments)
    if message.picture is not None:
        attachments.append({"id": "1", "filename": message.file_name, "size": len(message.picture), "url": "http://x/",
                            "proxy_url": "http://x/"})  # fmt: skip
    return {
        "id": str(message.message_id), "channel_id": str(message.channel), "content": message.text,
        "author": _user(message.author, bot=message.from_bot), "timestamp": "2024-01-01T00:00:00+00:00",
        "edited_timestamp": None, "tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [],
        "attachments": attachments, "embeds": [], "pinned": False, "type": 0, "flags": flags,
        "components": [{"type": 1, "components": row} for row in message.buttons],
        "sticker_items": message.stickers, **_forwarded(message),
    }  # fmt: skip


def _forwarded(message: ShownMessage) -> dict[str, Any]:
    """What a message says of the one that it forwards."""
    if message.forwards is None:
        return {}
    forwarded = {"type": 0, "content": "hello", "embeds": [], "attachments": message.forwards, "flags": 0,
                 "timestamp": "2024-01-01T00:00:00+00:00", "edited_timestamp": None}  # fmt: skip
    reference = {"type": 1, "channel_id": str(message.channel), "message_id": "5"}
    return {"message_reference": reference, "message_snapshots": [{"message": forwarded}]}


async def _parts(request: web.Request) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """The JSON of a request, and the files beside it."""
    if not request.content_type.startswith("multipart/"):
        return await request.json(), []
    form = await request.post()
    files = [
        (part.filename, part.file.read())
        for name, part in form.items()
        if name.startswith("files[") and isinstance(part, web.FileField)
    ]
    return json.loads(str(form["payload_json"])), files


def _authorised(request: web.Request) -> bool:
    """Webhooks and interactions are known by their own token in the address."""
    by_address = "/webhooks/" in request.path or "/interactions/" in request.path
    return by_address or request.headers.get("Authorization") == f"Bot {TOKEN}"


def _answer(body: Any, status: int = 200, **headers: str) -> web.Response:
    """The library takes JSON for JSON only under exactly this content type."""
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json", **headers}
    )


def _limited(seconds: float) -> web.Response:
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": False}
    return _answer(body, 429, Via="1.1 google", **{"Retry-After": str(seconds)})
