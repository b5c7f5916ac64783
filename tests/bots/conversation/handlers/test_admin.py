"""Who is answered, who is not, and what those who run the bot can do about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.conversation.effects import ChangeAccess, FetchPhotos, OutgoingMessage, ReadAdminStats, Say, SetMaintenance
from bots.conversation.events import CommandGiven, OfferedPhoto, OtherMessage, PendingPhotos, PhotosOffered, TextSaid
from bots.conversation.handlers.access import AGAIN
from bots.service.conversation_service import ConversationService, Defaults, Rules, SentPhoto
from bots.service.effect_executor import Actor
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.bots.service.test_conversation_service import keys
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_worker import FakeWorker
from tests.support.chats.story import Story

ANNA, BEN = Actor("telegram", "1", "1", "en"), Actor("telegram", "2", "2", "en")
BOSS = Actor("telegram", "9", "9", "en")
GROUP_CHAT = -100500


def told(closed: str, *, group: bool = False, operator: bool = False) -> Story:
    story = Story(group=group)
    story.context = replace(story.context, closed=closed, operator=operator)
    return story


# The machine


@pytest.mark.parametrize("closed", ["blocked", "not_allowed"])
def test_one_kind_sentence_and_then_silence(closed: str) -> None:
    story = told(closed)
    story.command("/child")
    assert story.keys == [f"closed_{closed}"]
    for _ in range(3):
        story.say("hello?")
        assert story.steps == []
        story.hear(PhotosOffered(PendingPhotos((OfferedPhoto("file-1"),))))
        assert story.steps == [] and story.state.pending_photos == ()


def test_during_maintenance_who_comes_back_later_is_told_again() -> None:
    story = told("maintenance")
    story.command("/child")
    assert story.keys == ["closed_maintenance"]
    story.command("/child")
    assert story.keys == []
    story.context = replace(story.context, now=AGAIN + 1)
    story.command("/child")
    assert story.keys == ["closed_maintenance"]


def test_what_was_begun_before_maintenance_is_finished() -> None:
    story = Story()
    job = story.couple()
    story.context = replace(story.context, closed="maintenance")
    story.ready(job)
    assert [line.drawing for line in story.steps if isinstance(line, Say)][:1] == [job]
    story.press_under(job, "older")
    assert story.keys == ["closed_maintenance"] and story.state.drawing is None


@pytest.mark.parametrize("closed", ["blocked", "not_allowed", "maintenance"])
def test_rights_are_answered_whatever_is_closed(closed: str) -> None:
    story = told(closed)
    story.command("/privacy")
    assert story.keys == ["privacy"]
    story.command("/delete_my_data")
    assert story.keys == ["delete_sure"]
    story.say("no")
    assert story.keys == ["kept"]
    story.command("/withdraw")
    story.press("withdraw_no")
    assert story.keys == []


def test_a_group_hears_nothing_about_talk_that_was_not_for_us() -> None:
    story = told("blocked", group=True)
    story.hear(TextSaid("hello everybody", addressed=False))
    story.hear(OtherMessage("sticker", addressed=False))
    assert story.steps == [] and story.state.last_notice == ""


@pytest.mark.parametrize(
    ("line", "deed"),
    [
        ("/admin", ReadAdminStats()),
        ("/admin block 123", ChangeAccess("block", "123")),
        ("/admin unblock discord:123", ChangeAccess("unblock", "123", "discord")),
        ("/admin allow -100500", ChangeAccess("allow", "-100500")),
        ("/admin Disallow 5", ChangeAccess("disallow", "5")),
        ("/admin maintenance on", SetMaintenance(on=True)),
        ("/admin maintenance off", SetMaintenance(on=False)),
    ],
)
def test_commands_of_those_who_run_the_bot(line: str, deed: object) -> None:
    assert told("", operator=True).command(line)[0] == deed


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("/admin dance", "operator_help"),
        ("/admin maintenance", "operator_help"),
        ("/admin block", "operator_whom"),
        ("/admin block 1 2", "operator_whom"),
        ("/admin block '; drop", "operator_whom"),
        ("/admin block @anna", "operator_whom"),
    ],
)
def test_a_slip_of_the_pen_changes_nothing(line: str, key: str) -> None:
    story = told("", operator=True)
    story.command(line)
    assert story.keys == [key] and len(story.steps) == 1


def test_for_everybody_else_there_is_no_such_command() -> None:
    story = told("")
    story.command("/admin block 123")
    assert story.keys == ["unknown_command"]
    group = told("", group=True)
    group.command("/admin maintenance on")
    assert group.steps == []


def test_answering_a_message_says_whom_and_how_things_stand_is_not_for_the_group() -> None:
    story = told("", group=True, operator=True)
    assert story.hear(CommandGiven("admin", "block", about="77"))[0] == ChangeAccess("block", "77")
    story.command("/admin status")
    assert story.keys == ["operator_privately"]


# The store


@pytest.fixture
def house(store: Store, worker: FakeWorker) -> ConversationService:
    agreed(store, "telegram", 1, 2, 9)
    return ConversationService(store, worker, Defaults(rules=Rules(operators=frozenset({"telegram:9"}))))


def orders(house: ConversationService, words: str) -> list[OutgoingMessage]:
    return house.hear(BOSS, CommandGiven("admin", words)).lines


def photo(house: ConversationService, actor: Actor = ANNA) -> list[str]:
    return keys(house.take_photos(actor, [SentPhoto(b"mom")]).lines)


def test_who_is_blocked_is_stopped_and_nothing_of_theirs_is_stored(
    house: ConversationService, store: Store, worker: FakeWorker
) -> None:
    worker.pause()
    [job] = house.take_photos(ANNA, [SentPhoto(b"mom")]).jobs
    before = set(store.blobs.keys())
    assert keys(orders(house, "block 1")) == ["door_blocked"]
    with store.read_only() as unit:
        assert unit.jobs.get(job.id).cancel_requested
    assert [photo(house), photo(house)] == [["closed_blocked"], []]
    assert set(store.blobs.keys()) == before
    assert photo(house, BEN) == ["send_other_parent"]
    assert keys(orders(house, "unblock 1")) == ["door_unblocked"]
    assert photo(house) != ["closed_blocked"]


def test_deleting_ones_data_opens_no_door(house: ConversationService) -> None:
    orders(house, "block 1")
    house.hear(ANNA, CommandGiven("delete_my_data"))
    assert keys(house.hear(ANNA, TextSaid("yes")).lines) == ["deleted"]
    assert photo(house) == ["closed_blocked"]


def test_with_somebody_on_the_list_nobody_else_comes_in(house: ConversationService) -> None:
    assert keys(orders(house, "allow 1")) == ["door_allowed"]
    assert photo(house) == ["send_other_parent"]
    assert photo(house, BEN) == ["closed_not_allowed"]
    assert photo(house, replace(BEN, chat_id="1", group=True)) == ["send_other_parent"], "a chat can be let in as well"
    orders(house, "disallow 1")
    assert photo(house, BEN) == ["send_other_parent"]


def test_those_who_run_the_bot_cannot_be_shut_out(house: ConversationService) -> None:
    assert keys(orders(house, "block 9")) == ["door_operator"]
    orders(house, "allow 1")
    orders(house, "maintenance on")
    assert photo(house, BOSS) == ["send_other_parent"]


def test_what_was_never_decided_cannot_be_taken_back(house: ConversationService) -> None:
    assert keys(orders(house, "unblock 1")) == ["door_unchanged"]
    orders(house, "allow 1")
    assert keys(orders(house, "unblock 1")) == ["door_unchanged"]


def test_settings_keep_people_and_chats_out_and_let_them_in(store: Store, worker: FakeWorker) -> None:
    agreed(store, "telegram", 1, 2)
    rules = Rules(allowed=frozenset({"telegram:1", "telegram:-7"}), blocked=frozenset({"telegram:-8"}))
    house = ConversationService(store, worker, Defaults(rules=rules))
    assert photo(house) == ["send_other_parent"]
    assert photo(house, BEN) == ["closed_not_allowed"]
    assert photo(house, replace(BEN, chat_id="-7", group=True)) == ["send_other_parent"]
    assert photo(house, replace(ANNA, chat_id="-8", group=True)) == ["closed_blocked"]
    agreed(store, "discord", 5)
    assert photo(house, Actor("discord", "5", "5")) == ["send_other_parent"], "a list of one service concerns that one"


def test_how_things_stand_is_counted(house: ConversationService, worker: FakeWorker) -> None:
    worker.pause()
    photo(house)
    orders(house, "block 77")
    orders(house, "maintenance on")
    status, maintenance = orders(house, "")
    assert isinstance(status, Say) and isinstance(maintenance, Say)
    counts = {name: status.params[name] for name in ("people", "queued", "running", "blocked", "allowed")}
    assert counts == {"people": 3, "queued": 1, "running": 0, "blocked": 1, "allowed": 0}
    assert maintenance.key == "maintenance_on"


def test_an_agreement_that_was_asked_for_before_maintenance_waits(house: ConversationService) -> None:
    stranger = Actor("telegram", "5", "5")
    assert photo(house, stranger) == ["consent"]
    orders(house, "maintenance on")
    answer = house.hear(stranger, TextSaid("yes"))
    assert keys(answer.lines) == ["closed_maintenance"] and answer.fetch == []
    orders(house, "maintenance off")
    assert keys(house.hear(stranger, TextSaid("yes")).lines)[0] == "consent_given"
    assert FetchPhotos not in [type(line) for line in answer.lines]


# Over the wire


async def test_in_telegram_a_reply_blocks_and_the_blocked_one_hears_it_once(
    api: BotApi, house: ConversationService, store: Store
) -> None:
    boss, carl = api.person(9, GROUP_CHAT), api.person(2, GROUP_CHAT)
    async with running_bot(api, house):
        rude = await carl.says("something rude")
        await boss.says("/admin block", reply_to=rude)
        await boss.sees("2 is kept out from now on")
        alone = api.person(2)
        await alone.sends_photo(b"mom 1")
        await alone.sees("I do not work for you any more")
        await alone.sends_photo(b"mom 2")
        await alone.says("/privacy")
        await alone.sees("What I keep")
        assert len(alone.texts) == 2 and api.count("getFile") == 0
