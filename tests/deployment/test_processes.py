"""What docker-compose.yml describes, run: each command as a process, until its health check agrees and SIGTERM ends it.

PostgreSQL and Redis are real and ask for the passwords that deploy/make-secrets.sh made; Telegram and Discord are the
servers of tests/bots. Only Docker itself is missing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from childface.bootstrap import open_store
from childface.ops.heartbeat import BEAT_EVERY
from childface.settings import Settings
from storage import migrate
from storage.errors import KeyLost, StorageUnavailable
from storage.unit_of_work import Store
from tests.deployment.test_systemd import INSTALLED, PROGRAM, options
from tests.support.chats import fake_discord, fake_telegram
from tests.support.chats.fake_discord import Discord
from tests.support.chats.fake_telegram import BotApi
from tests.support.processes.compose_file import ROOT, command_of, services
from tests.support.processes.compose_services import PATIENCE, ComposeServices, Process, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, weights_dir: Path) -> Iterator[ComposeServices]:
    """PostgreSQL, Redis and the tables: what every other service depends on, started in that order."""
    tokens = {"TELEGRAM_TOKEN": fake_telegram.TOKEN, "DISCORD_TOKEN": fake_discord.TOKEN}
    app = ComposeServices(tmp_path_factory.mktemp("house"), weights_dir, tokens)
    try:
        app.start_postgres()
        app.run("redis").wait_until_healthy()
        migrated = app.run("migrate")
        assert migrated.process.wait(PATIENCE) == 0, migrated.said()
        yield app
    finally:
        app.stop()


@pytest.fixture
async def telegram() -> AsyncIterator[BotApi]:
    server = BotApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    server = Discord()
    await server.start()
    yield server
    await server.stop()


async def ends_in_order(process: Process) -> None:
    code, took = await asyncio.to_thread(process.stop)

    assert code == 0, process.said()
    assert took < PATIENCE
    assert "Traceback" not in process.said()


def numbers(process: Process) -> str:
    """What Prometheus would be told."""
    with urllib.request.urlopen(f"http://127.0.0.1:{process.metrics_port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_the_first_start_made_tables_and_a_key_that_only_its_owner_reads(house: ComposeServices) -> None:
    key = house.home / "volumes" / "key" / "key"

    assert key.stat().st_mode & 0o777 == 0o600
    again = house.run("migrate")  # as after every update
    assert again.process.wait(PATIENCE) == 0, again.said()
    assert "tables of" in again.said()


def test_the_servers_want_the_password(house: ComposeServices) -> None:
    with redis.Redis(port=house.broker_port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    for password in ("", ":wrong"):
        with pytest.raises(StorageUnavailable):
            migrate.current(f"postgresql+psycopg://childface{password}@127.0.0.1:{house.postgres.port}/childface")


async def test_a_purge_says_that_it_is_alive_and_ends_when_told_so(house: ComposeServices) -> None:
    purge = house.run("purge")
    await asyncio.to_thread(purge.wait_until_healthy)
    assert "removed: 0 photos" in purge.said()

    await ends_in_order(purge)
    assert not purge.healthy()


@pytest.mark.parametrize("name", ["worker-draw", "worker-refine", "worker-gpu"])
async def test_a_worker_says_that_it_is_alive_and_ends_when_told_so(house: ComposeServices, name: str) -> None:
    worker = house.run(name)
    await asyncio.to_thread(worker.wait_until_healthy)
    assert "childface_jobs_waiting" in await asyncio.to_thread(numbers, worker)
    for secret in ("childface_database_password", "childface_broker_password"):
        assert house.secret(secret) not in worker.words() + worker.said()

    await ends_in_order(worker)
    assert not worker.healthy()


@pytest.mark.timeout(600)
async def test_two_photos_go_in_at_telegram_and_a_child_comes_out(house: ComposeServices, telegram: BotApi) -> None:
    """Through every container: bot, database, blobs, broker, worker, and back."""
    bot = house.run("telegram", CHILDFACE_TELEGRAM_API_ROOT=telegram.url, CHILDFACE_REFINE="false")
    worker = house.run("worker-draw", CHILDFACE_REFINE="false")
    await asyncio.to_thread(bot.wait_until_healthy)
    await asyncio.to_thread(worker.wait_until_healthy)

    anna = telegram.person(7)
    await anna.sends_photo((EXAMPLES / "mom.jpg").read_bytes())
    await telegram.until(lambda: any("I agree" in label for m in telegram.shown(7) for label in m.labels), "a question")
    await anna.presses("I agree")
    await anna.sends_photo((EXAMPLES / "dad.jpg").read_bytes())
    # On a busy machine the first drawing of a process takes its time.
    await asyncio.to_thread(wait_until, lambda: telegram.pictures(7), "a picture", PATIENCE * 2)

    told = await asyncio.to_thread(numbers, worker)
    assert "childface_jobs_ended_total{" in told and 'end="done"' in told
    assert 'end="shown"' in await asyncio.to_thread(numbers, bot)
    assert fake_telegram.TOKEN not in bot.words() + bot.said() + worker.said()
    await ends_in_order(worker)
    await ends_in_order(bot)
    assert not bot.healthy()


async def test_the_discord_bot_says_that_it_is_alive_and_ends_when_told_so(
    house: ComposeServices, discord: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    # discord.py has no setting for another server, so this one process is told by a module of the tests.
    elsewhere = [sys.executable, "-m", "tests.support.processes.discord_elsewhere", discord.url]
    monkeypatch.setattr(Process, "_program", lambda self, command: [*elsewhere, *command[1:]])
    bot = house.run("discord")
    await asyncio.to_thread(bot.wait_until_healthy)

    assert discord.identified == 1
    assert fake_discord.TOKEN not in bot.words() + bot.said()
    await ends_in_order(bot)


def test_a_bot_without_its_token_says_which_one(house: ComposeServices) -> None:
    (house.home / "deploy" / "secrets" / "telegram_token").rename(house.home / "token")
    (house.home / "deploy" / "secrets" / "telegram_token").touch()  # as make-secrets.sh leaves it
    try:
        bot = house.run("telegram")
        assert bot.process.wait(PATIENCE) == 2, "which systemd and Compose do not restart"
    finally:
        (house.home / "token").replace(house.home / "deploy" / "secrets" / "telegram_token")
    assert "TELEGRAM_TOKEN is not set" in bot.said()


async def test_a_process_that_hangs_is_not_healthy(house: ComposeServices) -> None:
    worker = house.run("worker-refine")
    await asyncio.to_thread(worker.wait_until_healthy)
    beat = Path(worker.environment["CHILDFACE_HEARTBEAT_FILE"])

    os.killpg(worker.process.pid, signal.SIGSTOP)
    os.utime(beat, (0, 0))  # an hour later
    assert not worker.healthy()

    os.killpg(worker.process.pid, signal.SIGCONT)
    await asyncio.to_thread(wait_until, worker.healthy, "it beats again")
    await ends_in_order(worker)


def test_a_worker_that_has_lost_its_broker_falls_silent_until_it_is_back(house: ComposeServices) -> None:
    with house.another_broker():
        broker = house.run("redis")
        broker.wait_until_healthy()
        worker = house.run("worker-refine")
        worker.wait_until_healthy()
        beat = Path(worker.environment["CHILDFACE_HEARTBEAT_FILE"])

        broker.kill()
        wait_until(lambda: "Connection" in worker.said(), "the worker notices")
        os.utime(beat, (0, 0))
        time.sleep(BEAT_EVERY * 2)
        assert not worker.healthy()

        broker.start_again()
        wait_until(worker.healthy, "it listens again")
        assert worker.stop()[0] == 0
        assert broker.stop()[0] == 0


def test_redis_keeps_its_messages_over_a_restart(house: ComposeServices) -> None:
    with house.another_broker():
        broker = house.run("redis")
        broker.wait_until_healthy()
        password = house.secret("childface_broker_password")
        assert password not in broker.words()
        with redis.Redis(port=house.broker_port, password=password) as client:
            client.lpush("draw", "a job's number")
        assert broker.stop()[0] == 0

        broker.start_again()
        broker.wait_until_healthy()
        with redis.Redis(port=house.broker_port, password=password) as client:
            assert client.lrange("draw", 0, -1) == [b"a job's number"]
        assert broker.stop()[0] == 0


def test_a_backup_opens_elsewhere_and_not_without_its_key(house: ComposeServices, tmp_path: Path) -> None:
    """The page's three commands, and its way back: the dump, the files, and the key apart."""
    volumes = house.home / "volumes"
    keep = Settings(
        _env_file=None,
        database_url=house.postgres.url("childface"),
        blobs_dir=volumes / "data" / "blobs",
        key_file=volumes / "key" / "key",
    )
    with opened(keep) as store, store.unit() as unit:
        photo = unit.photos.add(unit.users.get_or_add("console", "backup").id, b"a photo", keep.ttl_photo)
        unit.commit()

    dump = house.postgres.dump("childface")
    with tarfile.open(tmp_path / "blobs.tar", "w") as tar:
        tar.add(volumes / "data", ".")
    key = (volumes / "key" / "key").read_bytes()
    assert key.strip() not in dump + (tmp_path / "blobs.tar").read_bytes()

    house.postgres.create_database(name="restored")
    house.postgres.restore("restored", dump)
    (tmp_path / "data").mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "blobs.tar", "-C", tmp_path / "data"], check=True)
    there = keep.model_copy(
        update={
            "database_url": house.postgres.url("restored"),
            "blobs_dir": tmp_path / "data" / "blobs",
            "key_file": tmp_path / "key",
        }
    )
    with pytest.raises(KeyLost), opened(there):
        pass  # no fresh key is made where something was encrypted with another
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "key").chmod(0o600)
    with opened(there) as store, store.read_only() as unit:
        assert unit.photos.data(photo.id) == b"a photo"


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    store = open_store(settings)
    try:
        yield store
    finally:
        store.database.close()


