"""One conversation: the same dialogues led in a terminal, on Telegram and on Discord show a person the same.

The terminal goes first, because there it is known when everything has been said. On the other two, each move is done
and then what has appeared since is compared with what appeared in the terminal: words, buttons, pictures.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from rich.console import Console

from bots.i18n.messages import render
from bots.service.conversation_service import ConversationService
from bots.service.delivery import DeliveryTimings
from bots.terminal.bot import ConsoleChat
from tests.bots.conftest import running_bot, running_discord_bot
from tests.support.chats.dialogues import FIRST_MEETINGS, STORIES, Move, moves_of
from tests.support.chats.fake_discord import Discord
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_worker import drawn

# The library itself is moving an attribute of its 429 error from int to timedelta, and says so each time.
pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type:DeprecationWarning")

PATIENCE = 40.0
QUIET = 0.1
"""Seconds for something that should not come after all."""
QUICK = DeliveryTimings(look=0.02, look_idle=0.05, edit=0.0, patience=0.0, act=0.1, long_wait=1e9)
HINT = "\n\n" + render("photo_hint_discord", {})

Seen = tuple[str, tuple[str, ...], tuple[Any, ...]]
"""Words, labels of the buttons, what the picture shows."""


class Reader(Protocol):
    """Somebody in front of one of the three."""

    async def does(self, move: Move) -> None: ...

    def sees(self) -> dict[Any, Seen]:
        """Everything that stands there, by some name that stays."""
        ...


@dataclass
class Seeds:
    """Numbers children in the order in which they are first seen: chance differs, who is whose sibling does not."""

    known: list[int] = field(default_factory=list)

    def picture(self, data: bytes | None) -> tuple[Any, ...]:
        if data is None or not data.startswith(b"picture "):
            return ()
        facts = drawn(data)
        if facts["seed"] not in self.known:
            self.known.append(facts["seed"])
        names = ("kind", "age", "mix", "sex", "genes", "looks")
        return (*(str(facts[name]) for name in names), self.known.index(facts["seed"]))


CODE = re.compile(r"(?<=^Code: ).*$", re.MULTILINE)


def with_code(line: str, shown: Iterable[str]) -> str:
    """What somebody says, with the first code of a child that was told."""
    told = "\n".join(shown)
    return line.replace("(seen)", CODE.search(told)[0]) if "(seen)" in line else line  # type: ignore[index]


def without_codes(words: str) -> str:
    """Each of the three has children of its own, and so codes."""
    return CODE.sub("…", words)


class Terminal:
    """The console, read as it was printed."""

    def __init__(self, service: ConversationService, home: Path) -> None:
        self._home = home
        self._file = io.StringIO()
        self._seeds = Seeds()
        out = Console(file=self._file, width=2000, force_terminal=False)
        self._chat = ConsoleChat(service, folder=home / "out", out=out, environment={}, timings=QUICK)

    async def does(self, move: Move) -> None:
        await self._chat.play([self._line(move)], fresh=False)

    def _line(self, move: Move) -> str:
        if move.kind == "command":
            return with_code(move.what, ["\n".join(block) for block in self._blocks()])
        if move.kind == "photo":
            path = self._home / f"{move.what.replace(' ', '-').replace(':', '-')}.jpg"
            path.write_bytes(move.what.encode())
            return f"{path} {move.role}"
        # The numbers of the buttons shown last.
        numbers = re.findall(r"(\d+) (.+?)(?=   \d+ |$)", "   ".join(self._buttons()))
        return next(number for number, label in numbers if move.what in label)

    def _buttons(self) -> list[str]:
        blocks = [block for block in self._blocks() if _button_lines(block)]
        return _button_lines(blocks[-1])

    def _blocks(self) -> list[list[str]]:
        """What the bot said, each with the lines below it."""
        said = re.split(r"^(?:bot|you)\s+❯ ", self._file.getvalue(), flags=re.MULTILINE)
        who = re.findall(r"^(bot|you)\s+❯ ", self._file.getvalue(), flags=re.MULTILINE)
        return [block.rstrip("\n").split("\n") for name, block in zip(who, said[1:], strict=True) if name == "bot"]

    def sees(self) -> dict[Any, Seen]:
        return {number: self._read(block) for number, block in enumerate(self._blocks())}

    def _read(self, block: list[str]) -> Seen:
        buttons = _button_lines(block)
        paths = [Path(line.strip()) for line in block[1:] if line.startswith("       /")]
        words = [line for line in block if line not in buttons and Path(line.strip()) not in paths]
        labels = re.findall(r"\d+ (.+?)(?=   \d+ |$)", "   ".join(line.strip() for line in buttons))
        picture = self._seeds.picture(paths[0].read_bytes()) if paths else ()
        return without_codes("\n".join(words)), tuple(labels), picture


def _button_lines(block: list[str]) -> list[str]:
    return [line for line in block[1:] if re.match(r"^ {7}\d+ ", line)]


class OnTelegram:
    """Somebody in a private chat with the Telegram bot."""

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._me = api.person(1)
        self._seeds = Seeds()

    async def does(self, move: Move) -> None:
        if move.kind == "photo":
            await self._me.sends_photo(move.what.encode(), f"/{move.role}")
        elif move.kind == "command":
            await self._me.says(with_code(move.what, self._me.texts))
        else:
            await self._me.presses(move.what)

    def sees(self) -> dict[Any, Seen]:
        toasts = [answer["text"] for answer in self._api.answers if answer.get("text")]
        return {f"toast {n}": (text, (), ()) for n, text in enumerate(toasts)} | {
            m.message_id: (without_codes(m.text), tuple(m.labels), self._seeds.picture(m.picture))
            for m in self._api.shown(self._me.chat_id)
        }


class OnDiscord:
    """Somebody in a private chat with the Discord bot."""

    def __init__(self, api: Discord) -> None:
        self._me = api.person(1)
        self._seeds = Seeds()

    async def does(self, move: Move) -> None:
        if move.kind == "photo":
            await self._me.uses(move.role, photo=move.what.encode())
        elif move.kind == "press":
            await self._me.presses(move.what)
        else:
            name, *words = with_code(move.what, self._me.texts).removeprefix("/").split()
            options = {"wish": " ".join(words)} if name == "wish" else dict(_option(name, word) for word in words)
            await self._me.uses(name, **options)

    def sees(self) -> dict[Any, Seen]:
        return {
            m.message_id: (without_codes(m.text.removesuffix(HINT)), tuple(m.labels), self._seeds.picture(m.picture))
            for m in self._me.shown
        }


def _option(command: str, word: str) -> tuple[str, float | str | bool]:
    """A word as Discord's form has it: "eyes=mom" is an option of its own, the others are known by their command."""
    name, equals, value = word.partition("=")
    if equals:
        return name, float(value) if command == "look" else value
    if word == "reset":
        return "reset", True
    if command in ("smile", "group", "code"):
        return ("strength", float(word)) if command == "smile" else (command, word)
    if not word.lstrip("-").isdigit():
        return "sex", word
    return ("mix" if command == "mix" else "age"), float(word)


