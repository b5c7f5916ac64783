"""A bot and a worker as processes of their own on real servers, looked at as Prometheus does: over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from childface import weights
from childface.bootstrap import open_store
from childface.settings import Settings
from observability import metrics, serving
from storage.unit_of_work import Store
from tests.childface.conftest import Terminal
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import TOKEN, BotApi
from tests.support.fake_pipeline import NOT_A_FACE, photo_of
from tests.support.processes.service_process import start
from tests.support.servers import RedisServer, free_port

PATIENCE = 90.0
ANNA = 7700770077


class Numbers:
    """What one address tells."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"
        self.text = ""

    def look(self) -> Numbers:
        with urllib.request.urlopen(self._url, timeout=30) as answer:
            self.text = answer.read().decode()
        return self

    def of(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name with these labels."""
        return sum(sample.value for sample in self._samples(name) if labels.items() <= sample.labels.items())

    def labels(self, name: str, label: str) -> set[str]:
        return {sample.labels[label] for sample in self._samples(name)}

    def names(self) -> set[str]:
        return {sample.name for family in text_string_to_metric_families(self.text) for sample in family.samples}

    def _samples(self, name: str) -> Iterator[Any]:
        for family in text_string_to_metric_families(self.text):
            yield from (sample for sample in family.samples if sample.name == name)


class Deployment:
    """One bot, one worker of two processes."""

    def __init__(self, settings: dict[str, Any], store: Store) -> None:
        self.settings = settings
        self.store = store
        self.ports = {"bot": free_port(), "worker": free_port()}
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, role: str, *args: str) -> None:
        self.processes[role] = start(
            role, *args, settings={**self.settings, "CHILDFACE_METRICS_PORT": self.ports[role]}
        )

    def numbers(self, role: str) -> Numbers:
        return Numbers(self.ports[role]).look()

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Ask again and again, while the chat service of this process goes on."""
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                if await asyncio.to_thread(holds):
                    return
            assert time.monotonic() < end, f"never happened: {what}"
            await asyncio.sleep(0.1)

    def children(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.processes["worker"].pid).children()]

    def close(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)
        self.store.database.close()


@pytest.fixture
async def house(tmp_path: Path, api: BotApi, postgres_url: str, redis_server: RedisServer) -> AsyncIterator[Deployment]:
    weights_dir = tmp_path / "weights"
    weights_dir.mkdir()
    for carrier in weights.CARRIERS:
        for name in carrier.files:
            (weights_dir / name).touch()
    settings = {
        "CHILDFACE_DATA_DIR": tmp_path,
        "CHILDFACE_WEIGHTS_DIR": weights_dir,
        "CHILDFACE_DATABASE_URL": postgres_url,
        "CHILDFACE_BROKER_URL": redis_server.url(8),
        "CHILDFACE_TELEGRAM_API_ROOT": api.url,
        "CHILDFACE_REFINE": "false",
        "TELEGRAM_TOKEN": TOKEN,
    }
    store = open_store(Settings(_env_file=None, data_dir=tmp_path, database_url=postgres_url))
    agreed(store, "telegram", ANNA)
    app = Deployment(settings, store)
    yield app
    await asyncio.to_thread(app.close)


@pytest.mark.servers
async def test_bot_and_worker_tell_what_they_did_and_of_whom_nothing(house: Deployment, api: BotApi) -> None:
    house.start("worker", "--concurrency", "2")
    house.start("bot", "telegram")
    anna = api.person(ANNA)
    api.fail("sendMessage", "429", retry_after=1)
    await anna.sends_photo(NOT_A_FACE, "mom")
    await anna.sees("I cannot find a face")
    await anna.sends_photo(photo_of("mom"), "mom")
    await anna.sees("Got mom")
    await anna.sends_photo(photo_of("dad"))
    await anna.sees_pictures(1)
    await house.until(lambda: house.numbers("bot").of("childface_deliveries_total", end="shown") >= 4, "all are told")

    bot, worker = house.numbers("bot"), house.numbers("worker")

    ended = "childface_jobs_ended_total"
    assert worker.of(ended, kind="encode", end="done") == 2
    assert worker.of(ended, kind="encode", end="failed") == 1
    assert worker.of(ended, kind="child", quality="fast", end="done") == 1
    assert worker.of("childface_job_errors_total", kind="encode", code="no_face") == 1
    assert worker.of("childface_latent_lookups_total", wanted="best", outcome="hit") == 2
    assert worker.labels("childface_stage_seconds_count", "stage") == {"detect", "encode", "age", "draw"}
    assert worker.of("childface_job_seconds_count") == 4
    assert worker.of("childface_job_wait_seconds_count", queue="encode") == 3
    assert bot.of("childface_delivery_seconds_count", platform="telegram", kind="child") == 1
    assert bot.of("childface_rate_limits_total", platform="telegram") == 1
    for numbers, role in ((bot, "bot"), (worker, "worker")):
        assert numbers.of("childface_service_up", service="database") == 1
        assert numbers.of("childface_service_up", service="broker") == 1
        assert numbers.of("childface_workers_seen") == 1
        assert numbers.of("childface_jobs_waiting") == 0
        assert numbers.of("childface_database_bytes") > 1_000_000
        assert numbers.of("childface_process_memory_bytes", role=role) > 10_000_000
        assert numbers.names() - {name for name in numbers.names() if name.endswith("_created")} <= set(metrics.names())
        for secret in (str(ANNA), TOKEN, "caption", "A person", str(house.settings["CHILDFACE_DATA_DIR"])):
            assert secret not in numbers.text
    assert len(worker.labels("childface_process_memory_bytes", "pid")) == 3
    assert "libtorch" not in Path(f"/proc/{house.processes['bot'].pid}/maps").read_text()


