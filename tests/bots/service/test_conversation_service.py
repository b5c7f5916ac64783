"""The runner against a real SQLite store: what one turn leaves behind, and what it must not."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bots.conversation.effects import Button, OutgoingMessage, Say, Toast
from bots.conversation.events import CommandGiven, TextSaid
from bots.service.conversation_service import Answer, ConversationService, Defaults, ReplyTo, SentPhoto
from bots.service.effect_executor import Actor
from bots.service.quotas import Quotas
from observability.logs import about, get_logger
from observability.metrics import BREAKER_OPEN
from storage.errors import NotFound, StorageUnavailable
from storage.records import Job
from storage.unit_of_work import Store
from tests.support.chats.agreement import agreed

ANNA = Actor("telegram", "1", "1", "en")
HOUR = timedelta(hours=1)


class Kept:
    """A `JobQueue` that only remembers."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.broken = False

    def put(self, job: Job) -> None:
        if self.broken:
            raise ConnectionError("the broker is away")
        self.jobs.append(job)

    def take_back(self, jobs: Sequence[Job]) -> int:
        if self.broken:
            raise ConnectionError("the broker is away")
        ids = {job.id for job in jobs}
        before, self.jobs = len(self.jobs), [job for job in self.jobs if job.id not in ids]
        return before - len(self.jobs)


class Desk:
    """A dialogue, its queue, and short ways to play the worker."""

    def __init__(self, store: Store) -> None:
        self.store = store
        agreed(store, "telegram", *range(1, 10))
        self.queue = Kept()
        self._seeds = iter(range(1, 10_000))
        self.dialogue = ConversationService(store, self.queue, draw_seed=lambda: next(self._seeds))

    def photo(self, data: bytes = b"a photo", actor: Actor = ANNA, **more: object) -> Job:
        """Send one photo; the encode job it leads to."""
        answer = self.dialogue.take_photos(actor, [SentPhoto(data, **more)])  # type: ignore[arg-type]
        [job] = answer.jobs
        return job

    def encoded(self, job: Job, sex: str, sure: float = 0.99) -> list[Job]:
        """Let an encode job succeed and be told; the jobs that follow."""
        self.finish(job, {"sex": sex, "sex_confidence": sure, "estimated_age": 30.0, "warnings": []})
        return self.dialogue.tell(job.id).jobs

    def finish(self, job: Job, result: dict[str, object]) -> None:
        with self.store.unit() as unit:
            assert unit.jobs.start(job.id, HOUR)
            assert unit.jobs.finish(job.id, result)
            unit.commit()

    def drawing(self, actor: Actor = ANNA) -> Job:
        """A couple's first drawing, queued."""
        self.encoded(self.photo(b"mom", actor), "female")
        [job] = self.encoded(self.photo(b"dad", actor), "male")
        return job

    def drawn(self, job: Job) -> list[OutgoingMessage]:
        """Let a drawing succeed and be told."""
        self.finish(job, {"sex": "girl"})
        return self.dialogue.tell(job.id).lines

    def press(self, button: Button, say: Say, owner: str, actor: Actor = ANNA) -> Answer:
        """Press a button of a message that was shown in this chat."""
        return self.dialogue.press(actor, self.dialogue.buttons.write(button, say, owner, actor.chat_id))

    def press_under(self, action: str, job: Job, actor: Actor = ANNA) -> Answer:
        """Press a button under the picture of a job."""
        return self.press(Button(action, action), Say("x", drawing=job.id), job.user_id, actor)

    def job(self, job_id: str) -> Job:
        with self.store.read_only() as unit:
            return unit.jobs.get(job_id)


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    yield Desk(store)


def keys(lines: list[OutgoingMessage]) -> list[str]:
    return [line.key for line in lines]


def test_a_photo_is_stored_encrypted_and_its_job_queued_after_the_commit(desk: Desk) -> None:
    job = desk.photo(b"a secret face")
    assert desk.queue.jobs == [job]
    with desk.store.read_only() as unit:
        assert job.photo_id is not None
        assert unit.photos.data(job.photo_id) == b"a secret face"
        assert unit.jobs.get(job.id).state == "queued"


def test_a_broker_that_is_away_costs_the_sender_nothing(desk: Desk) -> None:
    desk.queue.broken = True
    job = desk.photo()
    assert desk.job(job.id).state == "queued"


