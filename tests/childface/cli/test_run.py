from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from childface import weights
from childface.bootstrap import open_store
from childface.cli import run as cli_services
from core.photo.sandbox_client import PhotoProcesses
from tests.childface.conftest import Terminal
from tests.support.fake_pipeline import NOT_A_FACE
from tests.support.servers import RedisServer

PROGRAM = Path(sys.executable).with_name("childface")


@pytest.fixture
def ready(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Weights that are there by name, example parents that the fake pipeline takes, pictures in `out`."""
    terminal.settings.weights_dir.mkdir()
    for carrier in weights.CARRIERS:
        for name in carrier.files:
            (terminal.settings.weights_dir / name).touch()
    monkeypatch.setattr(cli_services, "EXAMPLES", terminal.home)
    return terminal


def test_the_demo_plays_a_conversation_and_prints_the_pictures_last(ready: Terminal) -> None:
    run = ready.run("chat", "--demo")

    assert run.code == 0, run.err
    pictures = [Path(line) for line in run.out.splitlines()[-2:]]
    assert all(path.is_file() and path.parent == Path("out") for path in pictures)
    assert ready.pipeline.calls == {"encode": 2, "make": 2}


def test_the_demo_can_wait_for_the_better_pictures(ready: Terminal) -> None:
    run = ready.run("chat", "--demo", "--better")

    assert run.code == 0, run.err
    assert ready.pipeline.calls["refine"] == 2


def test_the_demo_can_be_played_again(ready: Terminal) -> None:
    first, second = ready.run("chat", "--demo"), ready.run("chat", "--demo")

    def words(out: str) -> list[str]:
        return [line for line in out.splitlines() if "child-" not in line]

    assert words(first.out) == words(second.out)
    assert ready.pipeline.calls == {"encode": 4, "make": 4}  # nothing of the first one was left


def test_a_demo_without_a_picture_fails(ready: Terminal) -> None:
    Path("mom.jpg").write_bytes(NOT_A_FACE)

    run = ready.run("chat", "--demo")

    assert run.code == 1
    assert "no picture was drawn" in run.err


@pytest.mark.parametrize(
    ("flags", "typed"),
    [((), "mom.jpg\nyes\ndad.jpg\n"), (("--agree",), "mom.jpg\ndad.jpg\n")],
    ids=["asked", "--agree"],
)
def test_a_chat_ends_with_its_input(
    ready: Terminal, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], typed: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    ready.change(refine=False)

    run = ready.run("chat", *flags)

    assert run.code == 0, run.err
    assert ready.pipeline.calls["make"] == 1


def test_without_weights_nothing_starts(terminal: Terminal) -> None:
    terminal.run("chat").refuses(3, "childface weights fetch")
    terminal.change(telegram_token="1:a")
    terminal.run("bot", "telegram").refuses(3, "childface weights fetch")
    terminal.change(broker_url="redis://127.0.0.1:1")
    terminal.run("worker").refuses(3, "childface weights fetch")


def test_a_bot_needs_its_token_and_its_adapter(terminal: Terminal) -> None:
    terminal.run("bot", "telegram").refuses(2, "TELEGRAM_TOKEN is not set")
    terminal.run("bot", "discord").refuses(2, "DISCORD_TOKEN is not set")
    terminal.run("bot", "all").refuses(2, "TELEGRAM_TOKEN is not set", "DISCORD_TOKEN is not set")
    terminal.run("bot", "icq").refuses(2, "icq")


def test_a_token_that_is_only_quotation_marks_is_missing(terminal: Terminal) -> None:
    terminal.change(telegram_token=' "" ')
    terminal.run("bot", "telegram").refuses(2, "TELEGRAM_TOKEN is not set")


def test_a_required_filter_that_cannot_be_had_keeps_everything_from_starting(
    ready: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PhotoProcesses, "fences", lambda self: ["limits", "no_new_privs"])
    ready.change(require_fence=True, telegram_token="1:a")

    ready.run("bot", "telegram").refuses(2, "seccomp", "CHILDFACE_REQUIRE_FENCE")
    ready.run("chat").refuses(2, "seccomp", "CHILDFACE_REQUIRE_FENCE")
    ready.change(broker_url="redis://127.0.0.1:1")
    ready.run("worker").refuses(2, "seccomp", "CHILDFACE_REQUIRE_FENCE")


def test_a_worker_needs_a_broker_and_known_queues(terminal: Terminal) -> None:
    terminal.run("worker").refuses(2, "CHILDFACE_BROKER_URL")
    terminal.run("worker", "--queues", "draw,paint").refuses(2, "--queues", "encode, draw, refine")


def test_a_worker_wants_the_newest_tables(ready: Terminal) -> None:
    ready.settings.data_dir.mkdir()
    ready.change(broker_url="redis://127.0.0.1:1")

    ready.run("worker").refuses(3, "childface db upgrade")


@pytest.mark.servers
def test_a_real_worker_starts_and_ends_when_told_so(ready: Terminal, redis_server: RedisServer) -> None:
    ready.run("db", "upgrade")
    open_store(ready.settings).database.close()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(ready.home),
        "CHILDFACE_DATA_DIR": str(ready.settings.data_dir),
        "CHILDFACE_WEIGHTS_DIR": str(ready.settings.weights_dir),
        "CHILDFACE_BROKER_URL": redis_server.url(3),
    }
    worker = subprocess.Popen([PROGRAM, "worker"], env=environment, stderr=subprocess.PIPE, text=True)
    assert worker.stderr is not None
    said = ""
    end = time.monotonic() + 60
    while "ready" not in said and time.monotonic() < end:
        said += worker.stderr.readline()
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)

    assert worker.returncode == 0, said
