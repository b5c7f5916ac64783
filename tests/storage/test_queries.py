"""The questions that are asked again and again find their rows by an index, never by walking the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text

from storage.repositories.quota_uses import person
from storage.unit_of_work import UnitOfWork
from tests.storage.conftest import HOUR, Furnished

SHA, NOBODY = "0" * 64, "0" * 32

QUESTIONS: dict[str, Callable[[UnitOfWork, Any], object]] = {
    "undelivered": lambda unit, now: unit.jobs.undelivered("telegram"),
    "active": lambda unit, now: unit.jobs.active_for(NOBODY),
    "stale": lambda unit, now: unit.jobs.stale(HOUR),
    "photos due": lambda unit, now: unit.photos.due_for_deletion(now),
    "latents due": lambda unit, now: unit.latents.due_for_deletion(now),
    "results due": lambda unit, now: unit.results.due_for_deletion(now),
    "a latent": lambda unit, now: unit.latents.find(NOBODY, SHA, None, "encoder-1", "fast"),
    "a user": lambda unit, now: unit.users.find("telegram", "1"),
    "a conversation": lambda unit, now: unit.conversations.get("telegram", "1", NOBODY),
    "a result": lambda unit, now: unit.results.for_job(NOBODY),
    "a job to start": lambda unit, now: unit.jobs.start(NOBODY, HOUR),
    "whether to wait": lambda unit, now: unit.jobs.must_wait(
        unit.jobs.add("child", unit.users.get_or_add("telegram", "7").id, "telegram", "1").id
    ),
    "a quota": lambda unit, now: (
        unit.uses.add("drawing", person("telegram", "1")),
        unit.uses.used_at(3, "drawing", person("telegram", "1")),
    ),
    "uses to purge": lambda unit, now: unit.uses.remove(now),
    "a place in the queue": lambda unit, now: unit.jobs.place(
        unit.jobs.add("child", unit.users.get_or_add("telegram", "7").id, "telegram", "1")
    ),
    "all places": lambda unit, now: unit.jobs.places(),
    "some jobs": lambda unit, now: unit.jobs.some([NOBODY]),
    "how many wait": lambda unit, now: unit.jobs.count_queued(),
    "stale by any clock": lambda unit, now: unit.jobs.stale(None, HOUR),
    "jobs with messages": lambda unit, now: unit.jobs.with_messages(NOBODY),
    "a chat with another number": lambda unit, now: (
        unit.chats.renumber("telegram", "-1", "-2"),
        unit.chats.rename("telegram", "group:-1", "group:-2"),
    ),
    "a person to delete": lambda unit, now: unit.removal.remove_user(NOBODY),
    "photos to purge": lambda unit, now: unit.removal.remove_photo_data(now, 100),
    "handles to purge": lambda unit, now: unit.removal.remove_photo_handles(now, 100),
    "jobs to purge": lambda unit, now: unit.removal.remove_jobs(now, 100),
    "conversations to purge": lambda unit, now: unit.removal.remove_conversations(now, 100),
    "an update": lambda unit, now: unit.inbox.take("telegram:1", 1, 0, b"words"),
    "updates to answer": lambda unit, now: unit.inbox.waiting("telegram:1"),
    "an answer": lambda unit, now: unit.inbox.answer("telegram:1", 1, 0),
    "an update to settle": lambda unit, now: unit.inbox.complete("telegram:1", [1, 2]),
    "updates to purge": lambda unit, now: unit.inbox.remove(now),
    "names of blobs": lambda unit, now: unit.removal.unnamed([NOBODY]),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_walks_a_whole_table(house: Furnished, question: str) -> None:
    house.done_job(house.user(), mom_photo_id=house.photo(house.user()).id)
    asked: list[tuple[str, Any]] = []
    engine = house.store.database.engine

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((statement, parameters))

    with house.store.unit() as unit:
        event.listen(engine, "before_cursor_execute", note)
        QUESTIONS[question](unit, house.clock.time)
        event.remove(engine, "before_cursor_execute", note)
    assert asked

    with engine.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [row[3] for row in plan]
            # What a subquery has found is no table: `anon_1`.
            assert not [step for step in steps if step.startswith("SCAN") and "anon_" not in step], (statement, steps)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.servers
def test_postgresql_has_the_index_for_couriers_without_delivered_jobs(house: Furnished) -> None:
    with house.store.database.engine.connect() as connection:
        question = text("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_jobs_undelivered'")
        definition = connection.execute(question).scalar_one()
    assert "(platform, finished_at) WHERE (delivered_at IS NULL)" in definition