@pytest.mark.servers
async def test_what_a_killed_child_counted_is_not_lost(house: Deployment, api: BotApi) -> None:
    house.start("worker", "--concurrency", "1")
    house.start("bot", "telegram")
    anna = api.person(ANNA)
    await anna.sends_album(photo_of("mom"), photo_of("dad"))
    await anna.sees_pictures(1)
    done = "childface_jobs_ended_total"
    await house.until(lambda: house.numbers("worker").of(done, end="done") == 3, "three jobs")

    [child] = house.children()
    os.kill(child, signal.SIGKILL)
    await house.until(lambda: house.children() not in ([child], []), "a new child")
    await anna.says("/sibling")
    await anna.sees_pictures(2)
    await house.until(lambda: house.numbers("worker").of(done, end="done") == 4, "the old three and a new one")
    await house.until(
        lambda: str(child) not in house.numbers("worker").labels("childface_process_memory_bytes", "pid"),
        "the killed child's memory to be forgotten",
    )


@pytest.mark.servers
async def test_a_broker_that_goes_away_shows_and_the_rest_is_still_told(
    tmp_path: Path, house: Deployment, api: BotApi
) -> None:
    house.settings["CHILDFACE_BROKER_URL"] = "redis://127.0.0.1:1/0"
    house.start("bot", "telegram")
    await house.until(lambda: house.numbers("bot"), "the bot serves")

    numbers = house.numbers("bot")
    assert numbers.of("childface_service_up", service="database") == 1
    assert numbers.labels("childface_service_up", "service") == {"database", "broker"}
    assert numbers.of("childface_service_up", service="broker") == 0
    assert numbers.labels("childface_breaker_open", "service") == {"database", "broker"}


def test_without_a_port_nothing_listens(tmp_path: Path) -> None:
    from childface.ops.metrics_server import sharing, watched

    settings = Settings(_env_file=None, data_dir=tmp_path)
    before = psutil.Process().net_connections("tcp")
    with sharing(settings), watched(settings, "bot"):
        assert psutil.Process().net_connections("tcp") == before
    assert serving.FOLDER not in os.environ


def test_a_port_that_is_taken_is_refused_kindly_before_anything_starts(terminal: Terminal) -> None:
    terminal.settings.weights_dir.mkdir()
    for carrier in weights.CARRIERS:
        for name in carrier.files:
            (terminal.settings.weights_dir / name).touch()
    terminal.run("db", "upgrade")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        terminal.change(metrics_port=port, broker_url="redis://127.0.0.1:1", telegram_token="1:a")
        terminal.run("worker").refuses(3, f"127.0.0.1:{port}", "CHILDFACE_METRICS_PORT")
        terminal.run("bot", "telegram").refuses(3, f"127.0.0.1:{port}", "CHILDFACE_METRICS_PORT")


def test_a_port_that_is_taken_is_told_before_models_are_loaded(terminal: Terminal) -> None:
    terminal.settings.weights_dir.mkdir()
    for carrier in weights.CARRIERS:
        for name in carrier.files:
            (terminal.settings.weights_dir / name).touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        terminal.change(metrics_port=port, telegram_token="1:a")
        terminal.run("bot", "telegram").refuses(3, f"127.0.0.1:{port}", "CHILDFACE_METRICS_PORT")
        terminal.change(metrics_port=0, webhook_port=port, webhook_url="https://bot.example.org/telegram")
        terminal.run("bot", "telegram").refuses(3, f"127.0.0.1:{port}", "CHILDFACE_WEBHOOK_PORT")

    assert terminal.loaded_with is None
    assert not terminal.settings.data_dir.exists()
