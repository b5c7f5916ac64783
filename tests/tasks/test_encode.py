from __future__ import annotations

from core.errors import SeveralFaces
from tasks.encode import encode_photo
from tests.fakes import NOT_A_FACE, photo_of
from tests.tasks.conftest import Bench


def test_the_photo_is_gone_as_soon_as_its_latent_exists(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom"))
    job = bench.add_job("encode", user, photo_id=photo.id)

    assert encode_photo(bench.workshop, job.id) is None

    assert bench.photo(photo.id).kind == "gone"
    assert bench.blobs() == 1  # the latent's
    assert bench.job(job).state == "done"


def test_the_facts_of_a_parent_are_in_the_photos_row_and_in_the_result(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom, dark"))
    job = bench.add_job("encode", user, photo_id=photo.id)

    encode_photo(bench.workshop, job.id)

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

    encode_photo(bench.workshop, bench.add_job("encode", user, photo_id=photo.id).id)

    assert bench.photo(photo.id).kind == "crop"
    with bench.store.view() as unit:
        assert unit.photos.data(photo.id).startswith(b"\x89PNG")


def test_a_photo_without_a_face_is_an_answer_and_is_deleted(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, NOT_A_FACE)
    job = bench.add_job("encode", user, photo_id=photo.id)

    assert encode_photo(bench.workshop, job.id) is None

    assert (bench.job(job).state, bench.job(job).error_code) == ("failed", "no_face")
    assert bench.blobs() == 0


def test_a_photo_with_several_faces_waits_for_a_choice(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom"))
    bench.pipeline.raises["encode"] = [SeveralFaces(boxes=[(0, 0, 9, 9), (20, 0, 29, 9)])]
    job = bench.add_job("encode", user, photo_id=photo.id)

    encode_photo(bench.workshop, job.id)

    assert bench.job(job).error_code == "several_faces"
    assert bench.job(job).error_facts == {"boxes": [[0, 0, 9, 9], [20, 0, 29, 9]]}
    assert bench.photo(photo.id).kind == "original"


def test_a_chosen_face_is_encoded_and_a_second_look_does_nothing(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom"))
    with bench.store.unit() as unit:
        unit.photos.choose_face(photo.id, 1)
        unit.commit()
    encode_photo(bench.workshop, bench.add_job("encode", user, photo_id=photo.id).id)

    again = bench.add_job("encode", user, photo_id=photo.id)
    encode_photo(bench.workshop, again.id)

    assert bench.job(again).state == "done"
    assert bench.pipeline.calls["encode"] == 1


def test_a_deleted_photo_cancels_its_job(bench: Bench) -> None:
    user = bench.user()
    photo = bench.add_photo(user, photo_of("mom"))
    job = bench.add_job("encode", user, photo_id=photo.id)
    with bench.store.unit() as unit:
        unit.photos.forget_data(photo.id)
        unit.commit()

    encode_photo(bench.workshop, job.id)

    assert bench.job(job).error_code == "photo_gone"
