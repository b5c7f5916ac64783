"""Any part is killed, restarted, filled or set wrong, and each wish still ends in one picture or one clear sentence."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from alembic import command

from storage import migrate
from tests.drills.conftest import StartSite
from tests.support.processes.site import Found, Site, SmallDisk

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NEXT_REVISION = '''
"""What a next version might add."""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "next", "{now}", None, None


def upgrade():
    for table in ("jobs", "users", "photos", "latents", "results", "conversations"):
        op.add_column(table, sa.Column("of_the_next_version", sa.String(20), nullable=True))
        op.add_column(table, sa.Column("number_of_next", sa.Integer(), nullable=False, server_default="7"))
    op.create_table("next_things", sa.Column("id", sa.String(32), primary_key=True),
                    sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE")))
    op.create_index("ix_jobs_next", "jobs", ["of_the_next_version", "created_at"])
'''


async def drawing_is_held(site: Site, number: int = 1) -> None:
    """Somebody has sent both photos, and their child is being drawn for as long as `hold` is there."""
    site.hold.touch()
    await site.sends_parents(site.person(number))
    await site.until(site.drawing.exists, "a drawing has begun")


async def all_is_well(site: Site, pictures: int = 1) -> None:
    """Everybody has a picture, once."""
    await site.until_all_is_told(pictures)
    assert site.found() == Found(pictures, pictures, 0, 0, 0, {}), site.api.transcript() + site.logs()
    assert site.pictures_stored() == pictures


async def test_a_killed_child_of_a_worker(start_site: StartSite) -> None:
    site = start_site()
    site.start("bot"), site.start("worker")
    await drawing_is_held(site)
    os.kill(int(site.drawing.read_text()), signal.SIGKILL)
    site.hold.unlink()
    await all_is_well(site)


async def test_a_killed_worker(start_site: StartSite) -> None:
    site = start_site()
    site.start("bot")
    worker = site.start("worker")
    await drawing_is_held(site)
    site.kill(worker)
    site.hold.unlink()
    site.start("worker")
    await all_is_well(site)


async def test_two_workers_that_are_given_the_same_job(start_site: StartSite) -> None:
    site = start_site(children=1)
    site.start("bot"), site.start("worker"), site.start("worker")
    await drawing_is_held(site)
    [job] = site.jobs()
    for _ in range(6):
        site.queue.put(job)
    await asyncio.sleep(1.0)
    site.hold.unlink()
    await all_is_well(site)
    assert len(site.drawn()) == 1


async def test_children_are_recycled_and_load_their_models_once(start_site: StartSite) -> None:
    site = start_site(tasks_per_child=3, children=1)
    site.start("bot"), site.start("worker")
    for number in range(1, 5):
        await site.sends_parents(site.person(number))
    await all_is_well(site, 4)
    pipelines: dict[int, set[int]] = {}
    for pid, pipeline, _ in site.drawn():
        pipelines.setdefault(pid, set()).add(pipeline)
    assert len(pipelines) > 1, "four drawings, three jobs at most for each child"
    assert all(len(loaded) == 1 for loaded in pipelines.values())


@pytest.mark.parametrize("keeps", [True, False], ids=["with its data", "without its data"])
async def test_redis_restarts(start_site: StartSite, keeps: bool) -> None:
    site = start_site(children=1)
    site.start("bot"), site.start("worker")
    await drawing_is_held(site)
    await site.sends_parents(site.person(2))  # these wait in Redis
    await site.until(lambda: len(site.jobs("encode")) == 4, "the others' photos are queued")
    site.redis.stop(signal.SIGKILL)
    if not keeps:
        site.redis.forget_data()
    ben = site.person(3, language="de")
    await site.sends_parents(ben)
    await ben.sees("Mein Zeichentisch antwortet gerade nicht")
    site.redis.start()
    site.hold.unlink()
    await all_is_well(site, 3)


async def test_redis_is_away_when_a_drawing_ends(start_site: StartSite) -> None:
    """Then the worker cannot acknowledge, and must not wait for that for ever."""
    site = start_site(children=1)
    site.start("bot"), site.start("worker")
    await drawing_is_held(site)
    site.redis.stop(signal.SIGKILL)
    site.hold.unlink()
    await site.until(lambda: site.pictures_stored() == 1, "the drawing is done")
    await asyncio.sleep(1.0)
    site.redis.start()
    await site.sends_parents(site.person(2))
    await all_is_well(site, 2)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["in order", "crashed"])
async def test_postgresql_restarts(start_site: StartSite, how: signal.Signals) -> None:
    site = start_site()
    site.start("bot"), site.start("worker")
    await drawing_is_held(site)
    ben = site.person(2)
    site.postgres.stop(how)
    try:
        await site.sends_parents(ben)
        await ben.sees("What you sent is kept")
        site.hold.unlink()
        await asyncio.sleep(1.0)
    finally:
        site.postgres.start()
    await all_is_well(site, 2)


@pytest.mark.parametrize("after", [0.0, 0.4, 0.8, 1.5])
async def test_a_killed_bot(start_site: StartSite, after: float) -> None:
    """At moments between two photos that came and a picture that was shown."""
    site = start_site()
    bot = site.start("bot")
    site.start("worker")
    await site.until(lambda: site.api.count("getUpdates"), "the bot listens")
    for number in (1, 2, 3):
        await site.sends_parents(site.person(number))
    await asyncio.sleep(after)
    site.kill(bot)
    site.start("bot")
    await all_is_well(site, 3)


async def test_a_full_disk(start_site: StartSite, tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk")
    site = start_site(blobs=str(tmp_path / "disk" / "blobs"), max_attempts=50)
    try:
        bot, worker = site.start("bot"), site.start("worker")
        await drawing_is_held(site)
        pids = (bot, worker, *site.children(worker))
        disk.fill(*pids)
        site.hold.unlink()
        ben = site.person(2)
        await site.sends_parents(ben)
        await ben.sees("What you sent is kept")
        await asyncio.sleep(1.0)
        assert site.found().pictures == 0
        disk.free(*pids)
        await all_is_well(site, 2)
    finally:
        site.close()
        disk.remove()


async def test_a_disk_that_stays_full_ends_in_a_sentence(start_site: StartSite, tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "disk")
    site = start_site(blobs=str(tmp_path / "disk" / "blobs"), max_attempts=2)
    try:
        bot, worker = site.start("bot"), site.start("worker")
        await drawing_is_held(site)
        disk.fill(bot, worker, *site.children(worker))
        site.hold.unlink()
        await site.until_all_is_told(1)
        assert site.found() == Found(1, 0, 0, 0, 0, {"service_down": 1})
        assert "/child" in site.api.person(1).texts[-1]
    finally:
        site.close()
        disk.remove()


@pytest.mark.parametrize("jump", [6 * 3600.0, -6 * 3600.0], ids=["forward", "back"])
async def test_a_clock_that_jumps(start_site: StartSite, jump: float) -> None:
    """While something is drawn, and right again while something else is; in between a worker is killed."""
    site = start_site(children=1)
    site.start("bot")
    worker = site.start("worker")
    await drawing_is_held(site)
    site.set_clock(jump)
    await asyncio.sleep(1.5)
    site.hold.unlink()
    await all_is_well(site)

    site.drawing.unlink()
    await drawing_is_held(site, 2)
    site.set_clock(None)
    site.kill(worker)
    site.hold.unlink()
    site.start("worker")
    await all_is_well(site, 2)


async def test_a_migration_while_the_old_version_runs(start_site: StartSite, tmp_path: Path) -> None:
    site = start_site()
    site.start("bot"), site.start("worker")
    await drawing_is_held(site)
    await site.sends_parents(site.person(2))
    steps = tmp_path / "steps"
    steps.mkdir()
    (steps / "next.py").write_text(NEXT_REVISION.format(now=migrate.newest()))
    with migrate.migrating(site.facts["database"]) as config:
        config.set_main_option("path_separator", "newline")
        config.set_main_option(
            "version_locations", f"{Path(migrate.__file__).parents[1] / 'migrations/versions'}\n{steps}"
        )
        command.upgrade(config, "next")
    assert migrate.current(site.facts["database"]) == "next"
    site.hold.unlink()
    await site.sends_parents(site.person(3))
    await all_is_well(site, 3)
    person = site.api.person(3)
    await person.presses("Sibling")
    await all_is_well(site, 4)
