"""A thousand jobs over a fake Telegram server with 429s, broken connections, lost answers and restarts of the bot.

    python -m benchmarks.storm                 100 people, 8 drawings each: 1,000 jobs, two restarts
    python -m benchmarks.storm --people 10     a small one

Prints one JSON object: replies lost, doubled, and messages that became nothing. Exit 1 when one was lost or doubled.
The worker is a small fake without a pipeline; bot, database, HTTP and faults are real.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import secrets
import sys
import tempfile
import time
import warnings
from dataclasses import asdict
from pathlib import Path

from bots.dialogue import Dialogue
from storage import migrate
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.unit import Store
from tests.bots import fake_telegram
from tests.bots.fake_telegram import BotApi
from tests.bots.fake_worker import FakeWorker
from tests.bots.storm import Outcome, Plan, live_through


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--people", type=int, default=100)
    asked.add_argument("--drawings", type=int, default=8)
    asked.add_argument("--share", type=float, default=0.2, help="of the requests that meet a fault")
    asked.add_argument("--restarts", type=int, default=2)
    asked.add_argument("--seed", type=int, default=7)
    plan = Plan(**vars(asked.parse_args()))
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    fake_telegram.PATIENCE = 3600.0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        outcome = asyncio.run(run(plan, Path(home)))
    print(json.dumps({**asdict(outcome), "seconds": round(time.monotonic() - began, 1)}))
    return 1 if outcome.lost or outcome.doubled or outcome.questions_doubled else 0


async def run(plan: Plan, home: Path) -> Outcome:
    url = f"sqlite:///{home / 'storm.sqlite3'}"
    migrate.upgrade(url)
    database = open_database(url)
    store = Store(database, DiskBlobs(home / "blobs", [secrets.token_bytes(32)]))
    worker, api = FakeWorker(store), BotApi()
    await api.start()
    try:
        return await live_through(api, Dialogue(store, worker), plan)
    finally:
        await api.stop()
        worker.stop()
        database.close()


if __name__ == "__main__":
    sys.exit(main())