def new_since(before: dict[Any, Seen], now: dict[Any, Seen]) -> list[Seen]:
    """What has appeared or changed. In any order: a note at the top of the chat has none."""
    return sorted(seen for name, seen in now.items() if before.get(name) != seen)


async def led_in_the_terminal(terminal: Terminal, moves: list[Move]) -> list[list[Seen]]:
    """What appeared after each move."""
    appeared = []
    for move in moves:
        before = terminal.sees()
        await terminal.does(move)
        appeared.append(new_since(before, terminal.sees()))
        assert any(move.sees in words for words, _, _ in appeared[-1]), (move, appeared[-1])
    return appeared


async def led_alike(reader: Reader, moves: list[Move], wanted: list[list[Seen]]) -> None:
    """Each move shows what it showed in the terminal, and nothing else."""
    for move, seen in zip(moves, wanted, strict=True):
        before = reader.sees()
        await reader.does(move)
        await _until(lambda before=before, seen=seen: new_since(before, reader.sees()) == seen)
        await asyncio.sleep(QUIET)
        assert new_since(before, reader.sees()) == seen, move


async def _until(holds: Callable[[], bool]) -> None:
    end = asyncio.get_running_loop().time() + PATIENCE
    while not holds() and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("bot", "discord_bot")
@pytest.mark.parametrize("story", STORIES)
async def test_all_three_show_the_same(
    story: str, dialogue: ConversationService, api: BotApi, discord_api: Discord, tmp_path: Path
) -> None:
    moves = moves_of(STORIES[story])
    wanted = await led_in_the_terminal(Terminal(dialogue, tmp_path), moves)
    await led_alike(OnTelegram(api), moves, wanted)
    await led_alike(OnDiscord(discord_api), moves, wanted)


@pytest.mark.parametrize("story", FIRST_MEETINGS)
async def test_all_three_meet_a_stranger_alike(
    story: str, strict_dialogue: ConversationService, api: BotApi, discord_api: Discord, tmp_path: Path
) -> None:
    moves = moves_of(FIRST_MEETINGS[story])
    wanted = await led_in_the_terminal(Terminal(strict_dialogue, tmp_path), moves)
    async with running_bot(api, strict_dialogue), running_discord_bot(strict_dialogue):
        await led_alike(OnTelegram(api), moves, wanted)
        await led_alike(OnDiscord(discord_api), moves, wanted)


def test_there_are_twenty_and_more() -> None:
    assert len(STORIES) >= 20
