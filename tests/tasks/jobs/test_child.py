from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.domain.child_code import wish_of_code
from core.output.images import MADE_BY_A_MODEL, SAID_IN_WORDS
from storage.deletion import delete_user
from tasks.jobs.child import ON_CARD, make_child
from tasks.jobs.encode import encode_photo
from tasks.jobs.job_runner import ONE_AT_A_TIME, RetryAfter
from tests.support.fake_pipeline import NOT_A_FACE, photo_of
from tests.tasks.conftest import Bench


def test_two_photos_become_a_child_and_are_deleted(bench: Bench) -> None:
    job = bench.child_job(bench.user(), age=9.0, sex="boy", mix=30.0, seed=7)

    assert make_child(bench.context, job.id) is None

    done = bench.job(job)
    assert (done.state, done.progress) == ("done", 1.0)
    facts = {name: done.result[name] for name in ("age", "sex", "mix", "seed", "quality")}
    assert facts == {"age": 9.0, "sex": "boy", "mix": 30.0, "seed": 7, "quality": "fast"}
    assert bench.photo(job.mom_photo_id).kind == bench.photo(job.dad_photo_id).kind == "gone"
    assert Image.open(io.BytesIO(bench.picture(job))).size == (256, 256)


def test_the_second_child_of_the_same_parents_does_no_encoding(bench: Bench) -> None:
    first = bench.child_job(bench.user())
    make_child(bench.context, first.id)
    assert bench.pipeline.calls["encode"] == 2

    second = bench.sibling_job(first, seed=99)
    make_child(bench.context, second.id)

    assert bench.pipeline.calls == {"encode": 2, "make": 2}
    assert bench.job(second).result["seed"] == 99


def test_parents_looked_at_before_are_not_encoded_again(bench: Bench) -> None:
    user = bench.user()
    job = bench.child_job(user)
    for photo_id in (job.mom_photo_id, job.dad_photo_id):
        encode_photo(bench.context, bench.add_job("encode", user, photo_id=photo_id).id)

    make_child(bench.context, job.id)

    assert bench.pipeline.calls["encode"] == 2


def test_another_encoder_needs_new_latents(bench: Bench) -> None:
    first = bench.child_job(bench.user())
    make_child(bench.context, first.id)
    bench.pipeline.encoder_version = "fake-encoder@2"
    second = bench.sibling_job(first)

    make_child(bench.context, second.id)

    # The photos are gone as promised, so only the sender can help.
    assert bench.job(second).error_code == "photo_gone"


def test_a_finished_job_is_not_drawn_again(bench: Bench) -> None:
    job = bench.child_job(bench.user())
    make_child(bench.context, job.id)
    picture = bench.picture(job)

    assert make_child(bench.context, job.id) is None

    assert bench.pipeline.calls["make"] == 1
    assert bench.picture(job) == picture


def test_a_parent_without_a_face_ends_the_job_with_that_answer(bench: Bench) -> None:
    job = bench.child_job(bench.user(), dad=NOT_A_FACE)

    make_child(bench.context, job.id)

    assert (bench.job(job).state, bench.job(job).error_code) == ("failed", "no_face")
    assert bench.result(job) is None


def test_a_wish_out_of_range_is_an_answer(bench: Bench) -> None:
    job = bench.child_job(bench.user(), age=500)

    make_child(bench.context, job.id)

    assert bench.job(job).error_code == "setting_error"
    assert bench.job(job).error_facts["name"] == "age"


def test_a_growth_strip_shows_every_age_side_by_side(bench: Bench) -> None:
    user = bench.user(refine=True)
    child = bench.child_job(user)
    job = bench.add_job(
        "grow", user, mom_photo_id=child.mom_photo_id, dad_photo_id=child.dad_photo_id, wish={"ages": [1, 6, 30]}
    )

    make_child(bench.context, job.id)

    assert bench.job(job).result["ages"] == [1, 6, 30]
    width, height = Image.open(io.BytesIO(bench.picture(job))).size
    assert width > 3 * 256 and height < 2 * 256
    assert bench.queue.jobs == []  # nothing follows a strip


