"""The terminal adapter: commands as in a chat, file paths as photos, buttons as numbers.

    you  ❯ mom.jpg                 a photo              you  ❯ 2        the second button
    you  ❯ mom.jpg dad.jpg         an album             you  ❯ /age 12
    you  ❯ mom.jpg mom             a photo with caption you  ❯ quit

`interact` talks with somebody; `play` takes lines from a list and waits after each, for `make demo` and tests.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from bots.adapters.messenger import OutboundMessage, Picture
from bots.adapters.picture_files import PICTURE_ENDINGS
from bots.conversation.events import CommandGiven, OfferedPhoto, PendingPhotos, PhotoNotTaken, Role, TextSaid
from bots.i18n.messages import render
from bots.i18n.parsing.words import read_command, read_role
from bots.service.conversation_service import MAX_PHOTO, Answer, ConversationService, SentPhoto
from bots.service.delivery import DeliveryTimings, DeliveryWorker
from bots.service.effect_executor import Actor
from bots.service.keyed_locks import KeyedLocks
from bots.service.presenter import DeliveryTarget, Presenter
from bots.terminal.inline_images import COLUMNS, draw_inline

PLATFORM = "console"
CHAT = "terminal"
LEAVE = ("quit", "exit", "bye", "salir", "sair", "выход", "ende", "बाहर", "退出", "خروج")
PACE = DeliveryTimings(look=0.1, look_idle=0.3, edit=0.1, patience=0.5, act=1.0, long_wait=1e9)
"""A terminal may be written to as often as one likes, and no phone has to ring."""


class NothingHappens(Exception):
    """A job was not finished in the time given: no worker is running, or it hangs."""


@dataclass(slots=True)
class ShownMessage:
    """What a terminal shows of a conversation, as far as something still refers to it."""

    buttons: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Labels:
    """Who speaks, in one language; both as wide as each other."""

    you: str
    bot: str


def labels_in(language: str | None) -> Labels:
    """The two words, filled up with blanks."""
    words = [render(key, {}, language) for key in ("console_you", "console_bot")]
    width = max(4, *map(cell_len, words))
    return Labels(*(set_cell_size(word, width) for word in words))


class TerminalMessenger:
    """A `Messenger` that prints. Pictures are saved, and drawn inside the terminal where it can."""

    def __init__(self, out: Console, folder: Path, environment: Mapping[str, str]) -> None:
        self._out = out
        self._folder = folder
        self._environment = environment
        self._numbers = 0
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self.shown = ShownMessage()
        self.labels = Labels("you", "bot")

    async def send(self, chat_id: str, message: OutboundMessage) -> str:
        """Print; passing messages are shown as a progress bar."""
        self._numbers += 1
        await self.edit(chat_id, str(self._numbers), message)
        return str(self._numbers)

    async def edit(self, chat_id: str, message_id: str, message: OutboundMessage, *, minor: bool = False) -> bool:
        """What was printed stays; the new content comes below it."""
        if message.progress is not None:
            self._show_progress(message.text.splitlines()[0], message.progress)
            return True
        self.quiet()
        self._out.print(f"[bold magenta]{self.labels.bot}[/] [magenta]❯[/] {escape(message.text)}", highlight=False)
        if message.picture is not None:
            await self._show_picture(message.picture)
        for answer in message.poll:
            self._out.print(f"       ○ {escape(answer)}", highlight=False)
        self._show_buttons(message)
        return True

    async def remove(self, chat_id: str, message_id: str) -> None:
        """Remove the progress bar."""
        self.quiet()

    async def acting(self, chat_id: str) -> None:
        """The progress bar follows soon enough."""

    def quiet(self) -> None:
        """No progress bar any more."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _show_progress(self, words: str, part: float) -> None:
        if not self._out.is_terminal:
            return
        if self._progress is None:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._progress = Progress(*columns, console=self._out, transient=True)
            self._progress.start()
            self._bar = self._progress.add_task(words, total=1.0)
        assert self._bar is not None
        self._progress.update(self._bar, description=words, completed=part)

    async def _show_picture(self, picture: Picture) -> None:
        path = await asyncio.to_thread(self._save, picture)
        if picture.name.startswith("child-"):
            self.shown.pictures.append(path)
        if self._out.is_terminal:
            columns = min(self._out.width - 2, COLUMNS if not _is_wide(picture.data) else 110)
            drawn = await asyncio.to_thread(draw_inline, picture.data, self._environment, columns)
            if drawn is not None:
                # Past rich, which would count control sequences as text and wrap them.
                self._out.file.write(drawn + "\n")
                self._out.file.flush()
        self._out.print(f"       [dim]{escape(str(path))}[/]", soft_wrap=True, highlight=False)

    def _save(self, picture: Picture) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / picture.name
        path.write_bytes(picture.data)
        return path

    def _show_buttons(self, message: OutboundMessage) -> None:
        if not message.rows:
            return
        self.shown.buttons = [button for row in message.rows for button in row]
        number = 0
        for row in message.rows:
            labels = []
            for label, _ in row:
                number += 1
                labels.append(f"[bold cyan]{number}[/] {escape(label)}")
            self._out.print("       " + "   ".join(labels), highlight=False)


