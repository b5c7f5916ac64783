"""How long do people wait when many come? `python -m benchmarks.service.load --users 10,100 --workers 1,2,4`.

A real bot process, real workers, real PostgreSQL (with fsync) and Redis (every command to disk) on this machine; people
on a fake Telegram server over real HTTP send two photos each and wait for their child. They come by chance (Poisson) in
a rush that swells and ebbs as over a day. Each row is a round with so many people and workers.

The pipeline is a stand-in that sleeps the seconds that the real one was measured to take
(benchmarks/service/deployment.py): else this machine's cores, not the queue, would be what is measured. `--real` takes
the real one. Everything else is real: updates, rows, blobs, messages, the pictures that are sent.

`--speed 10` squeezes time: the stand-in sleeps, and the people come, ten times as fast, and waits are told ten times as
long as they were measured. What bot, database and broker cost is not squeezed, so it counts tenfold: waits of such a
round are too long rather than too short. `--returning` lets people come who have a child already and ask for a sibling:
one job each instead of three. `--known 10000`: as many more have been here before, their rows and latents are kept.

`load` is the share of the workers' time that the pipeline itself would fill if everybody's pictures were drawn in the
window in which they come; above 1 the queue must grow, and the last one waits for all others. `http` counts the
bot's requests to the chat service a picture, the four columns in ms
are processor time a picture of bot, workers, PostgreSQL and Redis; the last two, pictures a second at the beginning and
at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.service.crowd import Crowded, Round, arrivals, come_and_ask
from benchmarks.service.deployment import STAGES, Deployment, photos_for
from benchmarks.service.returning import furnish

FIRST = range(1_000_001, 1_000_005)
"""People before the clock runs: after them models are loaded in every worker, and connections stand."""

KNOWN = 100_001
"""The first of those who are known and stay away."""

HEAD = (
    f"{'users':>6} {'workers':>7} {'window s':>8} {'load':>5} {'jobs':>6} {'jobs/s':>6} {'wait 50%':>8} {'95%':>7} "
    f"{'99%':>7} {'bot MB':>6} {'worker MB':>9} {'db MB':>6} {'files MB':>8} {'lost':>4} "
    f"{'http':>5} {'bot ms':>6} {'work ms':>7} {'pg ms':>5} {'rd ms':>5} {'first':>6} {'last':>6}"
)


@dataclass(frozen=True)
class Row:
    """Seconds are those of people's watches: squeezed time is stretched again."""

    users: int
    workers: int
    window: float
    load: float
    jobs: int
    jobs_per_second: float
    """As measured, not stretched: what bot, broker and database carried."""
    wait_50: float
    wait_95: float
    wait_99: float
    bot_mb: float
    worker_mb: float
    database_mb: float
    files_mb: float
    lost: int
    requests: float
    """That the bot makes to the chat service, a picture (its waiting for news not counted)."""
    bot_cpu: float
    """Milliseconds of processor time a picture, here and below; a busy machine hardly changes them."""
    worker_cpu: float
    """Of which the stand-in's sleep is nothing."""
    postgres_cpu: float
    redis_cpu: float
    first_tenth_per_second: float
    """Pictures that came, from the first to the tenth part of them; and the last tenth: is the end as quick?"""
    last_tenth_per_second: float

    def __str__(self) -> str:
        return (
            f"{self.users:6} {self.workers:7} {self.window:8.0f} {self.load:5.2f} {self.jobs:6} "
            f"{self.jobs_per_second:6.2f} {self.wait_50:8.1f} {self.wait_95:7.1f} {self.wait_99:7.1f} "
            f"{self.bot_mb:6.0f} {self.worker_mb:9.0f} {self.database_mb:6.1f} {self.files_mb:8.1f} {self.lost:4} "
            f"{self.requests:5.1f} {self.bot_cpu:6.0f} {self.worker_cpu:7.0f} {self.postgres_cpu:5.0f} "
            f"{self.redis_cpu:5.0f} "
            f"{self.first_tenth_per_second:6.2f} {self.last_tenth_per_second:6.2f}"
        )


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--users", type=_numbers, default=[10, 100])
    asked.add_argument("--workers", type=_numbers, default=[1, 2, 4])
    asked.add_argument("--window", type=float, default=60.0, help="seconds within which all come (people's seconds)")
    asked.add_argument("--speed", type=float, default=1.0, help="how many times faster than people's watches")
    asked.add_argument("--returning", action="store_true", help="people who have a child already ask for a sibling")
    asked.add_argument("--known", type=int, default=0, help="so many more have rows and files here, and do not come")
    asked.add_argument("--real", action="store_true", help="the real pipeline; speed 1")
    asked.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface", help="for --real")
    asked.add_argument("--patience", type=float, default=1800.0, help="seconds after the last one came")
    asked.add_argument("--seed", type=int, default=7)
    asked.add_argument("--json", action="store_true")
    chosen = asked.parse_args()
    warnings.simplefilter("ignore")
    rows = asyncio.run(play(chosen))
    if chosen.json:
        print(json.dumps([asdict(row) for row in rows]))
    return 1 if any(row.lost for row in rows) else 0


