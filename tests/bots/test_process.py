"""What a chat process loads, weighs, and writes into its log."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import bots
from bots.service.conversation_service import ConversationService
from bots.telegram.bot import TelegramBot, TokenRefused
from tests.bots.conftest import running_bot
from tests.support.chats.fake_telegram import TOKEN, BotApi

FOLDER = Path(bots.__file__).parent
MAX_MEGABYTES = 150

WEIGH = """
import secrets, sys
from pathlib import Path
from bots.terminal.bot import ConsoleChat
from bots.service.conversation_service import ConversationService
from bots.discord.bot import DiscordBot
from bots.telegram.bot import TelegramBot
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.unit_of_work import Store

home = Path(sys.argv[1])
store = Store(open_database(f"sqlite:///{home}/a.sqlite3"), DiskBlobs(home / "blobs", [secrets.token_bytes(32)]))
dialogue = ConversationService(store, queue=None)
TelegramBot("1:token", dialogue)
DiscordBot("a.b.c", dialogue)
ConsoleChat(dialogue, folder=home)
# Not getrusage: its peak includes that of the process that forked this one.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
print(*[name for name in ("torch", "numpy", "dlib", "onnxruntime", "core", "tasks") if name in sys.modules])
"""


def test_bots_import_storage_and_themselves_only() -> None:
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.startswith("core.domain"):
                    continue
                assert name.split(".")[0] not in {"core", "tasks", "training", "childface", "torch", "numpy"}, path.name


def test_the_conversation_itself_imports_nothing_that_could_do_anything() -> None:
    """Pure: no store, no network, no clock, no chance."""
    forbidden = {"storage", "asyncio", "random", "time", "datetime", "telegram", "os", "pathlib", "logging", "PIL"}
    for path in sorted((FOLDER / "conversation").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in forbidden, path
            if isinstance(node, ast.Import):
                assert forbidden.isdisjoint(alias.name.split(".")[0] for alias in node.names), path


def test_a_chat_process_is_small_and_loads_no_model_library(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", WEIGH, str(tmp_path)], capture_output=True, text=True, check=True)
    megabytes, loaded = ran.stdout.split("\n")[:2]
    assert int(megabytes) < MAX_MEGABYTES
    assert loaded == ""


READ_A_CODE = """
import sys
from childface.cli.options import facts_of_code

assert facts_of_code("71H1-31F")["seed"] == 77 and facts_of_code("71H1-31G") is None
print(*[name for name in ("torch", "numpy", "dlib", "onnxruntime") if name in sys.modules])
"""


def test_reading_a_code_loads_no_model_library() -> None:
    ran = subprocess.run([sys.executable, "-c", READ_A_CODE], capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"


async def test_the_log_of_a_conversation_holds_nothing_personal(
    api: BotApi, dialogue: ConversationService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    anna = api.person(424242424242)
    async with running_bot(api, dialogue):
        await anna.sends_photo(b"mom 1", "mom, my secret caption")
        await anna.sees("Got mom")
        await anna.sends_photo(b"nobody 1", "another secret")
        await anna.sees("I cannot find a face")
        await anna.says("some secret words")
        await anna.sends_photo(b"dad 1")
        await anna.sees_pictures(1)
        await anna.presses("Older")
        await anna.sees_pictures(2)
    # The server's own lines are those of the test, not of the bot.
    written = "\n".join(
        record.getMessage() + (record.exc_text or "")
        for record in caplog.records
        if not record.name.startswith("aiohttp")
    )
    for secret in (TOKEN, TOKEN.split(":")[1], "secret", "A person", "424242424242", "file-", "picture {"):
        assert secret not in written


async def test_a_refused_token_is_not_repeated_in_the_error(api: BotApi, dialogue: ConversationService) -> None:
    from bots.telegram.bot import TelegramOptions

    bot = TelegramBot("987:a-wrong-token", dialogue, TelegramOptions(api_root=api.url))
    with pytest.raises(TokenRefused) as refused:
        await bot.start()
    told, seen = "", refused.value.__cause__ or refused.value.__context__
    while seen is not None:
        told, seen = told + str(seen), seen.__cause__ or seen.__context__
    assert "wrong-token" not in told + str(refused.value)