@pytest.mark.parametrize(("kind", "media_type"), [("mp4", "video/mp4"), ("gif", "image/gif")])
def test_a_wish_for_a_film_shows_the_child_growing_up(bench: Bench, kind: str, media_type: str) -> None:
    user = bench.user()
    child = bench.child_job(user)
    wish = {"ages": [1, 6, 30], "film": kind, "genes": {"eyes": "mom"}, "looks": {"smile": 0.5}}
    job = bench.add_job("grow", user, mom_photo_id=child.mom_photo_id, dad_photo_id=child.dad_photo_id, wish=wish)

    make_child(bench.context, job.id)

    result = bench.result(job)
    assert result is not None
    assert (result.mime, result.width, result.height) == (media_type, 256, 256)
    assert bench.job(job).result["ages"] == [1, 6, 30]
    assert bench.job(job).result["genes"]["eyes"] == "mom"
    asked = wish_of_code(bench.job(job).result["code"])  # of the child as it was asked for, not of the baby at first
    assert (asked.age, asked.genes, asked.looks) == (6.0, {"eyes": "mom"}, {"smile": 0.5})


def test_a_kind_of_film_that_nobody_knows_is_an_answer(bench: Bench) -> None:
    user = bench.user()
    child = bench.child_job(user)
    photos = {"mom_photo_id": child.mom_photo_id, "dad_photo_id": child.dad_photo_id}
    job = bench.add_job("grow", user, **photos, wish={"film": "avi"})

    make_child(bench.context, job.id)

    assert bench.job(job).error_code == "setting_error"


def test_a_better_picture_follows_as_a_job_of_its_own(bench: Bench) -> None:
    job = bench.child_job(bench.user(refine=True), seed=3)
    make_child(bench.context, job.id)
    (follower,) = bench.queue.jobs
    assert (follower.quality, follower.follows_job_id, follower.wish) == ("refined", job.id, job.wish)
    assert bench.photo(job.mom_photo_id).kind == "crop"

    make_child(bench.context, follower.id)

    assert bench.job(follower).state == "done"
    assert bench.pipeline.calls["refine"] == 2
    assert bench.picture(follower) != bench.picture(job)
    assert bench.photo(job.mom_photo_id).kind == bench.photo(job.dad_photo_id).kind == "gone"


def test_later_children_use_the_refined_latents_and_nothing_follows(bench: Bench) -> None:
    job = bench.child_job(bench.user(refine=True))
    make_child(bench.context, job.id)
    make_child(bench.context, bench.queue.jobs[0].id)

    later = bench.sibling_job(job)
    make_child(bench.context, later.id)

    assert bench.picture(later) == bench.picture(bench.queue.jobs[0])
    assert len(bench.queue.jobs) == 1
    assert bench.pipeline.calls["encode"] == 2


def test_two_children_in_a_row_share_one_refinement(bench: Bench) -> None:
    job = bench.child_job(bench.user(refine=True))
    make_child(bench.context, job.id)

    make_child(bench.context, bench.sibling_job(job, seed=5).id)

    assert len(bench.queue.jobs) == 1


def test_the_first_picture_is_safe_when_the_follower_cannot_be_queued(bench: Bench) -> None:
    bench.queue.raises = ConnectionRefusedError("broker")
    job = bench.child_job(bench.user(refine=True))

    make_child(bench.context, job.id)

    assert bench.job(job).state == "done"
    with bench.store.read_only() as unit:
        assert [other.quality for other in unit.jobs.active_for(job.user_id)] == ["refined"]


def test_a_refinement_that_is_cancelled_stops_in_the_middle(bench: Bench) -> None:
    job = bench.child_job(bench.user(refine=True))
    make_child(bench.context, job.id)
    (follower,) = bench.queue.jobs

    def cancel() -> None:
        with bench.store.unit() as unit:
            unit.jobs.request_cancel(follower.id)
            unit.commit()

    bench.pipeline.before["refine"] = cancel
    bench.pipeline.never_done = True

    make_child(bench.context, follower.id)

    assert bench.job(follower).state == "cancelled"
    assert bench.result(follower) is None


def test_a_refinement_goes_back_to_the_queue_when_the_process_ends(bench: Bench) -> None:
    job = bench.child_job(bench.user(refine=True))
    make_child(bench.context, job.id)
    (follower,) = bench.queue.jobs
    bench.pipeline.before["refine"] = bench.context.stopping.set
    bench.pipeline.never_done = True

    make_child(bench.context, follower.id)

    assert bench.job(follower).state == "queued"


def test_a_parent_refined_before_the_crash_is_not_refined_again(bench: Bench) -> None:
    job = bench.child_job(bench.user(refine=True))
    make_child(bench.context, job.id)
    (follower,) = bench.queue.jobs
    bench.pipeline.raises["make"] = [OSError("passing")]
    assert make_child(bench.context, follower.id) is not None

    make_child(bench.context, follower.id)

    assert bench.job(follower).state == "done"
    assert bench.pipeline.calls["refine"] == 2


