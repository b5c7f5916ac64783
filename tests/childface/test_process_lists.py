"""Real bots and workers: what others on the machine see of them, and what they write, holds no secret."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from childface import weights
from childface.settings import Settings
from storage import migrate
from tests.support.servers import RedisServer, redis_program

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("childface")
PATIENCE = 90.0

TOKEN, DISCORD, BROKER, DATABASE, WEBHOOK = (
    "123456:very-secret-telegram-token",
    "very.secret.discord-token",
    "very-secret-broker",
    "very-secret-database",
    "very-secret-webhook-1234",
)
SECRETS = (TOKEN, DISCORD, BROKER, DATABASE, WEBHOOK)


@pytest.fixture
def locked_redis(tmp_path: Path) -> Iterator[RedisServer]:
    home = tmp_path / "redis"
    home.mkdir()
    server = RedisServer(redis_program(), home, password=BROKER)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def environment(tmp_path: Path, postgres_url: str, locked_redis: RedisServer) -> dict[str, str]:
    folder = tmp_path / "weights"
    folder.mkdir()
    for carrier in weights.CARRIERS:
        for name in carrier.files:
            (folder / name).touch()
    database = postgres_url.replace("postgres@", f"postgres:{DATABASE}@")
    assert DATABASE in database
    migrate.upgrade(database)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "TELEGRAM_TOKEN": TOKEN,
        "DISCORD_TOKEN": DISCORD,
        "CHILDFACE_TELEGRAM_API_ROOT": "http://127.0.0.1:9",
        "CHILDFACE_WEBHOOK_URL": "http://127.0.0.1:9/",
        "CHILDFACE_WEBHOOK_SECRET": WEBHOOK,
        "CHILDFACE_WEBHOOK_PORT": "0",
        "CHILDFACE_DATA_DIR": str(tmp_path / "data"),
        "CHILDFACE_WEIGHTS_DIR": str(folder),
        "CHILDFACE_DATABASE_URL": database,
        "CHILDFACE_BROKER_URL": locked_redis.url(),
        "CHILDFACE_LOG_LEVEL": "DEBUG",
    }


def wait_until(condition: Callable[[], object], said: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain:\n{said.read_text()}"
        time.sleep(0.1)


def command_lines(process: psutil.Process) -> list[str]:
    """Of a process and all below it, as `ps` reads them; their names, too."""
    family = [process, *process.children(recursive=True)]
    return [Path(f"/proc/{one.pid}/{file}").read_text() for one in family for file in ("cmdline", "comm")]


@pytest.mark.servers
@pytest.mark.parametrize(
    ("words", "ready"),
    [(["bot", "telegram"], "cannot be reached"), (["worker", "--concurrency", "2"], "ready")],
    ids=["bot", "worker"],
)
def test_neither_process_lists_nor_logs_hold_a_secret(
    environment: dict[str, str], tmp_path: Path, words: list[str], ready: str
) -> None:
    said = tmp_path / "said"
    with said.open("wb") as log:
        started = subprocess.Popen([PROGRAM, *words], env=environment, stdout=log, stderr=log)
    try:
        process = psutil.Process(started.pid)
        wait_until(lambda: ready in said.read_text(), said)
        seen = "\n".join(command_lines(process))
        assert words[0] in seen
        assert [secret for secret in SECRETS if secret in seen] == []
    finally:
        started.terminate()
        started.wait(60)
    written = said.read_text()
    assert written
    assert [secret for secret in SECRETS if secret in written] == []


def test_no_command_takes_a_secret_as_an_argument() -> None:
    """An option would stand in the process list and in the shell's history."""
    from typer.main import get_command

    from childface.cli.main import app

    waiting, options = [get_command(app)], set()
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        options |= {option for parameter in command.params for option in parameter.opts}
    assert not [option for option in options if re.search(r"token|password|secret|passphrase", option)]


def test_settings_show_no_secret_when_they_are_printed(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        telegram_token=SecretStr(TOKEN),
        discord_token=SecretStr(DISCORD),
        webhook_secret=SecretStr(WEBHOOK),
        broker_url="redis://broker:6379/0",
        broker_password=SecretStr(BROKER),
        database_url=f"postgresql+psycopg://me:{DATABASE}@host/x?host=/a",
    )
    for shown in (repr(settings), str(settings), f"{settings!r}"):
        assert [secret for secret in SECRETS if secret in shown] == []
        assert "redis://:***@broker:6379/0" in shown
        assert "postgresql+psycopg://me:***@host/x?host=/a" in shown
    assert settings.broker_url == f"redis://:{BROKER}@broker:6379/0"


def test_what_is_wrong_with_a_secret_is_said_without_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="webhook_secret") as wrong:
        Settings(_env_file=None, data_dir=tmp_path, webhook_secret=SecretStr("short $ecret"))
    assert "short" not in str(wrong.value)
