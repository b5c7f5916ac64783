from __future__ import annotations

from dataclasses import replace

import pytest

from bots.conversation.events import PhotoRefused
from bots.service.job_events import GONE, outcome
from core.domain.errors import NotAPhoto, SeveralFaces, UnsafePhoto
from storage.deletion import delete_user
from storage.records import User
from tasks.jobs.child import make_child
from tasks.jobs.encode import encode_photo
from tests.support.fake_pipeline import NOT_A_FACE, photo_of
from tests.tasks.conftest import Bench


def test_the_photo_is_gone_as_soon_as_its_latent_exists(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom"))
    job = bench.add_job("encode", user, photo_id=photo.id)

    assert encode_photo(bench.context, job.id) is None

    assert bench.photo(photo.id).kind == "gone"
    assert bench.blobs() == 1  # the latent's
    assert bench.job(job).state == "done"


def test_the_facts_of_a_parent_are_in_the_photos_row_and_in_the_result(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom, dark"))
    job = bench.add_job("encode", user, photo_id=photo.id)

    encode_photo(bench.context, job.id)

    assert bench.photo(photo.id).sex == "female"
    assert bench.job(job).result == {
        "photo_id": photo.id,
        "sex": "female",
        "sex_confidence": 0.97,
        "estimated_age": 31.0,
        "warnings": ["dark"],
    }


def test_only_the_crop_stays_when_a_refinement_is_to_follow(bench: Bench) -> None:
    user = bench.user(refine=True)
    photo = bench.add_photo(user, photo_of("mom"))

    encode_photo(bench.context, bench.add_job("encode", user, photo_id=photo.id).id)

    assert bench.photo(photo.id).kind == "crop"
    with bench.store.read_only() as unit:
        assert unit.photos.data(photo.id).startswith(b"\x89PNG")


def test_a_photo_without_a_face_is_an_answer_and_is_deleted(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, NOT_A_FACE)
    job = bench.add_job("encode", user, photo_id=photo.id)

    assert encode_photo(bench.context, job.id) is None

    assert (bench.job(job).state, bench.job(job).error_code) == ("failed", "no_face")
    assert bench.blobs() == 0


def test_a_photo_with_several_faces_waits_for_a_choice(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom"))
    bench.pipeline.raises["encode"] = [SeveralFaces(boxes=[(0, 0, 9, 9), (20, 0, 29, 9)])]
    job = bench.add_job("encode", user, photo_id=photo.id)

    encode_photo(bench.context, job.id)

    assert bench.job(job).error_code == "several_faces"
    assert bench.job(job).error_facts == {"boxes": [[0, 0, 9, 9], [20, 0, 29, 9]]}
    assert bench.photo(photo.id).kind == "original"


def test_a_chosen_face_is_encoded_and_a_second_look_does_nothing(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom"))
    with bench.store.unit() as unit:
        unit.photos.choose_face(photo.id, 1)
        unit.commit()
    encode_photo(bench.context, bench.add_job("encode", user, photo_id=photo.id).id)

    again = bench.add_job("encode", user, photo_id=photo.id)
    encode_photo(bench.context, again.id)

    assert bench.job(again).state == "done"
    assert bench.pipeline.calls["encode"] == 1


def test_a_deleted_photo_cancels_its_job(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom"))
    job = bench.add_job("encode", user, photo_id=photo.id)
    with bench.store.unit() as unit:
        unit.photos.forget_data(photo.id)
        unit.commit()

    encode_photo(bench.context, job.id)

    assert bench.job(job).error_code == "photo_gone"


def test_a_job_that_outlives_its_photo_ends_and_says_that_the_photo_is_gone(bench: Bench) -> None:
    """Somebody used another person's photo, and that person deleted their data while the job was waiting."""
    asks, owns = bench.user("1"), bench.user("2")
    job = bench.add_job("encode", asks, photo_id=bench.add_photo(owns, photo_of("mom")).id)
    delete_user(bench.store, owns.id)
    assert bench.job(job).photo_id is None

    encode_photo(bench.context, job.id)

    assert (bench.job(job).state, bench.job(job).error_code) == ("failed", "photo_gone")
    assert outcome(bench.job(job)) == PhotoRefused(GONE, "photo_gone", bench.job(job).error_facts, job.id)


def test_an_indecent_photo_is_an_answer_and_nothing_of_it_is_kept(bench: Bench) -> None:
    user = bench.user(refine=True)
    photo = bench.add_photo(user, photo_of("mom"))
    bench.pipeline.raises["encode"] = [UnsafePhoto(score=0.97, limit=0.8)]
    job = bench.add_job("encode", user, photo_id=photo.id)

    assert encode_photo(bench.context, job.id) is None

    assert (bench.job(job).state, bench.job(job).error_code) == ("failed", "unsafe_photo")
    assert (bench.blobs(), bench.photo(photo.id).kind) == (0, "gone")


def test_a_drawing_waits_for_its_sender_where_it_may_be_used(bench: Bench) -> None:
    user = bench.user(refine=False)
    photo = bench.add_photo(user, photo_of("mom"))
    bench.pipeline.raises["encode"] = [NotAPhoto(score=0.9, limit=0.5)]
    job = bench.add_job("encode", user, photo_id=photo.id)
    encode_photo(bench.context, job.id)
    assert bench.job(job).error_facts == {"score": 0.9, "limit": 0.5, "anyway": True}
    assert bench.photo(photo.id).kind == "original"

    again = bench.add_job("encode", user, photo_id=photo.id, wish={"drawings": True})
    encode_photo(bench.context, again.id)
    assert bench.job(again).state == "done"
    assert bench.pipeline.drawings == [False, True]


def test_nothing_is_kept_of_a_drawing_where_it_may_not_be_used(bench: Bench) -> None:
    workshop = replace(bench.context, config=replace(bench.context.config, drawings=False))
    user = bench.user(refine=False)
    photo = bench.add_photo(user, photo_of("mom"))
    bench.pipeline.raises["encode"] = [NotAPhoto(score=0.9, limit=0.5)]
    job = bench.add_job("encode", user, photo_id=photo.id)
    encode_photo(workshop, job.id)
    assert bench.job(job).error_facts["anyway"] is False
    assert (bench.blobs(), bench.photo(photo.id).kind) == (0, "gone")


REFUSED, ASKED, TAKEN = "under_age", "age_uncertain", None


@pytest.mark.parametrize(
    ("age", "error", "first", "stated"),
    [
        (1.0, 1.0, REFUSED, REFUSED),
        (13.0, 0.1, REFUSED, REFUSED),
        (15.5, 9.0, REFUSED, REFUSED),
        (16.5, 3.0, ASKED, TAKEN),
        (24.0, 0.1, ASKED, TAKEN),
        (40.0, 30.0, ASKED, TAKEN),
        (40.0, 9.0, TAKEN, TAKEN),
    ],
)
def test_a_statement_helps_who_may_be_an_adult_and_nobody_who_is_clearly_underage(
    bench: Bench, age: float, error: float, first: str | None, stated: str | None
) -> None:
    user = bench.user(refine=False)
    bench.pipeline.parent_age = (age, error)
    for number, wish, expected in ((1, {}, first), (2, {"adult": True}, stated)):
        photo = bench.add_photo(user, photo_of(f"dad {number}"))
        before = bench.blobs()
        job = bench.add_job("encode", user, photo_id=photo.id, wish=wish)
        encode_photo(bench.context, job.id)
        assert bench.job(job).error_code == expected
        assert bench.photo(photo.id).kind == ("original" if expected == ASKED else "gone")
        # What is refused leaves nothing; a photo that was taken leaves its latent, one that is asked about itself.
        assert bench.blobs() == (before - 1 if expected == REFUSED else before)


def test_nobody_is_asked_twice_about_the_same_latent(bench: Bench) -> None:
    anna, ben = bench.user("1"), bench.user("2")
    bench.pipeline.parent_age = (20.0, 3.0)

    def answer(user: User, **wish: bool) -> str | None:
        job = bench.add_job("encode", user, photo_id=bench.add_photo(user, photo_of("dad")).id, wish=wish)
        encode_photo(bench.context, job.id)
        return bench.job(job).error_code

    assert answer(anna) == "age_uncertain"
    assert answer(anna, adult=True) is None
    assert answer(anna) is None
    assert answer(ben) == "age_uncertain"
    bench.pipeline.encoder_version = "fake-encoder@2"  # the latent counts no more, nor does what was said about it
    assert answer(anna) == "age_uncertain"


def test_the_statement_does_not_outlive_its_job(bench: Bench) -> None:
    user = bench.user()
    bench.pipeline.parent_age = (20.0, 3.0)
    job = bench.add_job("encode", user, photo_id=bench.add_photo(user, photo_of("dad")).id, wish={"adult": True})
    encode_photo(bench.context, job.id)
    assert (bench.job(job).state, bench.job(job).wish) == ("done", {})


def test_a_latent_that_was_lost_is_made_again_without_another_question(bench: Bench) -> None:
    """Only photos about which nothing is left to be asked become parents."""
    user = bench.user()
    mom, dad = (bench.add_photo(user, photo_of(who)) for who in ("mom", "dad"))
    bench.pipeline.parent_age = (20.0, 3.0)
    wish = {"age": 6.0, "mix": 50.0, "sex": "girl", "seed": 1}
    job = bench.add_job("child", user, mom_photo_id=mom.id, dad_photo_id=dad.id, wish=wish)
    make_child(bench.context, job.id)
    assert bench.job(job).state == "done"
    assert bench.job(job).wish == wish


def test_a_deployment_may_take_everybody_as_a_parent(bench: Bench) -> None:
    workshop = replace(bench.context, config=replace(bench.context.config, youngest_parent=0.0))
    user = bench.user()
    bench.pipeline.parent_age = (2.0, 1.0)
    job = bench.add_job("encode", user, photo_id=bench.add_photo(user, photo_of("dad")).id)

    encode_photo(workshop, job.id)

    assert bench.job(job).state == "done"


def test_a_photo_refused_while_the_child_is_drawn_is_deleted_too(bench: Bench) -> None:
    user = bench.user()
    mom, dad = (bench.add_photo(user, photo_of(who)) for who in ("mom", "dad"))
    bench.pipeline.raises["encode"] = [UnsafePhoto(score=0.97, limit=0.8)]
    job = bench.add_job("child", user, mom_photo_id=mom.id, dad_photo_id=dad.id, wish={"age": 6.0})

    make_child(bench.context, job.id)

    assert bench.job(job).error_code == "unsafe_photo"
    assert bench.photo(mom.id).kind == "gone"
