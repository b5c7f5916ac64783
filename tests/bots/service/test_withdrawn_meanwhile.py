"""Somebody withdraws between a question and the photo: nothing is stored, and nobody who was deleted comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bots.conversation.effects import Say
from bots.conversation.events import CommandGiven, CoupleProposed, Named, OfferedPhoto, PendingPhotos, TextSaid
from bots.service.conversation_service import Answer, ConversationService, ReplyTo, SentPhoto
from bots.service.effect_executor import Actor
from storage.deletion import delete_user
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_worker import FakeWorker

GROUP = "-500"
ANNA, BEN, CARL = (Actor("telegram", GROUP, number, "en", group=True) for number in "123")
AVATARS = [SentPhoto(b"mom 1", sender="1"), SentPhoto(b"dad 1", sender="2")]


@pytest.fixture
def quiet(store: Store, worker: FakeWorker) -> Iterator[ConversationService]:
    """Three people who agreed, and a worker that takes no job."""
    worker.pause()
    agreed(store, "telegram", 1, 2, 3)
    yield ConversationService(store, worker)
    worker.resume()


def delete(store: Store, number: str) -> None:
    """As /delete_my_data in another chat does at this very moment."""
    user_id = user_of(store, number)
    assert user_id is not None
    delete_user(store, user_id)


def user_of(store: Store, number: str) -> str | None:
    with store.read_only() as unit:
        user = unit.users.find("telegram", number)
    return None if user is None else user.id


def keys(answer: Answer) -> list[str]:
    return [line.key for line in answer.lines]


def proposed(service: ConversationService) -> Answer:
    """Carl asks for a child of Anna and Ben; both agree. What the adapter is to fetch."""
    people = (Named("Anna", number="1"), Named("Ben", number="2"))
    asked = service.hear(CARL, CoupleProposed(people, "7"))
    [say] = [line for line in asked.lines if isinstance(line, Say)]
    yes = service.buttons.write(say.buttons[0][0], say, asked.owner, GROUP)
    service.press(ANNA, yes)
    return service.press(BEN, yes)


def test_of_a_couple_that_still_agrees_both_photos_are_stored(quiet: ConversationService, store: Store) -> None:
    answer = proposed(quiet)
    assert answer.avatars == ("1", "2")
    assert len(quiet.take_avatars(BEN, answer.owner, AVATARS).jobs) == 2


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_of_a_couple_one_of_whom_was_deleted_nothing_is_stored(
    quiet: ConversationService, store: Store, number: str
) -> None:
    """Anna, Ben, who pressed last, or Carl, whose round it is."""
    answer = proposed(quiet)
    delete(store, number)
    taken = quiet.take_avatars(BEN, answer.owner, AVATARS)
    assert keys(taken) == ["gone_meanwhile"] and taken.jobs == []
    assert list(store.blobs.keys()) == []
    assert user_of(store, number) is None


def test_somebody_who_came_back_as_a_stranger_has_not_agreed(quiet: ConversationService, store: Store) -> None:
    answer = proposed(quiet)
    delete(store, "1")
    quiet.hear(ANNA, CommandGiven("help"))
    assert keys(quiet.take_avatars(BEN, answer.owner, AVATARS)) == ["gone_meanwhile"]
    assert list(store.blobs.keys()) == []


def test_a_proposal_that_was_taken_back_meanwhile_stores_nothing(quiet: ConversationService, store: Store) -> None:
    answer = proposed(quiet)
    quiet.hear(CARL, CommandGiven("cancel"))
    assert keys(quiet.take_avatars(BEN, answer.owner, AVATARS)) == ["gone_meanwhile"]
    assert list(store.blobs.keys()) == []


class Interrupted(ConversationService):
    """Something happens after everything was looked at, right before the photos are stored."""

    before_storing: Callable[[], None] = staticmethod(lambda: None)

    def _turn(self, *args: object, **more: object) -> Answer:
        self.before_storing()
        return super()._turn(*args, **more)  # type: ignore[arg-type]


@pytest.fixture
def interrupted(quiet: ConversationService, store: Store, worker: FakeWorker) -> Interrupted:
    return Interrupted(store, worker)


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_consent_is_looked_at_in_the_transaction_that_stores_a_couple(
    interrupted: Interrupted, store: Store, number: str
) -> None:
    answer = proposed(interrupted)
    interrupted.before_storing = lambda: delete(store, number)  # type: ignore[method-assign]
    assert keys(interrupted.take_avatars(BEN, answer.owner, AVATARS)) == ["gone_meanwhile"]
    assert list(store.blobs.keys()) == []
    assert user_of(store, number) is None


@pytest.mark.parametrize("number", ["1", "2"])
def test_consent_is_looked_at_in_the_transaction_that_stores_a_photo(
    interrupted: Interrupted, store: Store, number: str
) -> None:
    """Anna used Ben's photo; she, or he, is deleted while it is fetched."""
    interrupted.before_storing = lambda: delete(store, number)  # type: ignore[method-assign]
    taken = interrupted.take_photos(ANNA, [SentPhoto(b"dad 1", "9", "dad", sender="2")])
    assert keys(taken) == ["gone_meanwhile"] and taken.jobs == []
    assert list(store.blobs.keys()) == []
    assert user_of(store, number) is None


