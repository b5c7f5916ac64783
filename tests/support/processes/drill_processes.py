"""The processes that the drills kill: real Celery, PostgreSQL, Redis and HTTP; only the pipeline is a small fake.

`site.json` in a site's folder says where everything is. While the file `hold` is there, drawing waits. The file `clock`
holds the seconds by which this machine's clock is wrong. Every drawing that begins writes its process number into
`drawing`, each one adds a line to `drawn`.

To import everything takes seconds, so one process does that once, and forks a worker or a bot when asked to.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import sys
import time
import warnings
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from bots.service.conversation_service import ConversationService, Defaults
from bots.service.delivery import DeliveryTimings
from bots.service.quotas import Quotas
from bots.telegram.bot import TelegramBot, TelegramOptions
from bots.telegram.retry import RateLimiter
from core.domain.child_spec import ChildSpec
from core.latent.latent import Latent
from core.pipeline import Child
from storage.blobs import DiskBlobs
from storage.clock import utc_now
from storage.database import open_database
from storage.unit_of_work import Store
from tasks.broker import create_celery
from tasks.config import TaskConfig
from tasks.context import TaskContext
from tasks.queue import CeleryQueue
from tasks.workers.embedded import EmbeddedWorkers
from tasks.workers.per_process import PerProcess
from tasks.workers.worker import run_worker
from tests.support.chats.fake_telegram import TOKEN
from tests.support.fake_pipeline import FakePipeline

KEY = b"k" * 32
PACE = DeliveryTimings(look=0.05, look_idle=0.1, edit=0.5, patience=30.0, act=5.0, claim=3.0, retry=0.3)


def config_of(site: dict[str, Any]) -> TaskConfig:
    """Short leases and limits; the rules are those of a deployment."""
    return TaskConfig(
        broker_url=site["broker"],
        queue_prefix=site["prefix"],
        refine=False,
        lease=timedelta(seconds=3),
        empty_for=timedelta(seconds=2),
        soft_limit=site["soft_limit"],
        hard_limit=site["soft_limit"] + 10.0,
        max_attempts=site["max_attempts"],
        first_retry_seconds=0.3,
        tasks_per_child=site["tasks_per_child"],
    )


def open_store(site: dict[str, Any], home: Path) -> Store:
    """The store as each process opens it, with the clock of its machine."""
    clock = home / "clock"

    def now() -> datetime:
        try:
            return utc_now() + timedelta(seconds=float(clock.read_text()))
        except (FileNotFoundError, ValueError):
            return utc_now()

    return Store(open_database(site["database"]), DiskBlobs(Path(site["blobs"]), [KEY]), now)


def open_queue(site: dict[str, Any]) -> CeleryQueue:
    """The queue of this site."""
    return CeleryQueue(create_celery(config_of(site)), site["prefix"])


class Drawing(FakePipeline):
    """Draws what was wished for as JSON: a chat then shows which child it sees."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home
        self._wish = ChildSpec()

    def make(self, mom: Latent, dad: Latent, spec: ChildSpec, **more: Any) -> Child:
        (self._home / "drawing").write_text(str(os.getpid()))
        while (self._home / "hold").exists():
            time.sleep(0.02)
        with (self._home / "drawn").open("a") as lines:
            lines.write(f"{os.getpid()} {id(self)} {spec.seed}\n")
        self._wish = spec
        return super().make(mom, dad, spec, **more)

    def sign(self, picture: bytes) -> bytes:
        """Called with each finished picture."""
        return b"picture " + json.dumps({"seed": self._wish.seed, "age": self._wish.age}).encode()


def worker(site: dict[str, Any], home: Path) -> int:
    """A worker with two children, as long as nobody kills it."""
    config = config_of(site)
    pipeline = PerProcess(lambda: Drawing(home))

    def workshop() -> TaskContext:
        store = open_store(site, home)
        return TaskContext(store, pipeline, open_queue(site), config, sign=lambda picture: pipeline().sign(picture))

    return run_worker(config, PerProcess(workshop), concurrency=site["children"], loglevel="WARNING", look_every=0.5)


def bot(site: dict[str, Any], home: Path) -> int:
    """A Telegram bot."""
    return _run_bot(site, open_store(site, home), open_queue(site))


def embedded(site: dict[str, Any], home: Path) -> int:
    """A Telegram bot with its workers on threads of the same process, as on one machine without a broker."""
    store, config = open_store(site, home), config_of(site)
    pipeline = Drawing(home)
    context = TaskContext(store, PerProcess(lambda: pipeline), open_queue(site), config, sign=pipeline.sign)
    with EmbeddedWorkers(config, PerProcess(lambda: context), look_every=0.5):
        return _run_bot(site, store, context.queue)


def _run_bot(site: dict[str, Any], store: Store, queue: CeleryQueue) -> int:
    warnings.simplefilter("ignore")
    service = ConversationService(store, queue, Defaults(quotas=Quotas(0, 0, 0, 0, 0)))
    patience = RateLimiter(first_wait=0.05, tries=8)
    options = TelegramOptions(site["api"], poll_seconds=2, album_quiet=0.3, timings=PACE, patience=patience, grace=2.0)
    asyncio.run(TelegramBot(TOKEN, service, options).run())
    return 0


def serve() -> None:
    """Fork what each line of stdin asks for ("worker FOLDER"), and answer with its process number."""
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not select.select([sys.stdin], [], [], 0.05)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            return
        what, home = line.split()
        pid = os.fork()
        if pid == 0:
            _become(what, Path(home))
        print(pid, flush=True)


def _become(what: str, home: Path) -> NoReturn:
    os.setsid()
    log = os.open(home / f"{what}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        code = {"worker": worker, "bot": bot, "embedded": embedded}[what](
            json.loads((home / "site.json").read_text()), home
        )
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