@pytest.mark.parametrize("unit", ["childface.service", "childface-worker.service"])
async def test_what_systemd_starts_tells_it_when_it_is_ready_and_when_it_ends(
    house: ComposeServices, telegram: BotApi, weights_dir: Path, tmp_path: Path, unit: str
) -> None:
    """In place of systemd: its socket, its folder of credentials and its signals."""
    described = options(ROOT / "deploy" / "systemd" / unit)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "childface_telegram_token").write_text(fake_telegram.TOKEN)
    (credentials / "childface_broker_password").write_text(house.secret("childface_broker_password"))
    environment = {
        **dict(pair.split("=", 1) for pair in described["Environment"].split()),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CHILDFACE_DATA_DIR": str(tmp_path),
        "CHILDFACE_WEIGHTS_DIR": str(weights_dir),
        "CHILDFACE_TELEGRAM_API_ROOT": telegram.url,
        "CREDENTIALS_DIRECTORY": str(credentials),
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
    }
    if "worker" in unit:
        environment["CHILDFACE_BROKER_URL"] = f"redis://127.0.0.1:{house.broker_port}/1"
        migrate.upgrade(f"sqlite:///{tmp_path}/childface.sqlite3")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, (tmp_path / "log").open("wb") as log:
        systemd.bind(environment["NOTIFY_SOCKET"])
        systemd.settimeout(PATIENCE)
        command = described["ExecStart"].replace(INSTALLED, str(PROGRAM)).split()
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=log, start_new_session=True)
        try:
            heard = [await asyncio.to_thread(systemd.recv, 64) for _ in range(2)]
            process.send_signal(signal.Signals[described["KillSignal"]])
            code = await asyncio.to_thread(process.wait, float(described["TimeoutStopSec"]))
            heard.append(await asyncio.to_thread(systemd.recv, 64))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    assert code == 0, (tmp_path / "log").read_text()
    assert heard[:2] == [b"READY=1", b"WATCHDOG=1"] and heard[2] in (b"WATCHDOG=1", b"STOPPING=1")


