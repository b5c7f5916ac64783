from datetime import timedelta

import pytest

from storage.errors import NotFound
from storage.records import Job, JobKind
from storage.unit_of_work import Store
from tests.storage.conftest import HOUR, Furnished, TurnableClock

MINUTE = timedelta(minutes=1)


def now(store: Store, job: Job) -> Job:
    with store.read_only() as unit:
        return unit.jobs.get(job.id)


def test_a_new_job_is_queued_and_knows_all_it_was_told(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    mom, dad = house.photo(user, b"mom"), house.photo(user, b"dad")
    first = house.job(user, mom_photo_id=mom.id, dad_photo_id=dad.id)
    job = house.job(
        user,
        mom_photo_id=mom.id,
        dad_photo_id=dad.id,
        wish={"age": 6.0, "sex": "girl", "seed": 7},
        quality="refined",
        follows_job_id=first.id,
        reply={"message": 17},
    )
    assert (job.kind, job.user_id, job.platform, job.chat_id) == ("child", user.id, "telegram", "chat-1")
    assert (job.mom_photo_id, job.dad_photo_id, job.photo_id) == (mom.id, dad.id, None)
    assert (job.wish, job.reply) == ({"age": 6.0, "sex": "girl", "seed": 7}, {"message": 17})
    assert (job.quality, job.follows_job_id, job.state, job.attempts) == ("refined", first.id, "queued", 0)
    assert (job.created_at, job.started_at, job.finished_at) == (clock.time, None, None)
    assert not job.finished
    assert now(house.store, job) == job


def test_a_job_needs_its_user_and_photos(house: Furnished) -> None:
    user = house.user()
    with pytest.raises(NotFound), house.store.unit() as unit:
        unit.jobs.add("child", "0" * 32, "telegram", "chat-1")
    with pytest.raises(NotFound), house.store.unit() as unit:
        unit.jobs.add("encode", user.id, "telegram", "chat-1", photo_id="0" * 32)
    with pytest.raises(NotFound), house.store.read_only() as unit:
        unit.jobs.get("0" * 32)


def test_a_job_is_started_once_while_its_lease_runs(house: Furnished, clock: TurnableClock) -> None:
    job = house.job(house.user())
    with house.store.unit() as unit:
        started = unit.jobs.start(job.id, MINUTE)
        assert unit.jobs.start(job.id, MINUTE) is None
        unit.commit()
    assert started is not None
    assert (started.state, started.attempts, started.started_at) == ("running", 1, clock.time)
    assert started.claimed_until == clock.time + MINUTE


def test_a_job_whose_worker_died_starts_again_when_the_lease_is_over(house: Furnished, clock: TurnableClock) -> None:
    job = house.running_job(house.user())
    clock.turn(HOUR)
    with house.store.unit() as unit:
        assert unit.jobs.start(job.id, HOUR) is None
        clock.turn(timedelta(microseconds=1))
        again = unit.jobs.start(job.id, HOUR)
    assert again is not None
    assert (again.attempts, again.started_at) == (2, job.started_at)


def test_a_report_shows_progress_and_can_prolong_the_lease(house: Furnished, clock: TurnableClock) -> None:
    job = house.running_job(house.user())
    clock.turn(timedelta(minutes=59))
    with house.store.unit() as unit:
        unit.jobs.report(job.id, "encode mom", 0.25)
        assert unit.jobs.get(job.id).claimed_until == job.claimed_until
        unit.jobs.report(job.id, "refine", 1.7, lease=HOUR)
        seen = unit.jobs.get(job.id)
    assert (seen.stage, seen.progress, seen.claimed_until) == ("refine", 1.0, clock.time + HOUR)


def test_a_report_after_the_end_changes_nothing(house: Furnished) -> None:
    job = house.done_job(house.user())
    with house.store.unit() as unit:
        unit.jobs.report(job.id, "draw", 0.5, lease=HOUR)
        assert unit.jobs.get(job.id) == job


def test_a_job_ends_once_and_the_first_end_counts(house: Furnished, clock: TurnableClock) -> None:
    job = house.running_job(house.user())
    with house.store.unit() as unit:
        assert unit.jobs.finish(job.id, {"likeness": {"mom": 0.7, "dad": 0.4}})
        assert not unit.jobs.finish(job.id, {"late": True})
        assert not unit.jobs.fail(job.id, "no_face", {})
        assert not unit.jobs.cancel(job.id)
        assert not unit.jobs.retry_later(job.id)
        assert not unit.jobs.request_cancel(job.id)
        assert unit.jobs.start(job.id, MINUTE) is None
        done = unit.jobs.get(job.id)
    assert (done.state, done.finished, done.progress) == ("done", True, 1.0)
    assert (done.result, done.finished_at) == ({"likeness": {"mom": 0.7, "dad": 0.4}}, clock.time)
    assert done.claimed_until is None


def test_a_queued_job_cannot_finish_without_having_run(house: Furnished) -> None:
    job = house.job(house.user())
    with house.store.unit() as unit:
        assert not unit.jobs.finish(job.id, {})


@pytest.mark.parametrize("running", [False, True])
def test_a_failure_keeps_code_and_facts(house: Furnished, running: bool) -> None:
    job = house.running_job(house.user()) if running else house.job(house.user())
    facts = {"boxes": [[1, 2, 3, 4], [5, 6, 7, 8]]}
    with house.store.unit() as unit:
        assert unit.jobs.fail(job.id, "several_faces", facts)
        failed = unit.jobs.get(job.id)
    assert (failed.state, failed.error_code, failed.error_facts) == ("failed", "several_faces", facts)


def test_a_job_handed_back_can_be_taken_again(house: Furnished, clock: TurnableClock) -> None:
    job = house.running_job(house.user())
    clock.turn(MINUTE)
    with house.store.unit() as unit:
        assert unit.jobs.retry_later(job.id)
        waiting = unit.jobs.get(job.id)
        again = unit.jobs.start(job.id, MINUTE)
    assert (waiting.state, waiting.claimed_until, waiting.queued_at) == ("queued", None, clock.time)
    assert again is not None
    assert again.attempts == 2


def test_a_queued_job_is_cancelled_at_once_a_running_one_by_its_worker(house: Furnished) -> None:
    user = house.user()
    queued, running = house.job(user), house.running_job(user)
    with house.store.unit() as unit:
        assert not unit.jobs.is_cancel_requested(running.id)
        assert unit.jobs.request_cancel(queued.id)
        assert unit.jobs.request_cancel(running.id)
        unit.commit()
    assert now(house.store, queued).state == "cancelled"
    assert now(house.store, running).state == "running"
    with house.store.unit() as unit:
        assert unit.jobs.is_cancel_requested(running.id)
        assert unit.jobs.cancel(running.id)
        assert unit.jobs.get(running.id).state == "cancelled"


def test_the_worker_of_a_deleted_job_is_asked_to_stop(store: Store) -> None:
    with store.read_only() as unit:
        assert unit.jobs.is_cancel_requested("0" * 32)


def test_reply_facts_add_up(house: Furnished) -> None:
    job = house.job(house.user(), reply={"message": 1})
    with house.store.unit() as unit:
        unit.jobs.set_reply(job.id, progress_message=2)
        unit.jobs.set_reply(job.id, message=3)
        unit.commit()
    assert now(house.store, job).reply == {"message": 3, "progress_message": 2}


def test_active_jobs_are_those_of_one_person_that_have_not_ended(house: Furnished, clock: TurnableClock) -> None:
    anna, ben = house.user("1"), house.user("2")
    house.done_job(anna)
    house.job(ben)
    first = house.job(anna)
    clock.turn(MINUTE)
    second = house.running_job(anna)
    with house.store.read_only() as unit:
        assert [job.id for job in unit.jobs.active_for(anna.id)] == [first.id, second.id]


def test_undelivered_are_ended_jobs_of_a_platform_the_oldest_first(house: Furnished, clock: TurnableClock) -> None:
    user, elsewhere = house.user(), house.user("1", "discord")
    done = house.done_job(user)
    clock.turn(MINUTE)
    failed, cancelled = house.job(user), house.job(user)
    house.job(user), house.running_job(user), house.done_job(elsewhere)
    with house.store.unit() as unit:
        unit.jobs.fail(failed.id, "no_face")
        clock.turn(MINUTE)
        unit.jobs.cancel(cancelled.id)
        unit.commit()
    with house.store.read_only() as unit:
        found = [job.id for job in unit.jobs.undelivered("telegram", 10)]
        assert found == [done.id, failed.id, cancelled.id]
        assert [job.id for job in unit.jobs.undelivered("telegram", 1)] == [done.id]


def test_a_claimed_delivery_is_nobody_elses_until_the_claim_is_over(house: Furnished, clock: TurnableClock) -> None:
    job = house.done_job(house.user())
    with house.store.unit() as unit:
        assert unit.jobs.claim_delivery(job.id, MINUTE)
        assert not unit.jobs.claim_delivery(job.id, MINUTE)
        assert unit.jobs.undelivered("telegram") == []
        clock.turn(MINUTE)
        assert [found.id for found in unit.jobs.undelivered("telegram")] == [job.id]
        assert unit.jobs.claim_delivery(job.id, MINUTE)
        assert unit.jobs.get(job.id).delivery_attempts == 2


def test_a_delivered_job_is_never_delivered_again(house: Furnished, clock: TurnableClock) -> None:
    job = house.done_job(house.user())
    with house.store.unit() as unit:
        assert unit.jobs.claim_delivery(job.id, MINUTE)
        assert unit.jobs.mark_delivered(job.id)
        assert not unit.jobs.mark_delivered(job.id)
        clock.turn(HOUR)
        assert not unit.jobs.claim_delivery(job.id, MINUTE)
        assert not unit.jobs.release_delivery(job.id)
        assert unit.jobs.undelivered("telegram") == []


def test_a_delivery_that_failed_is_tried_again_after_a_wait(house: Furnished, clock: TurnableClock) -> None:
    job = house.done_job(house.user())
    with house.store.unit() as unit:
        assert unit.jobs.claim_delivery(job.id, HOUR)
        assert unit.jobs.release_delivery(job.id, wait=MINUTE)
        assert unit.jobs.undelivered("telegram") == []
        clock.turn(MINUTE)
        assert [found.id for found in unit.jobs.undelivered("telegram")] == [job.id]


def test_a_job_that_has_not_ended_cannot_be_delivered(house: Furnished) -> None:
    job = house.running_job(house.user())
    with house.store.unit() as unit:
        assert not unit.jobs.claim_delivery(job.id, MINUTE)
        assert not unit.jobs.mark_delivered(job.id)


def test_the_watchdog_finds_lost_and_dropped_jobs_and_no_others(house: Furnished, clock: TurnableClock) -> None:
    user = house.user()
    lost, dropped = house.job(user), house.running_job(user)
    house.done_job(user)
    clock.turn(2 * HOUR)
    waiting, busy = house.job(user), house.running_job(user)
    with house.store.unit() as unit:
        assert {job.id for job in unit.jobs.stale(HOUR)} == {lost.id, dropped.id}
        assert unit.jobs.requeued(lost.id)
        assert unit.jobs.requeued(dropped.id)
        assert not unit.jobs.requeued(busy.id)
        assert unit.jobs.stale(HOUR) == []
        assert unit.jobs.get(dropped.id).state == "queued"
        assert unit.jobs.get(waiting.id).queued_at == clock.time


def test_a_lease_of_a_clock_that_was_set_back_holds_nobody_up(house: Furnished, clock: TurnableClock) -> None:
    """A worker took it, its clock was a day ahead and is right again; the worker was killed."""
    job = house.job(house.user())
    clock.turn(24 * HOUR)
    with house.store.unit() as unit:
        assert unit.jobs.start(job.id, HOUR)
        unit.commit()
    clock.turn(-24 * HOUR)
    with house.store.unit() as unit:
        assert [found.id for found in unit.jobs.stale(HOUR, HOUR)] == [job.id]
        assert unit.jobs.start(job.id, HOUR)
        assert unit.jobs.finish(job.id, {})
        unit.commit()


def test_what_was_queued_in_the_future_is_found_as_well(house: Furnished, clock: TurnableClock) -> None:
    clock.turn(24 * HOUR)
    job = house.job(house.user())
    clock.turn(-24 * HOUR)
    with house.store.unit() as unit:
        assert [found.id for found in unit.jobs.stale(HOUR)] == [job.id]
        assert unit.jobs.stale(None) == []


def test_a_telling_that_was_claimed_in_the_future_is_told_all_the_same(house: Furnished, clock: TurnableClock) -> None:
    job = house.done_job(house.user())
    clock.turn(24 * HOUR)
    with house.store.unit() as unit:
        assert unit.jobs.claim_delivery(job.id, HOUR)
        unit.commit()
    clock.turn(-24 * HOUR)
    with house.store.unit() as unit:
        assert [found.id for found in unit.jobs.undelivered(job.platform)] == [job.id]
        assert unit.jobs.claim_delivery(job.id, HOUR)


def test_nobody_has_two_drawings_made_at_once(house: Furnished) -> None:
    anna, ben = house.user("1"), house.user("2")
    first, second = house.running_job(anna), house.job(anna)
    refined, bens = house.job(anna, quality="refined"), house.job(ben)
    with house.store.unit() as unit:
        assert unit.jobs.must_wait(second.id)
        assert not unit.jobs.must_wait(refined.id) and not unit.jobs.must_wait(bens.id)
        assert unit.jobs.finish(first.id, {})
        assert not unit.jobs.must_wait(second.id)


def test_a_drawing_whose_worker_died_holds_nobody_up(house: Furnished) -> None:
    anna = house.user()
    house.running_job(anna)
    second = house.job(anna)
    house.clock.turn(2 * HOUR)
    with house.store.unit() as unit:
        assert not unit.jobs.must_wait(second.id)


def test_the_place_in_the_queue_counts_those_that_are_served_before(house: Furnished) -> None:
    jobs = []
    for number in range(3):
        jobs.append(house.job(house.user(str(number))))
        house.job(house.user(str(number)), quality="refined")
        house.clock.turn(HOUR / 60)
    with house.store.unit() as unit:
        assert [unit.jobs.place(job) for job in jobs] == [1, 2, 3]
        places = unit.jobs.places()
        assert [places[job.id] for job in jobs] == [1, 2, 3]
        unit.jobs.start(jobs[0].id, HOUR)
        assert unit.jobs.place(jobs[2]) == 2
        unit.commit()


def test_children_of_a_chat_are_those_that_were_shown_and_still_have_a_picture(
    house: Furnished, clock: TurnableClock
) -> None:
    user = house.user()
    parents = {"mom_photo_id": house.photo(user, b"mom").id, "dad_photo_id": house.photo(user, b"dad").id}

    def shown(kind: JobKind = "child", *, deliver: bool = True, ttl: timedelta = HOUR) -> Job:
        clock.turn(MINUTE)
        with house.store.unit() as unit:
            job = unit.jobs.add(kind, user.id, "telegram", "chat-1", **parents)
            unit.jobs.start(job.id, HOUR)
            unit.jobs.finish(job.id, {})
            unit.results.add(job.id, b"picture", "image/jpeg", 4, 4, ttl)
            if deliver:
                unit.jobs.mark_delivered(job.id)
            unit.commit()
        return job

    older, _untold, _strip = shown(), shown(deliver=False), shown("grow")
    newer, _gone = shown(), shown(ttl=MINUTE)
    clock.turn(2 * MINUTE)

    with house.store.read_only() as unit:
        assert [job.id for job in unit.jobs.drawn_in("telegram", "chat-1", 10)] == [newer.id, older.id]
        assert unit.jobs.drawn_in("telegram", "another chat", 10) == []
        assert unit.jobs.drawn_in("discord", "chat-1", 10) == []
        assert len(unit.jobs.drawn_in("telegram", "chat-1", 1)) == 1