def test_the_drawing_carries_the_wish_and_the_place_to_answer(desk: Desk) -> None:
    desk.dialogue.hear(ANNA, CommandGiven("age", "9"))
    job = desk.drawing()
    assert (job.kind, job.quality) == ("child", "fast")
    assert {name: job.wish[name] for name in ("age", "mix", "sex")} == {"age": 9.0, "mix": 50.0, "sex": "surprise"}
    assert job.reply["user"] == "1" and job.reply["language"] == "en"


def test_the_seed_is_the_one_of_the_turn_and_stays_the_childs(desk: Desk) -> None:
    first = desk.drawing()
    desk.drawn(first)
    [twelve] = desk.dialogue.hear(ANNA, CommandGiven("age", "12")).jobs
    desk.drawn(twelve)
    [sibling] = desk.dialogue.hear(ANNA, CommandGiven("sibling")).jobs
    assert twelve.wish["seed"] == first.wish["seed"] != sibling.wish["seed"]


def test_settings_belong_to_the_person_in_every_chat(desk: Desk) -> None:
    desk.dialogue.hear(ANNA, CommandGiven("age", "40"))
    elsewhere = Actor("telegram", "2", "1")
    assert desk.drawing(elsewhere).wish["age"] == 40.0


def test_two_people_do_not_share_a_conversation(desk: Desk) -> None:
    desk.photo(b"mom", ANNA)
    ben = Actor("telegram", "2", "2")
    assert keys(desk.dialogue.take_photos(ben, [SentPhoto(b"dad")]).lines) == ["send_other_parent"]


def test_the_same_person_in_two_chats_has_two_conversations(desk: Desk) -> None:
    desk.photo(b"mom", ANNA)
    elsewhere = Actor("telegram", "77", "1")
    assert keys(desk.dialogue.take_photos(elsewhere, [SentPhoto(b"dad")]).lines) == ["send_other_parent"]


def test_telling_twice_says_the_same_and_changes_nothing_more(desk: Desk) -> None:
    job = desk.photo()
    desk.finish(job, {"sex": "female", "sex_confidence": 0.9, "estimated_age": 30.0, "warnings": ["blurred"]})
    first = desk.dialogue.tell(job.id)
    again = desk.dialogue.tell(job.id)
    assert keys(first.lines) == ["photo_warning"]
    assert again.lines == first.lines
    assert again.jobs == []


def test_a_picture_told_after_a_crash_still_has_its_buttons(desk: Desk) -> None:
    job = desk.drawing()
    lines = desk.drawn(job)
    assert desk.dialogue.tell(job.id).lines == lines
    [say] = lines
    assert isinstance(say, Say) and say.drawing == job.id and say.buttons


