"""Two people share a round in a group; one of them leaves. Every file is read for what could tell of that one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.conversation.events import CommandGiven, CoupleProposed, Named, OfferedPhoto, PendingPhotos, TextSaid
from bots.service.conversation_service import ConversationService, SentPhoto
from bots.service.effect_executor import Actor
from storage.unit_of_work import Store
from tests.bots.service.test_conversation_service import Desk, keys
from tests.support.chats.agreement import agreed

ANNA, BEN, CARL = "770077007700", "880088008800", "990099009900"
GROUP = "-100500500500"


def member(number: str) -> Actor:
    return Actor("telegram", GROUP, number, "en", group=True, username=f"name-of-{number}")


def at_home(number: str) -> Actor:
    return Actor("telegram", number, number, "en")


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    rounds = Desk(store)
    agreed(store, "telegram", ANNA, BEN)
    yield rounds


def traces(home: Path, words: list[str]) -> set[str]:
    """Those of the words that stand in any file: database, its side files, blobs and their names."""
    paths = [path for path in home.rglob("*") if path.is_file()]
    contents = [path.read_bytes() + path.name.encode() for path in paths]
    return {word for word in words if any(word.encode() in content for content in contents)}


def shared_round(rounds: Desk) -> None:
    """Anna begins, Ben joins with his photo, a child is drawn, and somebody proposes the two as a couple as well."""
    hers = rounds.photo(b"a secret photo of her", member(ANNA), role="mom")
    his = rounds.photo(b"a secret photo of him", member(BEN), role="dad")
    rounds.encoded(hers, "female")
    [drawing] = rounds.encoded(his, "male")
    rounds.drawn(drawing)
    rounds.dialogue.hear(member(ANNA), CommandGiven("age", "12"))
    rounds.photo(b"another photo of him", member(BEN), role="dad")  # his own round waits in the group's list
    couple = CoupleProposed((Named("@ben", number=BEN), Named("Anna", number=ANNA)))
    rounds.dialogue.hear(member(ANNA), couple)
    stranger = PendingPhotos((OfferedPhoto("file-1", "7", "dad", BEN),), replied_user=BEN)
    rounds.dialogue.ask_first(member(CARL), stranger)


def words_about(rounds: Desk, number: str) -> list[str]:
    """Number, ids, hashes and blobs of a person."""
    with rounds.store.read_only() as unit:
        user = unit.users.find("telegram", number)
        assert user is not None
        jobs = [unit.jobs.get(job.id) for job in rounds.queue.jobs]
        ids = {photo_id for job in jobs for photo_id in (job.photo_id, job.mom_photo_id, job.dad_photo_id) if photo_id}
        photos = [photo for photo in map(unit.photos.get, ids) if photo.owner_id == user.id]
        own = [job.id for job in jobs if job.user_id == user.id]
    facts = [fact for photo in photos for fact in (photo.id, photo.sha256, photo.blob_key)]
    return [number, user.id, *own, *(fact for fact in facts if fact)]


@pytest.mark.parametrize("number", [BEN, ANNA])
def test_who_leaves_a_shared_round_leaves_no_trace_in_any_file(desk: Desk, tmp_path: Path, number: str) -> None:
    shared_round(desk)
    words = words_about(desk, number)
    assert traces(tmp_path, words) == set(words), "the search must be able to find what is there"

    desk.dialogue.hear(at_home(number), CommandGiven("delete_my_data"))
    answer = desk.dialogue.hear(at_home(number), TextSaid("yes"))

    assert keys(answer.lines) == ["deleted"]
    assert traces(tmp_path, words) == set()


def test_the_one_who_stays_goes_on_with_what_is_left(desk: Desk) -> None:
    shared_round(desk)
    desk.dialogue.hear(at_home(BEN), CommandGiven("delete_my_data"))
    desk.dialogue.hear(at_home(BEN), TextSaid("yes"))
    answer = desk.dialogue.take_photos(member(ANNA), [SentPhoto(b"a photo of somebody else", role="dad")])
    assert [job.kind for job in answer.jobs] == ["encode"]
    answer = desk.dialogue.hear(member(ANNA), CommandGiven("child"))
    assert answer.lines


def test_nothing_of_a_photo_that_was_never_agreed_to_is_in_any_file(
    strict_dialogue: ConversationService, tmp_path: Path
) -> None:
    strict_dialogue.take_photos(at_home(CARL), [SentPhoto(b"a very secret photo")])
    strict_dialogue.ask_first(at_home(CARL), PendingPhotos((OfferedPhoto("where-it-is", "1"),)))
    assert traces(tmp_path, ["a very secret photo", "where-it-is"]) == {"where-it-is"}
    strict_dialogue.hear(at_home(CARL), TextSaid("no"))
    strict_dialogue.store.database.scrub()
    assert traces(tmp_path, ["a very secret photo", "where-it-is"]) == set()
