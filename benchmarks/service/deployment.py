"""A whole deployment on this machine for `benchmarks/service/load.py`: PostgreSQL, Redis, a bot and workers, as
processes.

Run as a module it is one of the services, `python -m benchmarks.service.deployment bot telegram`, with a pipeline that
only sleeps where LOAD_SPEED says how much faster than the real one; without it, with the real one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from childface.bootstrap import open_store
from childface.cli.context import Environment
from childface.cli.main import main
from childface.settings import Settings
from storage import migrate
from storage.unit_of_work import Store
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import TOKEN
from tests.support.servers import PostgresServer, RedisServer, postgres_programs, redis_program

if TYPE_CHECKING:
    from core.pipeline_protocol import Pipeline

ROOT = Path(__file__).parents[2]
SPEED = "LOAD_SPEED"

DURABLE = ["--fsync=on", "--full_page_writes=on", "--shared_buffers=128MB"]
"""As a deployment has it; tests need not wait for the disk."""

STAGES = {"encode": 0.2, "make": 0.3}
"""Seconds of the real pipeline on two idle cores, with OpenVINO: one photo, one child of cached parents at 1024 px
(docs/speed.md)."""


class Deployment:
    """Everything but the chat service. A `with` block; `workers` may be changed between rounds."""

    def __init__(self, api_root: str, *, speed: float | None, weights: Path | None = None) -> None:
        """`speed`: how much faster the stand-in is than the real pipeline; None: the real one, with its weights."""
        self.home = Path(tempfile.mkdtemp(prefix="childface-load-"))
        self._postgres = PostgresServer(postgres_programs(), self._folder("postgres"))
        self._redis = RedisServer(redis_program(), self._folder("redis"), keep_data=True)
        self._speed = speed
        self._weights = weights or self._empty_weights()
        self._api_root = api_root
        self.bot: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.memory = Memory(self)

    def __enter__(self) -> Deployment:
        self._postgres.create()
        self._postgres.start(DURABLE)
        self._redis.start()
        self.url = self._postgres.url(self._postgres.create_database())
        migrate.upgrade(self.url)
        self.store: Store = open_store(Settings(_env_file=None, data_dir=self.home, database_url=self.url))
        self.bot = self._start("bot", "telegram")
        self.memory.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.memory.stop()
        self.man(0)
        if self.bot is not None:
            _end(self.bot)
        self.store.database.close()
        self._redis.stop()
        self._postgres.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def man(self, workers: int) -> None:
        """Have so many workers, each a process with one child that draws."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            _end(worker)
        self.workers = [self._start("worker", "--queues", "encode,draw") for _ in range(workers)]
        end = time.monotonic() + 120
        while workers and len(self._seen()) < workers:
            assert time.monotonic() < end, "the workers did not start"
            time.sleep(0.2)

    def welcome(self, people: list[int]) -> None:
        """Everybody has agreed; what asking costs is not what is measured."""
        agreed(self.store, "telegram", *people)

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time that each part has used since it was started."""
        servers = {child.name(): child for child in psutil.Process().children()}
        parts = {"bot": [self.bot], "worker": self.workers}
        used = {name: sum(_cpu_of(some.pid) for some in group if some is not None) for name, group in parts.items()}
        return {
            **used,
            "postgres": _cpu_of(servers["postgres"].pid),
            "redis": _cpu_of(servers["redis-server"].pid),
        }

    def sizes(self) -> tuple[float, float]:
        """Megabytes of the database, and of the encrypted files."""
        with self.store.read_only() as unit:
            database = unit.stats.database_bytes()
        return database / 1e6, self.store.blobs.usage()[1] / 1e6

    def _seen(self) -> list[object]:
        with self.store.read_only() as unit:
            mine = {str(worker.pid) for worker in self.workers}
            return [sign for sign in unit.heartbeats.alive("worker") if sign.source.rpartition(":")[2] in mine]

    def _start(self, *args: str) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {
            "PYTHONPATH": str(ROOT),
            "OMP_WAIT_POLICY": "PASSIVE",
            "CHILDFACE_DATA_DIR": str(self.home),
            "CHILDFACE_WEIGHTS_DIR": str(self._weights),
            "CHILDFACE_DATABASE_URL": self.url,
            "CHILDFACE_BROKER_URL": self._redis.url(),
            "CHILDFACE_TELEGRAM_API_ROOT": self._api_root,
            "CHILDFACE_REFINE": "false",
            "CHILDFACE_LOG_LEVEL": "WARNING",
            "TELEGRAM_TOKEN": TOKEN,
        }
        if self._speed is not None:
            environment |= {SPEED: str(self._speed), "OMP_NUM_THREADS": "1"}
        log = open(self.home / "log", "ab")  # noqa: SIM115 - it is the process's from now on
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "benchmarks.service.deployment", *args],
                cwd=self.home,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir()
        os.chmod(self.home, 0o755)
        return folder

    def _empty_weights(self) -> Path:
        """Files by name: the stand-in needs none, but the program looks whether they are there."""
        from childface import weights

        folder = self._folder("weights")
        for carrier in weights.CARRIERS:
            for name in carrier.files:
                (folder / name).touch()
        return folder


class Memory:
    """Looks at the processes every second and keeps the largest figures, in megabytes."""

    def __init__(self, app: Deployment) -> None:
        self._house = app
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self.bot = self.worker = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def forget(self) -> None:
        """Begin anew with what there is now: a short round may be over before the next second."""
        self.bot = self.worker = 0.0
        self._look()

    def _run(self) -> None:
        while not self._done.wait(1.0):
            self._look()

    def _look(self) -> None:
        if self._house.bot is not None:
            self.bot = max(self.bot, _megabytes(self._house.bot.pid, children=False))
        for worker in list(self._house.workers):
            self.worker = max(self.worker, _megabytes(worker.pid, children=True))


def _megabytes(pid: int, *, children: bool) -> float:
    """Of a process; with `children`, of the largest of its children."""
    try:
        process = psutil.Process(pid)
        some = process.children(recursive=True) if children else [process]
        return max((one.memory_info().rss / 1e6 for one in some), default=0.0)
    except psutil.Error:
        return 0.0


def _cpu_of(pid: int) -> float:
    """Of a process, of its children, and of those that have ended."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    ended = float(own.children_user + own.children_system)
    return float(own.user + own.system) + ended + sum(_cpu_of(child.pid) for child in process.children())


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stand_in(settings: Settings) -> Pipeline:
    """Sleeps as long as the real one works, and answers with a picture that weighs as much as a real one."""
    import numpy as np
    from PIL import Image

    from tests.support.fake_pipeline import FakePipeline

    speed = float(os.environ[SPEED])
    with Image.open(ROOT / "examples" / "mom.jpg") as example:
        drawn = np.asarray(example.convert("RGB").resize((1024, 1024)))

    class Sleeper(FakePipeline):
        def encode(self, photo: bytes, *, face: int | None = None, drawings: bool = False) -> Any:
            time.sleep(STAGES["encode"] / speed)
            return super().encode(photo, face=face, drawings=drawings)

        def make(self, mom: Any, dad: Any, wish: Any, **more: Any) -> Any:
            from dataclasses import replace

            time.sleep(STAGES["make"] / speed)
            return replace(super().make(mom, dad, wish, **more), image=drawn)

    return Sleeper()


def photos_for(speed: float | None) -> tuple[bytes, bytes]:
    """Mom's and dad's: drawn faces for the real pipeline, bytes of the same size for the stand-in."""
    real = [(ROOT / "examples" / f"{who}.jpg").read_bytes() for who in ("mom", "dad")]
    if speed is None:
        return real[0], real[1]
    return tuple(f"photo of {who} ".encode() + data for who, data in zip(("mom", "dad"), real, strict=True))  # type: ignore[return-value]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Environment(load_pipeline=stand_in) if SPEED in os.environ else Environment()))