def test_deleting_the_data_in_the_middle_leaves_nothing_behind(bench: Bench) -> None:
    user = bench.user()
    job = bench.child_job(user)
    bench.pipeline.before["make"] = lambda: delete_user(bench.store, user.id)

    make_child(bench.context, job.id)

    assert bench.blobs() == 0


def test_the_same_photo_sent_twice_keeps_no_second_crop_after_its_refinement(bench: Bench) -> None:
    user = bench.user(refine=True)
    job = bench.child_job(user)
    make_child(bench.context, job.id)
    make_child(bench.context, bench.queue.jobs[0].id)

    again = bench.add_photo(user, photo_of("mom"))
    encode_photo(bench.context, bench.add_job("encode", user, photo_id=again.id).id)

    assert bench.photo(again.id).kind == "gone"


def test_a_job_that_has_lost_a_parent_asks_for_the_photo_again(bench: Bench) -> None:
    user = bench.user()
    dad = bench.add_photo(user, photo_of("dad"))
    job = bench.add_job("child", user, mom_photo_id=None, dad_photo_id=dad.id, wish={"age": 6.0})

    make_child(bench.context, job.id)

    ended = bench.job(job)
    assert (ended.state, ended.error_code) == ("failed", "photo_gone")


def test_a_person_has_one_drawing_made_at_a_time_and_the_next_one_after_it(bench: Bench) -> None:
    first = bench.child_job(bench.user())
    second = bench.sibling_job(first, seed=2)
    met: list[object] = []
    bench.pipeline.before["make"] = lambda: met or met.append(make_child(bench.context, second.id))

    make_child(bench.context, first.id)

    assert met == [RetryAfter(ONE_AT_A_TIME)]
    assert (bench.job(second).state, bench.job(second).attempts) == ("queued", 0)
    make_child(bench.context, second.id)
    assert bench.job(second).state == "done"


def test_every_picture_says_that_a_model_made_it(bench: Bench) -> None:
    user = bench.user()
    child = bench.child_job(user)
    strip = bench.add_job(
        "grow", user, mom_photo_id=child.mom_photo_id, dad_photo_id=child.dad_photo_id, wish={"ages": [3, 30]}
    )
    for job in (child, strip):
        make_child(bench.context, job.id)
        assert MADE_BY_A_MODEL.encode() in bench.picture(job)
        assert Image.open(io.BytesIO(bench.picture(job))).getexif()[0x010E] == SAID_IN_WORDS


@pytest.mark.parametrize("wanted", [True, False])
def test_every_picture_bears_a_mark_in_the_corner_unless_the_operator_switched_it_off(
    bench: Bench, wanted: bool
) -> None:
    workshop = bench.context
    if not wanted:
        workshop = replace(workshop, config=replace(workshop.config, corner_mark=False))
    job = bench.child_job(bench.user())

    make_child(workshop, job.id)

    pixels = np.asarray(Image.open(io.BytesIO(bench.picture(job))).convert("L")).astype(int)
    assert np.ptp(pixels[:100, :100]) < 20
    assert bool(np.ptp(pixels[-20:, -20:]) > 60) is wanted


def test_a_deployment_may_sign_its_pictures(bench: Bench) -> None:
    workshop = replace(bench.context, sign=lambda data: data + b"signed")
    job = bench.child_job(bench.user())

    make_child(workshop, job.id)

    assert bench.picture(job).endswith(b"signed")


def test_a_card_is_mom_dad_and_child_side_by_side_though_the_photos_are_gone(bench: Bench) -> None:
    user = bench.user()
    first = bench.child_job(user, seed=3)
    make_child(bench.context, first.id)
    parents = {"mom_photo_id": first.mom_photo_id, "dad_photo_id": first.dad_photo_id}
    card = bench.add_job("card", user, wish=dict(first.wish), **parents)

    make_child(bench.context, card.id)

    done = bench.job(card)
    assert done.state == "done"
    assert done.result["likeness"] == {"mom": 0.7, "dad": 0.6}
    assert done.result["genes"]
    assert bench.pipeline.calls == {"encode": 2, "make": 2, "draw": 2}
    with Image.open(io.BytesIO(bench.picture(card))) as trio:
        assert trio.size == (3 * ON_CARD, ON_CARD)
        assert b"trainedAlgorithmicMedia" in trio.info["xmp"]