class TerminalPress:
    """A button that was chosen by its number."""

    def __init__(self, out: Console, labels: Labels) -> None:
        self._out = out
        self._labels = labels

    async def toast(self, text: str) -> None:
        """Print the note."""
        self._out.print(f"[bold magenta]{self._labels.bot}[/] [magenta]❯[/] [italic]{escape(text)}[/]", highlight=False)

    async def close(self, text: str) -> None:
        """Print the answer."""
        await self.toast(text)


class ConsoleChat:
    """One person at one terminal."""

    def __init__(
        self,
        service: ConversationService,
        *,
        folder: Path,
        out: Console | None = None,
        user: str = "local",
        language: str | None = None,
        environment: Mapping[str, str] | None = None,
        timings: DeliveryTimings = PACE,
        agreed: bool = False,
    ) -> None:
        """Pictures are saved in `folder`. `environment` says what the terminal can, see bots/terminal/inline_images.py.

        `agreed`: do not ask before the first photo.
        """
        self._service = service
        self._agreed = agreed
        self._out = out or Console()
        self._who = Actor(PLATFORM, CHAT, user, language)
        self._messenger = TerminalMessenger(self._out, folder, os.environ if environment is None else environment)
        self._presenter = Presenter(service)
        self._lanes = KeyedLocks()
        self._courier = DeliveryWorker(service, self._messenger, self._lanes, PLATFORM, timings)
        self._language = language
        self._messenger.labels = labels_in(language)
        self._numbers = 0
        self._settling = False

    async def play(
        self, lines: Sequence[str], *, fresh: bool = True, wait_for_better: bool = False, patience: float = 600.0
    ) -> list[Path]:
        """Say these lines, waiting after each until all is answered; the pictures that were drawn.

        `fresh` begins a new conversation instead of going on with the last one. `wait_for_better` also waits for the
        closer picture that follows. Raises NothingHappens.
        """
        if fresh:
            await self._service.run_in_thread(self._forget_conversation)
        async with self._listening():
            for line in lines:
                self._out.print(
                    f"[bold cyan]{self._messenger.labels.you}[/] [cyan]❯[/] {escape(line)}", highlight=False
                )
                await self.say(line)
                await self._settle(patience)
            if wait_for_better:
                await self._settle(patience, better=True)
        return list(self._messenger.shown.pictures)

    async def interact(self) -> None:
        """Read lines until "quit" or the end of input. Ctrl-C while something is drawn cancels it."""
        self._speak(await self._service.run_in_thread(self._service.language_for, self._who))
        self._out.print(f"[dim]{escape(render('console_hint', {}, self._language))}[/]", highlight=False)
        async with self._listening():
            await self.say("/start")
            reader = _LineReader()
            self._on_interrupt(reader)
            while (
                line := await reader.next(f"{self._messenger.labels.you} ❯ ")
            ) is not None and line.strip().lower() not in LEAVE:
                if line.strip():
                    await self.say(line)
                    await self._settle(float("inf"))

    def _on_interrupt(self, reader: _LineReader) -> None:
        """Ctrl-C: stop what is being drawn; at the prompt, leave."""
        loop = asyncio.get_running_loop()
        cancels: set[asyncio.Task[None]] = set()

        def interrupted() -> None:
            if self._settling:
                task = asyncio.create_task(self.say("/cancel"))
                cancels.add(task)
                task.add_done_callback(cancels.discard)
            else:
                reader.leave()

        with suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
            loop.add_signal_handler(signal.SIGINT, interrupted)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        if self._agreed:
            await self._service.run_in_thread(self._service.agree, self._who)
        courier = asyncio.create_task(self._courier.run())
        try:
            yield
        finally:
            courier.cancel()
            with suppress(asyncio.CancelledError):
                await courier
            self._messenger.quiet()
            await self._service.run_in_thread(self._leave)

    async def say(self, line: str) -> None:
        """One line: a number, a command, paths, or words."""
        line = line.strip()
        self._numbers += 1
        number = str(self._numbers)
        buttons = self._messenger.shown.buttons
        if line.isdecimal() and 1 <= int(line) <= len(buttons):
            await self._press(buttons[int(line) - 1][1])
            return
        files, words = split_line(line)
        if files:
            await self._send_photos(files, words, number)
            return
        command = read_command(line)
        if command is not None:
            event: CommandGiven | TextSaid = CommandGiven(command.name, command.argument, number)
        else:
            event = TextSaid(line, message_id=number)
        await self._answer(await self._service.run_in_thread(self._service.hear, self._who, event))

    async def _press(self, data: str) -> None:
        answer = await self._service.run_in_thread(self._service.press, self._who, data)
        await self._answer(answer, TerminalPress(self._out, self._messenger.labels))

    async def _send_photos(self, files: list[Path], words: str, number: str) -> None:
        command = read_command(words)
        role: Role | None = read_role(words)
        if command is not None and command.name in ("mom", "dad"):
            role, command = ("mom" if command.name == "mom" else "dad"), None
        photos = []
        for path in files:
            size = _size_of(path)
            if size is None:
                words = render("console_no_file", {"path": str(path)}, self._language)
                self._out.print(f"       [red]{escape(words)}[/]", highlight=False)
            elif size > MAX_PHOTO:
                facts = {"what": "bytes", "size": size, "limit": MAX_PHOTO}
                refused = PhotoNotTaken("photo_too_large", facts, number)
                await self._answer(await self._service.run_in_thread(self._service.hear, self._who, refused))
            else:
                photos.append(OfferedPhoto(str(path), number, role))
        if photos:
            await self._take_in(PendingPhotos(tuple(photos)))
        if command is not None:
            event = CommandGiven(command.name, command.argument, number)
            await self._answer(await self._service.run_in_thread(self._service.hear, self._who, event))

    async def _take_in(self, pending: PendingPhotos) -> None:
        """Read and submit photos; ask for consent first where it is missing."""
        question = await self._service.run_in_thread(self._service.ask_first, self._who, pending)
        if question is not None:
            await self._answer(question)
            return
        admitted = await self._service.run_in_thread(self._service.admit, self._who, pending)
        if admitted.refused is not None:
            await self._answer(admitted.refused)
            return
        photos = []
        for offered in admitted.photos:
            try:
                data = await asyncio.to_thread(Path(offered.ref).read_bytes)
            except OSError:  # it has gone while the question was open
                words = render("console_no_file", {"path": offered.ref}, self._language)
                self._out.print(f"       [red]{escape(words)}[/]", highlight=False)
            else:
                photos.append(SentPhoto(data, offered.message_id, offered.role))
        if photos:
            taken = self._service.run_in_thread(
                self._service.take_photos, self._who, photos, left_out=admitted.left_out
            )
            await self._answer(await taken)

    async def _answer(self, answer: Answer, press: TerminalPress | None = None) -> None:
        self._speak(answer.language)
        target = DeliveryTarget(CHAT, answer.owner, answer.language)
        async with self._lanes.hold((CHAT, self._who.user)):
            await self._presenter.show(self._messenger, target, answer.lines, press)
            for job in answer.jobs:
                self._courier.watch(job)
        for offer in answer.fetch:
            await self._take_in(offer)

    def _speak(self, language: str | None) -> None:
        """What the terminal itself says is in the conversation's language, too."""
        self._language = language
        self._messenger.labels = labels_in(language)

    async def _settle(self, patience: float, *, better: bool = False) -> None:
        """Wait until everything that was asked for has been told. Raises NothingHappens."""
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        self._settling = True
        try:
            while self._courier.busy or await self._service.run_in_thread(self._owed, better):
                if loop.time() > end:
                    raise NothingHappens()
                await asyncio.sleep(0.05)
        finally:
            self._settling = False

    def _owed(self, better: bool) -> bool:
        """Whether a job of this person is unfinished or untold."""
        with self._service.store.read_only() as unit:
            user = unit.users.find(PLATFORM, self._who.user)
            if user is None:
                return False
            active = [job for job in unit.jobs.active_for(user.id) if better or job.quality == "fast"]
            return bool(active) or bool(unit.jobs.undelivered(PLATFORM))

    def _forget_conversation(self) -> None:
        with self._service.store.unit() as unit:
            user = unit.users.find(PLATFORM, self._who.user)
            if user is not None:
                unit.conversations.forget(PLATFORM, CHAT, user.id)
                unit.commit()

    def _leave(self) -> None:
        """Cancel jobs whose result will not be seen, such as a refinement."""
        with self._service.store.unit() as unit:
            user = unit.users.find(PLATFORM, self._who.user)
            for job in unit.jobs.active_for(user.id) if user is not None else []:
                unit.jobs.request_cancel(job.id)
            unit.commit()


