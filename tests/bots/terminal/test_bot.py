"""The conversation in a terminal, played from a list of lines."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from bots.service.conversation_service import ConversationService
from bots.service.delivery import DeliveryTimings
from bots.terminal.bot import ConsoleChat, NothingHappens, split_line
from bots.terminal.inline_images import draw_inline, protocol_of
from storage.unit_of_work import Store
from tests.support.chats.fake_worker import FakeWorker, drawn

QUICK = DeliveryTimings(look=0.02, look_idle=0.05, edit=0.0, patience=0.0, act=0.1, long_wait=1e9)


class Terminal:
    """A terminal whose whole text can be read afterwards."""

    def __init__(self, home: Path, *, is_terminal: bool = False, environment: dict[str, str] | None = None) -> None:
        self.home = home
        self.environment = environment or {}
        self._file = io.StringIO()
        self.console = Console(file=self._file, width=200, force_terminal=is_terminal, legacy_windows=False)

    @property
    def text(self) -> str:
        return self._file.getvalue()

    def chat(self, service: ConversationService, user: str = "local") -> ConsoleChat:
        return ConsoleChat(
            service,
            folder=self.home / "out",
            out=self.console,
            user=user,
            environment=self.environment,
            timings=QUICK,
        )

    def photo(self, name: str, data: bytes) -> str:
        path = self.home / name
        path.write_bytes(data)
        return str(path)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def couple(terminal: Terminal) -> list[str]:
    return [terminal.photo("her.jpg", b"mom 1"), terminal.photo("him.jpg", b"dad 1")]


async def test_two_paths_become_a_saved_picture(
    dialogue: ConversationService, terminal: Terminal, couple: list[str]
) -> None:
    [picture] = await terminal.chat(dialogue).play(couple)
    assert drawn(picture.read_bytes())["age"] == 6.0
    assert "Girl, 6 years" in terminal.text
    assert str(picture) in terminal.text


async def test_two_paths_in_one_line_are_an_album(
    dialogue: ConversationService, terminal: Terminal, couple: list[str]
) -> None:
    assert len(await terminal.chat(dialogue).play([" ".join(couple)])) == 1


async def test_words_beside_a_path_are_its_caption(dialogue: ConversationService, terminal: Terminal) -> None:
    one, two = terminal.photo("1.jpg", b"someone 1"), terminal.photo("2.jpg", b"someone 2")
    [picture] = await terminal.chat(dialogue).play([f"{one} papa", f"/mom '{two}'"])
    assert drawn(picture.read_bytes())["kind"] == "child"


async def test_buttons_are_pressed_by_number(
    dialogue: ConversationService, terminal: Terminal, couple: list[str]
) -> None:
    pictures = await terminal.chat(dialogue).play([*couple, "2", "/age 30"])
    assert [drawn(path.read_bytes())["age"] for path in pictures] == [6.0, 10.0, 30.0]
    assert len({path.name for path in pictures}) == 3


async def test_a_path_that_is_not_there_is_said_so(dialogue: ConversationService, terminal: Terminal) -> None:
    await terminal.chat(dialogue).play(["nowhere.jpg"])
    assert "There is no file nowhere.jpg" in terminal.text


async def test_a_bad_photo_is_explained(dialogue: ConversationService, terminal: Terminal) -> None:
    await terminal.chat(dialogue).play([terminal.photo("bad.jpg", b"text here")])
    assert "not a picture" in terminal.text


async def test_playing_the_same_lines_again_begins_anew(
    dialogue: ConversationService, terminal: Terminal, couple: list[str]
) -> None:
    for _ in range(2):
        assert len(await terminal.chat(dialogue).play(couple)) == 1


async def test_the_conversation_goes_on_where_it_was_left(
    dialogue: ConversationService, terminal: Terminal, couple: list[str]
) -> None:
    await terminal.chat(dialogue).play(couple)
    [twelve] = await terminal.chat(dialogue).play(["/age 12"], fresh=False)
    assert drawn(twelve.read_bytes())["age"] == 12.0


async def test_nothing_is_waited_for_when_no_worker_answers(
    dialogue: ConversationService, terminal: Terminal, couple: list[str], worker: FakeWorker, store: Store
) -> None:
    worker.pause()
    with pytest.raises(NothingHappens):
        await terminal.chat(dialogue).play(couple, patience=0.3)
    with store.read_only() as unit:
        user = unit.users.find("console", "local")
        assert user is not None and unit.jobs.active_for(user.id) == []


async def test_a_terminal_with_graphics_shows_the_picture_inside(
    dialogue: ConversationService, tmp_path: Path, worker: FakeWorker
) -> None:
    real = io.BytesIO()
    Image.new("RGB", (64, 64), "orange").save(real, "JPEG")
    worker.picture = real.getvalue()
    terminal = Terminal(tmp_path, is_terminal=True, environment={"TERM": "xterm-kitty"})
    couple = [terminal.photo("her.jpg", b"mom 1"), terminal.photo("him.jpg", b"dad 1")]
    await terminal.chat(dialogue).play(couple)
    assert "\x1b_G" in terminal.text


@pytest.mark.parametrize(
    ("environment", "protocol", "begins"),
    [
        ({"TERM": "xterm-kitty"}, "kitty", "\x1b_G"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2", "\x1b]1337"),
        ({"TERM": "foot"}, "sixel", "\x1bP"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "blocks", "\x1b["),
        ({"TERM": "xterm-kitty", "TMUX": "1"}, "blocks", "\x1b["),
    ],
)
def test_each_terminal_gets_the_graphics_it_knows(environment: dict[str, str], protocol: str, begins: str) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(picture, "PNG")
    assert protocol_of(environment) == protocol
    shown = draw_inline(picture.getvalue(), environment)
    assert shown is not None and shown.startswith(begins)


@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}])
def test_a_terminal_without_graphics_gets_none(environment: dict[str, str]) -> None:
    assert draw_inline(b"anything", environment) is None


def test_bytes_that_are_no_picture_are_not_drawn() -> None:
    assert draw_inline(b"no picture", {"TERM": "xterm-kitty"}) is None


@pytest.mark.parametrize(
    ("line", "files", "words"),
    [
        ("mom.jpg", ["mom.jpg"], ""),
        ("'my mom.jpg' my mom", ["my mom.jpg"], "my mom"),
        ("file:///tmp/a%20b.png dad", ["/tmp/a b.png"], "dad"),
        ("it's me", [], "it's me"),
        ("/age 12", [], "/age 12"),
    ],
)
def test_paths_are_told_from_words(line: str, files: list[str], words: str) -> None:
    found, said = split_line(line)
    assert [str(path) for path in found] == files
    assert said == words
