"""The table of bad input in a terminal: the same rows as on Telegram, and those that only a keyboard can type."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from bots.commands import GROUP, PRIVATE
from bots.service.conversation_service import ConversationService
from bots.service.delivery import DeliveryTimings
from bots.terminal.bot import CHAT, ConsoleChat
from storage.unit_of_work import Store
from tests.support.chats.agreement import agreed
from tests.support.chats.bad_input import (
    ANYWHERE,
    COMMANDS,
    NEXT_PHOTO,
    NO_PICTURE,
    SEND_TWO,
    TOO_LARGE,
    Action,
    Row,
    commands_in,
    file,
    photo,
    says,
    sees,
    what_changed,
)  # fmt: skip

QUICK = DeliveryTimings(look=0.02, look_idle=0.05, edit=0.0, patience=0.0, act=0.1, long_wait=1e9)

A_NUMBER_IS_A_BUTTON = {"/look, a button, answered with 3"}
"""Here a number presses one of the buttons that were shown last."""
NO_FILE = "There is no file"


class AtTerminal:
    """Somebody with a keyboard."""

    def __init__(self, service: ConversationService, home: Path, user: str) -> None:
        self.home = home
        self._file = io.StringIO()
        out = Console(file=self._file, width=2000, force_terminal=False)
        self._chat = ConsoleChat(
            service, folder=home / "out", out=out, user=user, language="en", environment={}, timings=QUICK
        )

    @property
    def answers(self) -> str:
        return self._file.getvalue()

    async def says(self, text: str) -> None:
        await self._chat.play([text], fresh=False)

    async def sends_photo(self, data: bytes, caption: str | None = None) -> None:
        await self.sends_file(data, "photo.jpg", "image/jpeg", caption)

    async def sends_file(self, data: bytes, name: str, mime: str, caption: str | None = None) -> None:
        self.home.mkdir(exist_ok=True)
        path = self.home / name
        path.write_bytes(data)
        await self.says(f"{path} {caption or ''}")

    async def presses(self, label: str) -> None:
        buttons = self._chat._messenger.shown.buttons
        await self.says(str(next(at for at, (told, _) in enumerate(buttons, start=1) if label in told)))

    async def sees(self, words: str) -> None:
        assert words in self.answers, self.answers


def path(name: str, *, size: int | None = None, is_folder: bool = False) -> Action:
    """A path; of a file of so many bytes, of a folder, or of nothing."""

    async def type_it(person: AtTerminal) -> None:
        person.home.mkdir(exist_ok=True)
        if is_folder:
            (person.home / name).mkdir()
        elif size is not None:
            with (person.home / name).open("wb") as file:
                file.truncate(size)
        await person.says(f"'{person.home / name}'")

    return type_it


HERE = (
    Row("a path that leads nowhere", (path("nowhere.jpg"),), NO_FILE),
    Row("a path that is too long", (path("a" * 300 + ".jpg"),), NO_FILE),
    Row("a folder", (path("folder.jpg", is_folder=True),), NO_FILE),
    Row("an empty file", (path("empty.jpg", size=0),), "This file is empty."),
    Row("a document", (file(b"text 1", "a.pdf", "application/pdf"),), NO_PICTURE),
    Row("a file of 50 MB", (path("large.jpg", size=50 * 2**20),), TOO_LARGE),
    Row("the number of a button that is not there", (says("7"),), SEND_TWO),
    Row("a quotation mark that never ends", (says("'mom.jpg"),), NO_FILE),
    Row("a path with a byte that no name has", (says("mom\0.jpg"),), NO_FILE),
    Row("a group's command", (says("/wall on"),), "The family wall belongs to a group."),
    Row("two files, one of which is there", (photo(b"mom 1"), sees(NEXT_PHOTO), says("nowhere.jpg")), NO_FILE),
)


async def test_every_bad_input_gets_a_clear_answer_and_changes_nothing(
    dialogue: ConversationService, store: Store, tmp_path: Path
) -> None:
    rows = [row for row in (*ANYWHERE, *COMMANDS, *HERE) if not row.group and row.name not in A_NUMBER_IS_A_BUTTON]
    wrong: list[str] = []
    for number, row in enumerate(rows):
        if row.has_agreed:
            agreed(store, "console", number)
        person = AtTerminal(dialogue, tmp_path / str(number), str(number))
        for deed in row.deeds:
            await deed(person)
        wrong += [] if row.answer in person.answers else [f"{row.name}: {person.answers}"]
        wrong += [f"{row.name}: {said}" for said in what_changed(store, "console", str(number), CHAT)]
        await person.says("/help")
        await person.sees("Send two photos, mom and dad")
    assert not wrong, "\n".join(wrong)


def test_every_command_has_a_row() -> None:
    assert {*PRIVATE, *GROUP} <= commands_in((*COMMANDS, *HERE))