class _LineReader:
    """Reads lines on a thread that may be left behind: one waiting for the keyboard cannot be stopped."""

    def __init__(self) -> None:
        with suppress(ImportError):
            import readline  # noqa: F401  - gives `input` a history and arrow keys
        self._line: asyncio.Future[str | None] | None = None

    def leave(self) -> None:
        """As if the input had ended."""
        if self._line is not None and not self._line.done():
            self._line.set_result(None)

    async def next(self, prompt: str) -> str | None:
        """The next line; None at the end of input."""
        loop = asyncio.get_running_loop()
        line: asyncio.Future[str | None] = loop.create_future()
        self._line = line

        def tell(text: str | None) -> None:
            if not line.done():
                line.set_result(text)

        def read() -> None:
            try:
                text: str | None = input(prompt)
            except (EOFError, OSError):
                text = None
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, text)

        threading.Thread(target=read, name="keyboard", daemon=True).start()
        return await line


def split_line(line: str) -> tuple[list[Path], str]:
    """Paths of files in a line, and the words around them. A name that ends like a picture is taken for a path."""
    try:
        parts = shlex.split(line)
    except ValueError:  # an apostrophe is no quotation mark
        parts = line.split()
    files, words = [], []
    for part in parts:
        path = _path_of(part)
        if _is_file(path) or path.suffix.lower() in PICTURE_ENDINGS:
            files.append(path)
        else:
            words.append(part)
    return files, " ".join(words)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than a name can be
        return False


def _size_of(path: Path) -> int | None:
    """Bytes; None where there is no such file."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _path_of(part: str) -> Path:
    """A path as typed, or as a file manager drops it."""
    if part.startswith("file://"):
        return Path(unquote(urlparse(part).path))
    with suppress(RuntimeError):  # "~nobody"
        return Path(part).expanduser()
    return Path(part)


def _is_wide(picture: bytes) -> bool:
    """A growth strip rather than a portrait."""
    import io

    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture)) as opened:
            return opened.width > 2 * opened.height
    except OSError:
        return False