async def play(chosen: argparse.Namespace) -> list[Row]:
    """Each round in a house of its own, so that none inherits another one's rows."""
    print(HEAD, file=sys.stderr if chosen.json else sys.stdout, flush=True)
    rows = []
    for users in chosen.users:
        for workers in chosen.workers:
            row = await play_round(chosen, users, workers)
            rows.append(row)
            print(row, file=sys.stderr if chosen.json else sys.stdout, flush=True)
    return rows


async def play_round(chosen: argparse.Namespace, users: int, workers: int) -> Row:
    api = Crowded()
    await api.start()
    speed = None if chosen.real else chosen.speed
    moments = arrivals(users, chosen.window / (speed or 1.0), random.Random(chosen.seed))
    app = Deployment(api.url, speed=speed, weights=chosen.weights if chosen.real else None)
    try:
        with app:
            await asyncio.to_thread(app.man, workers)
            people, photos = range(1, users + 1), photos_for(speed)
            await asyncio.to_thread(app.welcome, [*people, *FIRST])
            await come_and_ask(api, FIRST, [0.0] * len(FIRST), photos, 300.0)
            if chosen.returning:
                await asyncio.to_thread(furnish, app.store, FIRST[0], people)
            await asyncio.to_thread(furnish, app.store, FIRST[0], range(KNOWN, KNOWN + chosen.known))
            api.forget()
            app.memory.forget()
            before, requests = app.cpu(), api.requests
            outcome = await come_and_ask(api, people, moments, None if chosen.returning else photos, chosen.patience)
            cpu = {name: seconds - before[name] for name, seconds in app.cpu().items()}
            requests = api.requests - requests
            sizes = app.sizes()
    finally:
        await api.stop()
    return _row(chosen, users, workers, outcome, (app.memory.bot, app.memory.worker), sizes, cpu, requests)


def _row(
    chosen: argparse.Namespace,
    users: int,
    workers: int,
    outcome: Round,
    memory: tuple[float, float],
    sizes: tuple[float, float],
    cpu: dict[str, float],
    requests: int,
) -> Row:
    speed = 1.0 if chosen.real else chosen.speed
    jobs_each = 1 if chosen.returning else 3
    work = STAGES["make"] + (0 if chosen.returning else 2 * STAGES["encode"])
    waits = sorted(wait * speed for wait in outcome.waits)
    cuts = statistics.quantiles(waits, n=100, method="inclusive") if len(waits) > 1 else waits * 99
    tenth = max(len(outcome.shown) // 10, 1)
    return Row(
        users=users,
        workers=workers,
        window=chosen.window,
        load=users * work / (workers * chosen.window),
        jobs=users * jobs_each,
        jobs_per_second=len(waits) * jobs_each / max(outcome.seconds, 1e-9),
        wait_50=cuts[49],
        wait_95=cuts[94],
        wait_99=cuts[98],
        bot_mb=memory[0],
        worker_mb=memory[1],
        database_mb=sizes[0],
        files_mb=sizes[1],
        lost=outcome.unanswered,
        requests=requests / max(len(waits), 1),
        **{f"{name}_cpu": 1000 * seconds / max(len(waits), 1) for name, seconds in cpu.items()},
        first_tenth_per_second=_rate(outcome.shown[: tenth + 1]),
        last_tenth_per_second=_rate(outcome.shown[-tenth - 1 :]),
    )


def _rate(moments: list[float]) -> float:
    return (len(moments) - 1) / max(moments[-1] - moments[0], 1e-9) if len(moments) > 1 else 0.0


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