def test_the_owner_of_the_round_is_deleted_while_somebodys_photo_joins_it(
    interrupted: Interrupted, store: Store
) -> None:
    interrupted.take_photos(ANNA, [SentPhoto(b"mom 1", "9", "mom")])
    interrupted.before_storing = lambda: delete(store, "1")  # type: ignore[method-assign]
    taken = interrupted.take_photos(BEN, [SentPhoto(b"dad 1", "10", "dad")], ReplyTo("9", "1"))
    assert keys(taken) == ["gone_meanwhile"]
    assert list(store.blobs.keys()) == [] and user_of(store, "1") is None


def test_somebody_elses_photo_whose_sender_was_deleted_is_not_asked_about_again(
    quiet: ConversationService, store: Store
) -> None:
    delete(store, "2")
    taken = quiet.take_photos(ANNA, [SentPhoto(b"dad 1", "9", "dad", sender="2")])
    assert keys(taken) == ["gone_meanwhile"] and user_of(store, "2") is None


@pytest.mark.parametrize("number", ["1", "2"])
def test_an_offer_that_comes_back_brings_back_nobody(
    strict_dialogue: ConversationService, store: Store, number: str
) -> None:
    """Ben has agreed to the use of his photo; then he, or Anna who wanted it, is deleted before it is fetched."""
    agreed(store, "telegram", 1)
    strict_dialogue.ask_first(ANNA, PendingPhotos((OfferedPhoto("file", "9", "dad", "2"),)))
    [offer] = strict_dialogue.hear(BEN, TextSaid("yes")).fetch
    delete(store, number)
    assert strict_dialogue.ask_first(ANNA, offer) == Answer()
    assert user_of(store, number) is None


def test_an_apology_brings_back_nobody(quiet: ConversationService, store: Store) -> None:
    delete(store, "1")
    assert quiet.language_for(ANNA) == "en"
    assert user_of(store, "1") is None


async def test_both_agree_and_one_deletes_everything_while_the_photos_are_fetched(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    """The whole way, over HTTP: the server hands out Anna's photo only after she has deleted her data elsewhere."""
    carl, anna, ben = (api.person(number, -500) for number in (3, 1, 2))
    at_home = api.person(1)
    for number, data in ((1, b"mom 1"), (2, b"dad 1")):
        api.set_avatar(number, data)
    async with running_bot(api, dialogue):
        await carl.says("/couple", mentions=(anna, ben))
        await carl.sees("shall I draw")
        await at_home.says("/delete_my_data")
        await at_home.sees("cannot be undone")
        fetch = api._getFile

        async def slow(params: dict[str, object]) -> object:
            if not at_home.texts[-1].startswith("Deleted"):
                await at_home.presses("Delete everything")
                await at_home.sees("Deleted:")
            return await fetch(params)

        api._getFile = slow  # type: ignore[method-assign]
        await anna.presses("I agree")
        await carl.sees("it is up to you now")
        await ben.presses("I agree")
        await carl.sees("in the meantime")
    assert list(store.blobs.keys()) == [] and user_of(store, "1") is None