def test_a_deleted_job_cannot_be_told(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.dialogue.tell("0" * 32)


def test_a_button_under_a_picture_knows_its_drawing(desk: Desk) -> None:
    first = desk.drawing()
    desk.drawn(first)
    [older] = desk.press_under("older", first).jobs
    assert (older.wish["age"], older.wish["seed"]) == (10.0, first.wish["seed"])
    assert keys(desk.press_under("older", first).lines) == ["still_drawing"]


@pytest.mark.parametrize("data", ["", "older:", "older:xyz", "who:0:1:nobody", "🎲", "a" * 64, "who:0:1:" + "0" * 32])
def test_nonsense_buttons_are_stale(desk: Desk, data: str) -> None:
    assert desk.dialogue.press(ANNA, data).lines == [Toast("stale_button")]


def test_a_picture_of_another_chat_cannot_be_pressed(desk: Desk) -> None:
    job = desk.drawing()
    desk.drawn(job)
    assert keys(desk.press_under("older", job, Actor("telegram", "5", "1")).lines) == ["stale_button"]


def test_somebody_else_cannot_press_in_a_private_chat(desk: Desk) -> None:
    job = desk.drawing()
    desk.drawn(job)
    assert keys(desk.press_under("older", job, Actor("telegram", "1", "666")).lines) == ["stale_button"]


def test_cancel_ends_the_job_in_the_store(desk: Desk) -> None:
    job = desk.drawing()
    assert keys(desk.dialogue.hear(ANNA, CommandGiven("cancel")).lines) == ["stopped"]
    assert desk.job(job.id).state == "cancelled"
    assert desk.dialogue.tell(job.id).lines == []


def test_a_picture_finished_in_the_moment_of_cancelling_is_not_shown(desk: Desk) -> None:
    job = desk.drawing()
    with desk.store.unit() as unit:
        unit.jobs.start(job.id, HOUR)
        unit.commit()
    desk.dialogue.hear(ANNA, CommandGiven("cancel"))
    with desk.store.unit() as unit:
        assert unit.jobs.finish(job.id, {"sex": "girl"})
        unit.commit()
    assert desk.dialogue.tell(job.id).lines == []


def test_cancelling_one_chat_leaves_the_other_alone(desk: Desk) -> None:
    here, there = desk.photo(b"mom"), desk.photo(b"mom", Actor("telegram", "77", "1"))
    desk.dialogue.hear(ANNA, CommandGiven("cancel"))
    assert (desk.job(here.id).state, desk.job(there.id).state) == ("cancelled", "queued")


def test_forgotten_photos_leave_the_disk(desk: Desk) -> None:
    desk.photo(b"mom")
    desk.dialogue.hear(ANNA, CommandGiven("cancel"))
    assert list(desk.store.blobs.keys()) == []


def test_both_faces_of_one_photo_become_two_rows(desk: Desk) -> None:
    job = desk.photo(b"a couple")
    with desk.store.unit() as unit:
        unit.jobs.start(job.id, HOUR)
        unit.jobs.fail(job.id, "several_faces", {"boxes": [[0, 0, 9, 9], [20, 0, 29, 9]]})
        unit.commit()
    told = desk.dialogue.tell(job.id)
    [question] = told.lines
    assert isinstance(question, Say)
    both = question.buttons[-1][0]
    one, two = desk.press(both, question, told.owner).jobs
    with desk.store.read_only() as unit:
        faces = [unit.photos.get(job.photo_id or "").face for job in (one, two)]
    assert faces == [0, 1]


def test_after_somebody_was_deleted_nothing_refers_to_what_they_had(desk: Desk) -> None:
    job = desk.drawing()
    desk.drawn(job)
    with desk.store.unit() as unit:
        unit.removal.remove_user(desk.job(job.id).user_id)
        unit.commit()
    assert keys(desk.dialogue.hear(ANNA, CommandGiven("age", "12")).lines) == ["noted_age"]
    assert keys(desk.press_under("older", job).lines) == ["stale_button"]


def test_deleting_leaves_no_row_and_no_byte(desk: Desk) -> None:
    job = desk.drawing()
    desk.drawn(job)
    asked = desk.dialogue.hear(ANNA, CommandGiven("delete_my_data"))
    [question] = asked.lines
    assert isinstance(question, Say)
    answer = desk.press(question.buttons[0][0], question, asked.owner)
    assert keys(answer.lines) == ["deleting", "deleted"]
    assert answer.lines[-1].params["photos"] == 2
    assert list(desk.store.blobs.keys()) == []
    with desk.store.read_only() as unit:
        assert unit.users.find("telegram", "1") is None
    assert keys(desk.dialogue.hear(ANNA, TextSaid("hello")).lines) == ["welcome"]


def test_a_job_whose_row_vanished_does_not_block_the_next_one(desk: Desk) -> None:
    job = desk.drawing()
    with desk.store.unit() as unit:
        unit.jobs.fail(job.id, "internal_error", {})
        unit.jobs.mark_delivered(job.id)  # told to a chat that another process has forgotten
        unit.commit()
    [again] = desk.dialogue.hear(ANNA, CommandGiven("child")).jobs
    assert again.kind == "child"


def test_turns_of_one_conversation_at_the_same_moment_all_count(desk: Desk) -> None:
    desk.dialogue.hear(ANNA, CommandGiven("start"))
    faults: list[BaseException] = []

    def speak(text: str) -> None:
        try:
            desk.dialogue.hear(ANNA, CommandGiven("settings", text))
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=speak, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with desk.store.read_only() as unit:
        user = unit.users.find("telegram", "1")
        assert user is not None
        saved = unit.conversations.get("telegram", "1", user.id)
    assert saved is not None and (saved.version, saved.state["question_id"]) == (9, 8)


# Groups

GROUP = "-500"


def member(number: str) -> Actor:
    return Actor("telegram", GROUP, number, "en", group=True)


def test_a_round_may_have_parents_from_two_people_who_each_own_their_photo(desk: Desk) -> None:
    one = desk.photo(b"her", member("1"), role="mom")
    two = desk.photo(b"him", member("2"), role="dad")
    desk.encoded(one, "male", 0.6)
    [job] = desk.encoded(two, "male", 0.6)
    with desk.store.read_only() as unit:
        owners = [unit.users.get(unit.photos.get(p or "").owner_id) for p in (job.mom_photo_id, job.dad_photo_id)]
        asked = unit.users.get(job.user_id)
    assert [owner.platform_user_id for owner in owners] == ["1", "2"]
    assert asked.platform_user_id == "1"


def test_rounds_of_one_group_do_not_disturb_each_other(desk: Desk) -> None:
    desk.photo(b"her 1", member("1"), role="mom")
    desk.photo(b"her 2", member("2"), role="mom")
    third = desk.dialogue.take_photos(member("3"), [SentPhoto(b"him", role="dad")])
    assert keys(third.lines) == ["send_mom"]  # two rounds wait: without a reply this is a third


def test_an_announced_photo_joins_the_round_that_lacks_it(desk: Desk) -> None:
    desk.photo(b"her", member("1"), role="mom")
    desk.dialogue.hear(member("2"), CommandGiven("dad"))
    answer = desk.dialogue.take_photos(member("2"), [SentPhoto(b"him")])
    with desk.store.read_only() as unit:
        assert unit.users.get(answer.owner).platform_user_id == "1"


def test_a_photo_in_reply_to_a_person_joins_that_persons_round(desk: Desk) -> None:
    desk.photo(b"her 1", member("1"), role="mom")
    desk.photo(b"her 2", member("2"), role="mom")
    answer = desk.dialogue.take_photos(member("3"), [SentPhoto(b"him", role="dad")], ReplyTo("9", "2"))
    with desk.store.read_only() as unit:
        assert unit.users.get(answer.owner).platform_user_id == "2"


def test_what_waits_in_the_broker_for_somebody_who_was_deleted_is_taken_back(desk: Desk) -> None:
    ben = replace(ANNA, chat_id="2", user="2")
    desk.photo(b"mom 1")
    others = desk.photo(b"mom 2", ben)
    desk.dialogue.hear(ANNA, CommandGiven("delete_my_data"))
    desk.dialogue.hear(ANNA, TextSaid("yes"))
    assert desk.queue.jobs == [others]


def test_deleting_does_not_need_the_broker(desk: Desk) -> None:
    desk.queue.broken = True
    desk.photo(b"mom 1")
    assert desk.dialogue.behind
    desk.dialogue.hear(ANNA, CommandGiven("delete_my_data"))
    answer = desk.dialogue.hear(ANNA, TextSaid("yes"))
    assert keys(answer.lines) == ["deleted"]
    assert not desk.dialogue.behind


def test_a_round_whose_owner_deleted_everything_is_not_joined(desk: Desk) -> None:
    job = desk.photo(b"her", member("1"), role="mom")
    with desk.store.unit() as unit:
        unit.removal.remove_user(job.user_id)
        unit.commit()
    answer = desk.dialogue.take_photos(member("2"), [SentPhoto(b"him", role="dad")])
    assert keys(answer.lines) == ["send_mom"]


def test_in_a_group_only_photos_meant_for_us_are_fetched(desk: Desk) -> None:
    wants = desk.dialogue.wants_photo
    assert not wants(member("1"), addressed=False)
    assert not wants(member("1"), addressed=False, role="dad")
    assert wants(member("1"), addressed=True)
    desk.photo(b"her", member("1"), role="mom")
    assert wants(member("1"), addressed=False)
    assert wants(member("2"), addressed=False, role="dad")
    assert not wants(member("2"), addressed=False)


async def test_a_call_aside_logs_about_the_same_job(
    dialogue: ConversationService, caplog: pytest.LogCaptureFixture
) -> None:
    with about(job="a1b2"):
        await dialogue.run_in_thread(get_logger("bots.service.delivery").warning, "seen from a thread")

    assert [record.__dict__["job"] for record in caplog.records] == ["a1b2"]


async def test_a_breaker_that_opens_is_told(dialogue: ConversationService) -> None:
    def is_open(service: str) -> float:
        [sample] = [one for one in BREAKER_OPEN.collect()[0].samples if one.labels == {"service": service}]
        return sample.value

    def fail() -> None:
        raise StorageUnavailable(what="use the database", database=True)

    assert (is_open("database"), is_open("broker")) == (0.0, 0.0)
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await dialogue.run_in_thread(fail)
    assert (is_open("database"), is_open("broker")) == (1.0, 0.0)


def test_commands_and_buttons_beyond_the_limit_are_answered_once(store: Store) -> None:
    queue = Kept()
    service = ConversationService(store, queue, Defaults(quotas=Quotas(messages_minute=3)))
    said = [service.hear(ANNA, CommandGiven("help")).lines for _ in range(6)]

    assert [bool(lines) for lines in said] == [True] * 4 + [False] * 2
    assert isinstance(said[3][0], Say) and said[3][0].key == "too_many_messages"
    assert service.press(ANNA, "set:age:1:" + "0" * 32).lines == [Toast("too_many_messages")]
    assert service.hear(replace(ANNA, user="2"), CommandGiven("help")).lines