LIGHT = """
import sys
from importlib import metadata
from importlib.abc import MetaPathFinder

class Hidden(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}: the image does not hold it", name=name)

hidden = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Hidden())
from childface.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


async def test_what_a_bot_runs_needs_only_what_its_image_holds(
    house: ComposeServices, telegram: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = ",".join(sorted(modules_without(light_distributions())))
    assert {"torch", "openvino", "pytest"} <= set(hidden.split(","))
    program = [sys.executable, "-c", LIGHT, hidden]
    monkeypatch.setattr(
        Process, "_program", lambda self, command: [*program, *command[1:]] if command[0] == "childface" else command
    )
    bot = house.run("telegram", CHILDFACE_TELEGRAM_API_ROOT=telegram.url)
    purge = house.run("purge")
    await asyncio.to_thread(bot.wait_until_healthy)
    await asyncio.to_thread(purge.wait_until_healthy)
    await telegram.person(8).says("/start")
    await telegram.until(lambda: telegram.shown(8), "an answer")
    checked = subprocess.run([*program, "health", "--servers"], env=bot.environment, capture_output=True, text=True)

    assert checked.returncode == 0, checked.stderr
    await ends_in_order(bot)
    await ends_in_order(purge)


def light_distributions() -> set[str]:
    """What the image of a bot holds: the light dependencies and all that they bring along."""
    from packaging.requirements import Requirement

    from requirements.wanted import wanted
    from tests.childface.test_dependencies import closure_of

    return closure_of([Requirement(line) for line in wanted(models=False)])


def modules_without(kept: set[str]) -> set[str]:
    """Top-level modules of every other distribution that is installed here."""
    from importlib import metadata

    from packaging.utils import canonicalize_name

    ours = kept | {"childface"}
    return {
        module
        for module, names in metadata.packages_distributions().items()
        if not {canonicalize_name(name) for name in names} & ours
    }


def test_every_service_of_ours_was_run() -> None:
    text = Path(__file__).read_text()
    missing = [name for name, service in services().items() if "build" in service and f'"{name}"' not in text]

    assert missing == []
    assert command_of(services()["postgres"])[0] == "postgres"
