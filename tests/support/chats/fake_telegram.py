"""A Bot API server over real HTTP, small enough to read: chats, people, albums, buttons, files, and faults on demand.

It keeps what a chat shows (edits applied), so a test says what somebody *sees*, not which calls were made.
Behaves as https://core.telegram.org/bots/api tells where the bot could notice a difference.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web

TOKEN = "123456:not-a-real-token"
ME = {"id": 123456, "is_bot": True, "first_name": "ChildFace", "username": "childface_bot"}
PATIENCE = 60.0
"""Seconds after which something that must come is taken to be lost."""


@dataclass
class ShownMessage:
    """A message as the chat shows it now."""

    message_id: int
    chat_id: int
    from_bot: bool
    text: str = ""
    picture: bytes | None = None
    buttons: list[list[dict[str, str]]] = field(default_factory=list)
    reply_to: int | None = None
    deleted: bool = False
    edits: int = 0
    poll: tuple[str, ...] = ()
    kind: str = "photo"

    @property
    def labels(self) -> list[str]:
        return [button["text"] for row in self.buttons for button in row]


@dataclass
class Fault:
    """What happens to the next requests of a method: `status` 429, or a connection that breaks before or after."""

    method: str
    kind: str
    times: int = 1
    retry_after: int = 1
    chat_id: int | None = None


class BotApi:
    """The server. `url` is what the bot takes for api.telegram.org."""

    def __init__(self) -> None:
        self.messages: dict[tuple[int, int], ShownMessage] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[dict[str, Any]] = []
        self.commands: dict[tuple[str, str], list[str]] = {}
        self.files: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.broken = 0
        self.privacy_mode = False
        """As @BotFather sets it for new bots: of a group only what is meant for the bot arrives."""
        self.avatars: dict[int, list[str]] = {}
        self.admins: set[tuple[int, int]] = set()
        """(chat, person)"""
        self.met: Counter[str] = Counter()
        """Faults that requests have met, by kind."""
        self.storm: tuple[random.Random, float] | None = None
        """Chance and share of requests that meet a fault."""
        self.storm_takes_answers = False
        """Whether the storm also takes the answer to what was sent anew, which no sender can tell from a lost one."""
        self._numbers = itertools.count(1000)
        self._updates: list[dict[str, Any]] = []
        self.given: list[dict[str, Any]] = []
        """Every update there was."""
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.moved: dict[int, int] = {}
        """Groups that have become supergroups, and their new numbers."""
        self.webhook: dict[str, Any] = {}
        """What the bot asked for; empty while it fetches."""
        self.brought: list[int] = []
        """What the bot answered to each update that was brought."""
        self._bringing: asyncio.Task[None] | None = None

    # Life

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/bot{token}/{method}", self._call)
        app.router.add_get("/file/bot{token}/{path}", self._download)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._bring_no_more()
        await self._runner.cleanup()

    def fail(self, method: str, kind: str, times: int = 1, *, retry_after: int = 1, chat_id: int | None = None) -> None:
        """Let the next requests of a method meet a fault: "429", "403", "drop" (not done), "drop after" (done)."""
        self.faults.append(Fault(method, kind, times, retry_after, chat_id))

    # What people do

    def person(
        self, number: int, chat_id: int | None = None, language: str = "en", username: str | None = None
    ) -> Person:
        """Somebody, in a private chat or (negative number) a group."""
        return Person(self, number, chat_id or number, language, username)

    def set_avatar(self, number: int, data: bytes) -> None:
        """A profile photo that the bot may see."""
        self.avatars.setdefault(number, []).insert(0, self.keep_file(data))

    async def push(self, **update: Any) -> None:
        """An update for the bot, unless privacy mode keeps it away."""
        if self.privacy_mode and "message" in update and not _is_meant_for_bot(update["message"]):
            return
        self.given.append({"update_id": next(self._numbers), **update})
        await self.push_again(self.given[-1])

    async def push_again(self, update: dict[str, Any]) -> None:
        """Hand an update out (again), as it is."""
        async with self._news:
            self._updates.append(update)
            self._news.notify_all()

    def number(self) -> int:
        return next(self._numbers)

    def keep_file(self, data: bytes, size: int | None = None) -> str:
        """A file that somebody sent; its id. `size` lies about its length."""
        file_id = f"file-{self.number()}"
        self.files[file_id] = data
        self.sizes[file_id] = len(data) if size is None else size
        return file_id

    # What people see

    def shown(self, chat_id: int) -> list[ShownMessage]:
        """What the bot's messages in a chat look like now, the oldest first."""
        found = [m for (chat, _), m in self.messages.items() if chat == chat_id and m.from_bot and not m.deleted]
        return sorted(found, key=lambda message: message.message_id)

    def pictures(self, chat_id: int) -> list[ShownMessage]:
        """Messages with a picture."""
        return [message for message in self.shown(chat_id) if message.picture is not None]

    def count(self, method: str) -> int:
        return sum(1 for name, _ in self.calls if name == method)

    async def until(self, holds: Callable[[], Any], what: str = "") -> None:
        """Wait for something to become true."""
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(holds), PATIENCE)
            except TimeoutError:
                raise AssertionError(f"never happened: {what}\n{self.transcript()}") from None

    def transcript(self) -> str:
        return "\n".join(
            f"{m.chat_id} #{m.message_id} {'bot' if m.from_bot else 'person'}"
            f"{' (deleted)' if m.deleted else ''}: {m.text!r} {m.picture!r:.60} {m.labels}"
            for m in self.messages.values()
        )

    # The API

    async def _call(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != TOKEN:
            return _refuse(401, "Unauthorized")
        method = request.match_info["method"]
        params = await _params(request)
        fault = self._take_fault(method, params)
        if fault is not None:
            self.met[fault.kind] += 1
        if fault is not None and fault.kind == "429":
            return _refuse(429, "Too Many Requests", parameters={"retry_after": fault.retry_after})
        if fault is not None and fault.kind == "403":
            return _refuse(403, "Forbidden: bot was blocked by the user")
        if fault is not None and fault.kind == "drop":
            return self._drop(request)
        moved = self.moved.get(int(params.get("chat_id", 0)))
        if moved is not None:
            words = "Bad Request: group chat was upgraded to a supergroup chat"
            return _refuse(400, words, parameters={"migrate_to_chat_id": moved})
        self.calls.append((method, params))
        handler: Callable[[dict[str, Any]], Awaitable[Any]] = getattr(self, f"_{method}", _always_true)
        try:
            result = await handler(params)
        except ApiError as error:
            return _refuse(error.status, error.words)
        finally:
            async with self._news:
                self._news.notify_all()
        if fault is not None:
            return self._drop(request)
        return web.json_response({"ok": True, "result": result})

    def _take_fault(self, method: str, params: dict[str, Any]) -> Fault | None:
        for fault in self.faults:
            here = fault.chat_id is None or str(fault.chat_id) == str(params.get("chat_id"))
            if fault.method in (method, "*") and method != "getUpdates" and here and fault.times > 0:
                fault.times -= 1
                return fault
        if self.storm is not None and method != "getUpdates" and self.storm[0].random() < self.storm[1]:
            # What is sent anew may arrive twice when the answer is lost; nobody can know. Edits must not.
            careful = method.startswith("send") and not self.storm_takes_answers
            kinds = ["429", "drop"] if careful else ["429", "drop", "drop after"]
            return Fault(method, "drop" if method == "download" else self.storm[0].choice(kinds), retry_after=0)
        return None

    def _drop(self, request: web.Request) -> web.StreamResponse:
        self.broken += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _download(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.calls.append(("download", {"path": path}))
        if self._take_fault("download", {}) is not None:
            return self._drop(request)
        return web.Response(body=self.files[path])

    async def _getMe(self, params: dict[str, Any]) -> Any:
        return ME

    async def _setWebhook(self, params: dict[str, Any]) -> Any:
        if not params["url"].startswith("http"):
            raise ApiError(400, "Bad Request: bad webhook: HTTPS URL must be provided for webhook")
        await self._bring_no_more()
        self.webhook = params
        self._bringing = asyncio.create_task(self._bring())
        return True

    async def _deleteWebhook(self, params: dict[str, Any]) -> Any:
        await self._bring_no_more()
        self.webhook = {}
        return True

    async def _bring(self) -> None:
        """One update after the other, each again until the bot says that it has it."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.webhook["secret_token"]}
        async with ClientSession(headers=headers, timeout=ClientTimeout(60)) as session:
            while True:
                async with self._news:
                    await self._news.wait_for(lambda: bool(self._updates))
                update = self._updates[0]
                try:
                    async with session.post(self.webhook["url"], json=update) as answer:
                        self.brought.append(answer.status)
                except ClientError:
                    self.brought.append(0)
                if self.brought[-1] == 200:
                    self._updates = [one for one in self._updates if one is not update]
                else:
                    await asyncio.sleep(0.05)

    async def _bring_no_more(self) -> None:
        if self._bringing is not None:
            self._bringing.cancel()
            await asyncio.gather(self._bringing, return_exceptions=True)
            self._bringing = None

    async def _getUpdates(self, params: dict[str, Any]) -> Any:
        if self.webhook:
            raise ApiError(409, "Conflict: can't use getUpdates method while webhook is active")
        offset, patience = int(params.get("offset", 0)), float(params.get("timeout", 0))
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        async with self._news:
            if not self._updates and patience:
                try:
                    await asyncio.wait_for(self._news.wait_for(lambda: bool(self._updates)), patience)
                except TimeoutError:
                    return []
        return self._updates[:100]

    async def _setMyCommands(self, params: dict[str, Any]) -> Any:
        scope = params.get("scope", {}).get("type", "default")
        names = [command["command"] for command in params["commands"]]
        self.commands[scope, params.get("language_code", "")] = names
        return True

    async def _sendMessage(self, params: dict[str, Any]) -> Any:
        return self._send(params, params["text"], None)

    async def _sendPhoto(self, params: dict[str, Any]) -> Any:
        _check_photo(params["photo"])
        return self._send(params, params.get("caption", ""), params["photo"])

    async def _sendAnimation(self, params: dict[str, Any]) -> Any:
        sent = self._send(params, params.get("caption", ""), params["animation"])
        self.messages[int(params["chat_id"]), sent["message_id"]].kind = "animation"
        return sent

    async def _sendDocument(self, params: dict[str, Any]) -> Any:
        sent = self._send(params, params.get("caption", ""), params["document"])
        self.messages[int(params["chat_id"]), sent["message_id"]].kind = "document"
        return sent

    async def _sendPoll(self, params: dict[str, Any]) -> Any:
        answers = tuple(option["text"] for option in params["options"])
        if not 2 <= len(answers) <= 12 or len(params["question"]) > 300 or max(map(len, answers)) > 100:
            raise ApiError(400, "Bad Request: wrong poll")
        return self._send(params, params["question"], None, answers)

    def _send(self, params: dict[str, Any], text: str, picture: bytes | None, poll: tuple[str, ...] = ()) -> Any:
        message = ShownMessage(self.number(), int(params["chat_id"]), True, text, picture, poll=poll)
        message.buttons = params.get("reply_markup", {}).get("inline_keyboard", [])
        message.reply_to = params.get("reply_parameters", {}).get("message_id")
        self.messages[message.chat_id, message.message_id] = message
        return _message_json(message)

    async def _editMessageText(self, params: dict[str, Any]) -> Any:
        message = self._editable(params)
        if message.picture is not None:
            raise ApiError(400, "Bad Request: there is no text in the message to edit")
        return self._edit(message, params, params["text"], None)

    async def _editMessageCaption(self, params: dict[str, Any]) -> Any:
        message = self._editable(params)
        return self._edit(message, params, params.get("caption", ""), message.picture)

    async def _editMessageMedia(self, params: dict[str, Any]) -> Any:
        media = params["media"]
        picture = params[media["media"].removeprefix("attach://")]
        if media["type"] == "photo":
            _check_photo(picture)
        message = self._editable(params)
        message.kind = media["type"]
        return self._edit(message, params, media.get("caption", ""), picture)

    def _editable(self, params: dict[str, Any]) -> ShownMessage:
        message = self.messages.get((int(params["chat_id"]), int(params["message_id"])))
        if message is None or message.deleted or not message.from_bot:
            raise ApiError(400, "Bad Request: message to edit not found")
        return message

    def _edit(self, message: ShownMessage, params: dict[str, Any], text: str, picture: bytes | None) -> Any:
        buttons = params.get("reply_markup", {}).get("inline_keyboard", [])
        if (message.text, message.picture, message.buttons) == (text, picture, buttons):
            raise ApiError(400, "Bad Request: message is not modified: specified new message content is the same")
        message.text, message.picture, message.buttons = text, picture, buttons
        message.edits += 1
        return _message_json(message)

    async def _deleteMessage(self, params: dict[str, Any]) -> Any:
        self._editable(params).deleted = True
        return True

    async def _answerCallbackQuery(self, params: dict[str, Any]) -> Any:
        self.answers.append(params)
        return True

    async def _getUserProfilePhotos(self, params: dict[str, Any]) -> Any:
        photos = [_sizes(self, file_id) for file_id in self.avatars.get(int(params["user_id"]), [])]
        return {"total_count": len(photos), "photos": photos[: int(params.get("limit", 100))]}

    async def _getChatMember(self, params: dict[str, Any]) -> Any:
        chat, person = int(params["chat_id"]), int(params["user_id"])
        user = {"id": person, "is_bot": False, "first_name": "A person"}
        if (chat, person) not in self.admins:
            return {"status": "member", "user": user}
        rights = ("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats",
                  "can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users",
                  "can_post_stories", "can_edit_stories", "can_delete_stories")  # fmt: skip
        return {"status": "administrator", "user": user, **dict.fromkeys(rights, False)}

    async def _getFile(self, params: dict[str, Any]) -> Any:
        file_id = params["file_id"]
        if file_id not in self.sizes:
            raise ApiError(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if self.sizes[file_id] > 20_000_000:
            raise ApiError(400, "Bad Request: file is too big")
        return {
            "file_id": file_id,
            "file_unique_id": f"u-{file_id}",
            "file_path": file_id,
            "file_size": self.sizes[file_id],
        }


class ApiError(Exception):
    """A refusal in Telegram's words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Person:
    """Somebody with a phone."""

    def __init__(self, api: BotApi, number: int, chat_id: int, language: str, username: str | None = None) -> None:
        self.api = api
        self.number = number
        self.chat_id = chat_id
        self.language = language
        self.username = username

    async def says(
        self, text: str, *, reply_to: dict[str, Any] | None = None, mentions: tuple[Person, ...] = ()
    ) -> dict[str, Any]:
        """A text message; also what was sent. `mentions` are people without user name, named at its end."""
        entities = _entities(text)
        for person in mentions:
            entities.append({"type": "text_mention", "offset": len(text) + 1, "length": 3, "user": person._user()})
            text += " Ann"
        return await self._send(text=text, entities=entities or None, reply_to_message=reply_to)

    async def edits(self, message: dict[str, Any], text: str) -> None:
        """A message that was sent gets other words."""
        await self.api.push(edited_message={**message, "text": text, "edit_date": message["date"] + 1})

    async def sends_photo(
        self,
        data: bytes,
        caption: str | None = None,
        *,
        size: int | None = None,
        reply_to: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A picture."""
        return await self._send(photo=self._photo(data, size), caption=caption, reply_to_message=reply_to)

    async def sends_file(
        self, data: bytes, name: str, mime: str, caption: str | None = None, *, size: int | None = None
    ) -> dict[str, Any]:
        """A file."""
        file_id = self.api.keep_file(data, size)
        document = {
            "file_id": file_id,
            "file_unique_id": f"u-{file_id}",
            "file_name": name,
            "mime_type": mime,
            "file_size": self.api.sizes[file_id],
        }
        return await self._send(document=document, caption=caption)

    async def sends_album(self, *photos: bytes, captions: tuple[str | None, ...] = (), shuffled: bool = False) -> None:
        """Several pictures at once; Telegram hands them out one by one, not always in order."""
        album = f"album-{self.api.number()}"
        messages = [
            self._message(photo=self._photo(data), media_group_id=album, caption=caption)
            for data, caption in itertools.zip_longest(photos, captions[: len(photos)])
        ]
        for message in reversed(messages) if shuffled else messages:
            await self.api.push(message=message)

    async def sends(self, **content: Any) -> dict[str, Any]:
        """Anything else: a sticker, a voice message …"""
        return await self._send(**content)

    async def presses(self, label: str, *, times: int = 1) -> None:
        """The newest button with this label."""
        message, data = self._find(label)
        for _ in range(times):
            await self.presses_data(message, data)

    async def presses_data(self, message: ShownMessage, data: str) -> None:
        query = {
            "id": str(self.api.number()),
            "from": self._user(),
            "chat_instance": "1",
            "data": data,
            "message": _message_json(message),
        }
        await self.api.push(callback_query=query)

    def data_of(self, label: str) -> tuple[ShownMessage, str]:
        """A button, to be pressed later."""
        return self._find(label)

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
    def pictures(self) -> list[ShownMessage]:
        return self.api.pictures(self.chat_id)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.api.shown(self.chat_id)]

    def _seen(self, words: str) -> ShownMessage | None:
        return next((m for m in reversed(self.api.shown(self.chat_id)) if words in m.text), None)

    def _find(self, label: str) -> tuple[ShownMessage, str]:
        for message in reversed(self.api.shown(self.chat_id)):
            for row in message.buttons:
                for button in row:
                    if label in button["text"]:
                        return message, button["callback_data"]
        raise AssertionError(f"no button {label!r}\n{self.api.transcript()}")

    def _photo(self, data: bytes, size: int | None = None) -> list[dict[str, Any]]:
        small, large = self.api.keep_file(b"thumbnail"), self.api.keep_file(data, size)
        return [
            {"file_id": f, "file_unique_id": f"u-{f}", "width": w, "height": w, "file_size": self.api.sizes[f]}
            for f, w in ((small, 90), (large, 1280))
        ]

    async def _send(self, **content: Any) -> dict[str, Any]:
        message = self._message(**content)
        await self.api.push(message=message)
        return message

    def _message(self, **content: Any) -> dict[str, Any]:
        number = self.api.number()
        self.api.messages[self.chat_id, number] = ShownMessage(number, self.chat_id, False, content.get("text") or "")
        kept = {name: value for name, value in content.items() if value is not None}
        return {"message_id": number, "date": 1_700_000_000, "from": self._user(), "chat": _chat(self.chat_id), **kept}

    def _user(self) -> dict[str, Any]:
        user = {"id": self.number, "is_bot": False, "first_name": "A person", "language_code": self.language}
        return user if self.username is None else {**user, "username": self.username}


def _entities(text: str) -> list[dict[str, Any]]:
    """As Telegram marks commands and @names."""
    kinds = (("bot_command", r"^/\w+(@\w+)?"), ("mention", r"(?<=\s)@\w{5,}"))
    return [
        {"type": kind, "offset": found.start(), "length": len(found[0])}
        for kind, pattern in kinds
        for found in re.finditer(pattern, text)
    ]


def _is_meant_for_bot(message: dict[str, Any]) -> bool:
    """https://core.telegram.org/bots/features#privacy-mode: commands (in captions, too), and replies to the bot."""
    if message["chat"]["id"] > 0 or "migrate_to_chat_id" in message:
        return True
    if message.get("reply_to_message", {}).get("from", {}).get("id") == ME["id"]:
        return True
    command = re.match(r"/\w+(?:@(\w+))?", message.get("text") or message.get("caption") or "")
    return command is not None and command[1] in (None, ME["username"])


def _sizes(api: BotApi, file_id: str) -> list[dict[str, Any]]:
    size = {"file_id": file_id, "file_unique_id": f"u-{file_id}", "file_size": api.sizes[file_id]}
    return [{**size, "file_id": "small", "width": 160, "height": 160}, {**size, "width": 640, "height": 640}]


def _chat(chat_id: int) -> dict[str, Any]:
    if chat_id < 0:
        return {"id": chat_id, "type": "supergroup", "title": "A family"}
    return {"id": chat_id, "type": "private", "first_name": "A person"}


def message_json(message: ShownMessage) -> dict[str, Any]:
    """A message of the bot as Telegram would describe it, to be replied to."""
    return _message_json(message)


def _message_json(message: ShownMessage) -> dict[str, Any]:
    body: dict[str, Any] = {
        "message_id": message.message_id,
        "date": 1_700_000_000,
        "chat": _chat(message.chat_id),
        "from": ME,
    }
    if message.poll:
        return body | {"poll": _poll_json(message)}
    if message.buttons:
        body["reply_markup"] = {"inline_keyboard": message.buttons}
    if message.picture is None:
        return body | {"text": message.text}
    photo = {"file_id": "sent", "file_unique_id": "sent", "width": 9, "height": 9}
    return body | {"caption": message.text, "photo": [photo]}


def _poll_json(message: ShownMessage) -> dict[str, Any]:
    counted = [{"persistent_id": str(i), "text": text, "voter_count": 0} for i, text in enumerate(message.poll)]
    return {
        "id": str(message.message_id),
        "question": message.text,
        "options": counted,
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": False,
        "members_only": False,
    }


def _check_photo(data: bytes) -> None:
    """What Telegram takes as a photo; what is no picture at all is a stage direction of a test's."""
    from PIL import Image, UnidentifiedImageError  # benchmarks weigh a process that has this module, too

    if len(data) > 10 * 10**6:
        raise ApiError(413, "Request Entity Too Large")
    with suppress(UnidentifiedImageError), Image.open(io.BytesIO(data)) as picture:
        if sum(picture.size) > 10_000 or max(picture.size) > 20 * min(picture.size):
            raise ApiError(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")


async def _params(request: web.Request) -> dict[str, Any]:
    """Form fields, those that hold JSON decoded, files as bytes."""
    params: dict[str, Any] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            params[name] = value.file.read()
        else:
            assert isinstance(value, str)
            params[name] = json.loads(value) if value[:1] in ("{", "[") else value
    return params


async def _always_true(params: dict[str, Any]) -> Any:
    return True


def _refuse(status: int, words: str, **more: Any) -> web.Response:
    return web.json_response({"ok": False, "error_code": status, "description": words, **more}, status=status)
