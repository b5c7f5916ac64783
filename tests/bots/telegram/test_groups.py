"""A group with Telegram's privacy mode on, over real HTTP: the bot sees commands and replies to it, nothing else."""

from __future__ import annotations

import asyncio
import io
import itertools
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from bots.telegram.bot import TelegramBot
from storage.deletion import delete_user, purge_expired
from storage.models import InboxRow
from storage.unit_of_work import Store
from tests.support.chats.fake_telegram import ME, BotApi, Person, ShownMessage, message_json
from tests.support.chats.fake_worker import FakeWorker, drawn

GROUP_CHAT = -100500


@pytest.fixture(autouse=True)
def privacy_mode(api: BotApi) -> None:
    api.privacy_mode = True


def owner_of(store: Store, photo_id: str) -> str:
    """The platform's number of the person whose photo it is."""
    with store.read_only() as unit:
        return unit.users.get(unit.photos.get(photo_id).owner_id).platform_user_id


@pytest.mark.usefixtures("bot")
class TestPhotosOfDifferentPeople:
    async def test_captions_with_commands_from_two_people(self, api: BotApi, store: Store) -> None:
        anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
        await anna.sends_photo(b"someone 1", "/mom")
        await anna.sees("Got mom")
        await ben.sends_photo(b"someone 2", "/dad")
        [picture] = await anna.sees_pictures(1)
        assert owner_of(store, drawn(picture.picture)["mom"]) == "1"
        assert owner_of(store, drawn(picture.picture)["dad"]) == "2"

    async def test_commands_as_replies_to_photos_that_never_arrived_themselves(self, api: BotApi, store: Store) -> None:
        anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
        hers, his = await anna.sends_photo(b"someone 1"), await ben.sends_photo(b"someone 2")
        await anna.says("/mom", reply_to=hers)
        await anna.sees("Got mom")
        await anna.says("/dad", reply_to=his)
        [picture] = await anna.sees_pictures(1)
        assert owner_of(store, drawn(picture.picture)["dad"]) == "2"

    async def test_a_photo_as_reply_to_the_bots_question_needs_no_caption(self, api: BotApi) -> None:
        anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
        await anna.sends_photo(b"someone 1", "/mom")
        asked = await anna.sees("Got mom")
        await ben.sends_photo(b"someone 2", reply_to=message_json(asked))
        await anna.sees_pictures(1)

    async def test_of_an_album_only_the_captioned_photo_arrives(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT)
        await anna.sends_album(b"someone 1", b"someone 2", captions=("/mom",))
        await anna.sees("Got mom")
        assert api.count("download") == 1

    async def test_talk_and_other_bots_commands_stay_unread(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT)
        await anna.says("mom")
        await anna.sends_photo(b"mom 1", "mom")
        await anna.says("/child@other_bot")
        await anna.says("/help")
        await anna.sees("Send two photos")
        assert len(anna.texts) == 1

    async def test_two_rounds_at_once_do_not_disturb_each_other(self, api: BotApi, store: Store) -> None:
        people = [api.person(number, GROUP_CHAT) for number in (1, 2, 3, 4)]
        anna, ben, carl, dora = people
        hers = await anna.sends_photo(b"someone 1", "/mom")
        await api.until(lambda: sum("Got mom" in text for text in anna.texts) == 1, "the first round")
        doras = await dora.sends_photo(b"someone 4", "/mom")
        await api.until(lambda: sum("Got mom" in text for text in anna.texts) == 2, "the second round")
        await carl.sends_photo(b"someone 3", "/dad", reply_to=doras)
        await ben.sends_photo(b"someone 2", "/dad", reply_to=hers)
        pictures = [drawn(shown.picture) for shown in await anna.sees_pictures(2)]
        couples = {(owner_of(store, each["mom"]), owner_of(store, each["dad"])) for each in pictures}
        assert couples == {("1", "2"), ("4", "3")}


@pytest.mark.usefixtures("bot")
class TestCouples:
    async def test_two_members_agree_and_their_profile_photos_are_used(self, api: BotApi, store: Store) -> None:
        carl = api.person(3, GROUP_CHAT)
        anna, ben = api.person(1, GROUP_CHAT, username="Anna_"), api.person(2, GROUP_CHAT, username="benny")
        api.set_avatar(1, b"mom old")
        api.set_avatar(1, b"mom new")
        api.set_avatar(2, b"dad 2")
        await carl.says("/couple @anna_ @Benny")
        question = await carl.sees("@anna_ and @Benny: shall I draw")
        await anna.presses("I agree")
        told = await carl.sees("@anna_ agrees. @Benny, it is up to you now.")
        assert told.reply_to is not None
        assert api.count("getUserProfilePhotos") == api.count("getFile") == 0
        await ben.presses("I agree")
        [picture] = await carl.sees_pictures(1)
        facts = drawn(picture.picture)
        assert (owner_of(store, facts["mom"]), owner_of(store, facts["dad"])) == ("1", "2")
        assert question.text == "@anna_ and @Benny both agree." and question.buttons == []
        await anna.presses("Older")
        await carl.sees_pictures(2)

    async def test_a_reply_asks_the_one_replied_to_and_the_speaker(self, api: BotApi) -> None:
        anna, ben = api.person(1, GROUP_CHAT, username="annabel"), api.person(2, GROUP_CHAT)
        hello = await ben.says("hello")
        await anna.says("/couple", reply_to=hello)
        await anna.sees("@annabel and A person: shall I draw")

    async def test_people_without_a_user_name_are_known_by_number(self, api: BotApi) -> None:
        carl, anna, ben = (api.person(number, GROUP_CHAT) for number in (3, 1, 2))
        api.set_avatar(1, b"mom 1")
        api.set_avatar(2, b"dad 2")
        await carl.says("/couple", mentions=(anna, ben))
        await carl.sees("shall I draw")
        await carl.presses("I agree")
        await api.until(lambda: len(api.answers) == 1, "an answer")
        assert "Only the two" in api.answers[0]["text"]
        await ben.presses("I agree")
        await carl.sees("it is up to you now")
        await anna.presses("I agree")
        await carl.sees_pictures(1)

    async def test_one_declines_and_nothing_is_fetched(self, api: BotApi) -> None:
        carl = api.person(3, GROUP_CHAT)
        anna, ben = api.person(1, GROUP_CHAT, username="annabel"), api.person(2, GROUP_CHAT, username="benny")
        await carl.says("/couple @annabel @benny")
        await carl.sees("shall I draw")
        message, data = carl.data_of("I agree")
        await ben.presses("I agree")
        await carl.sees("it is up to you")
        await anna.presses("No, thanks")
        await carl.sees("no child of these two")
        await anna.presses_data(message, data)
        await api.until(lambda: any("earlier question" in a.get("text", "") for a in api.answers), "a stale button")
        assert api.count("getUserProfilePhotos") == 0

    async def test_a_member_without_a_visible_photo(self, api: BotApi) -> None:
        anna, ben = api.person(1, GROUP_CHAT, username="annabel"), api.person(2, GROUP_CHAT, username="benny")
        api.set_avatar(1, b"mom 1")
        await anna.says("/couple @benny")
        await anna.sees("shall I draw")
        await anna.presses("I agree")
        await anna.sees("it is up to you")
        await ben.presses("I agree")
        await anna.sees("I cannot see a profile photo of @benny")
        await ben.sends_photo(b"dad 2", "/dad")
        await anna.sees_pictures(1)

    @pytest.mark.parametrize("words", ["/couple", "/couple @childface_bot @annabel", "/couple @annabel @annabel"])
    async def test_no_couple(self, api: BotApi, words: str) -> None:
        anna = api.person(1, GROUP_CHAT, username="carla")
        await anna.says(words)
        await api.until(lambda: anna.texts, "an answer")
        assert "shall I draw" not in anna.texts[0]

    async def test_in_private_it_says_that_a_group_is_needed(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.says("/couple @benny")
        await anna.sees("works in a group")


def beginning_of_topic(creator: Person) -> dict[str, Any]:
    """In a topic of a forum Telegram shows whatever is said as an answer to this."""
    return {
        "message_id": 77,
        "date": 1_700_000_000,
        "from": {"id": creator.number, "is_bot": False, "first_name": "A person"},
        "chat": {"id": GROUP_CHAT, "type": "supergroup", "title": "A family", "is_forum": True},
        "forum_topic_created": {"name": "Children", "icon_color": 7322096},
    }


@pytest.mark.usefixtures("bot")
class TestTopicsOfAForum:
    async def test_whoever_opened_the_topic_is_not_taken_for_one_of_a_couple(self, api: BotApi) -> None:
        anna, carl = api.person(1, GROUP_CHAT, username="annabel"), api.person(3, GROUP_CHAT, username="carlo")
        topic = beginning_of_topic(carl)
        await anna.says("/couple", reply_to=topic)
        await anna.sees("Name two people")
        await anna.says("/couple @benjamin", reply_to=topic)
        await anna.sees("@annabel and @benjamin: shall I draw")

    async def test_a_photo_does_not_join_the_round_of_whoever_opened_the_topic(self, api: BotApi, store: Store) -> None:
        anna, carl = api.person(1, GROUP_CHAT), api.person(3, GROUP_CHAT)
        topic = beginning_of_topic(carl)
        for person in (carl, anna):
            await person.sends_photo(b"mom %d" % person.number, "/mom", reply_to=topic)
        await api.until(lambda: sum("Got mom" in text for text in anna.texts) == 2, "two rounds")
        await anna.sends_photo(b"dad 1", "/dad", reply_to=topic)
        [picture] = await anna.sees_pictures(1)
        assert owner_of(store, drawn(picture.picture)["mom"]) == "1"

    async def test_answers_to_a_button_reply_and_so_stay_in_the_topic(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT)
        await anna.says("/delete_my_data", reply_to=beginning_of_topic(anna))
        question = await anna.sees("cannot be undone")
        await anna.presses("Delete everything")
        assert (await anna.sees("Deleted:")).reply_to == question.message_id


def was_answered(store: Store, number: int) -> bool:
    """Whether the bot has done all that an update asks for: it remembers its number, and nothing else."""
    source = f"telegram:{ME['id']}"
    with store.database.engine.connect() as connection:
        here = InboxRow.source == source, InboxRow.number == number
        found = connection.execute(select(InboxRow.sealed).where(*here)).first()
    return found is not None and found.sealed is None


class TestAGroupThatBecomesASupergroup:
    OLD, NEW = -500, -100501

    async def moves(self, api: BotApi, person: Person, store: Store, *, told: bool = True) -> Person:
        """Telegram gives the group another number, and (mostly) says so; the same person in the new chat."""
        api.moved[self.OLD] = self.NEW
        if told:
            await person.sends(migrate_to_chat_id=self.NEW)
            number = api.given[-1]["update_id"]
            async with asyncio.timeout(30):
                while not was_answered(store, number):
                    await asyncio.sleep(0.05)
        return api.person(person.number, self.NEW)

    @pytest.mark.parametrize("told", [True, False])
    async def test_what_was_asked_for_in_the_old_one_comes_in_the_new_one(
        self, api: BotApi, bot: TelegramBot, store: Store, worker: FakeWorker, told: bool
    ) -> None:
        anna = api.person(1, self.OLD)
        await anna.sends_photo(b"mom 1", "/mom")
        await anna.sees("Got mom")
        worker.pause()
        await anna.sends_photo(b"dad 1", "/dad")
        await api.until(lambda: api.count("getFile") == 2, "the second photo")
        anna = await self.moves(api, anna, store, told=told)
        worker.resume()
        [picture] = await anna.sees_pictures(1)
        assert drawn(picture.picture)["kind"] == "child"

    async def test_buttons_rounds_and_what_the_group_chose_go_on(
        self, api: BotApi, bot: TelegramBot, store: Store
    ) -> None:
        anna = api.person(1, self.OLD)
        api.admins.add((self.OLD, 1))
        await anna.says("/wall on")
        await anna.sees("The family wall is on")
        await anna.says("/language de")
        await anna.sees("Deutsch")
        await anna.sends_photo(b"mom 1", "/mom")
        await anna.sees("Mama")
        anna = await self.moves(api, anna, store)
        await anna.sends_photo(b"dad 1", "/dad")
        await anna.sees_pictures(1)
        await anna.presses("Älter")
        await anna.sees_pictures(2)
        await anna.says("/wall")
        await api.until(lambda: len(anna.texts) > 2, "the wall")
        assert "ausgeschaltet" not in anna.texts[-1]

    async def test_a_group_that_is_kept_out_stays_out(self, api: BotApi, bot: TelegramBot, store: Store) -> None:
        anna = api.person(1, self.OLD)
        with store.unit() as unit:
            unit.access_rules.decide("telegram", str(self.OLD), "block")
            unit.commit()
        anna = await self.moves(api, anna, store)
        await anna.says("/help")
        await anna.sees("I do not work for you any more")


def real_picture() -> bytes:
    """A child's picture that can be put together with others."""
    out = io.BytesIO()
    Image.new("RGB", (256, 256), "orange").save(out, "JPEG", xmp=b"<made-by-a-model/>")
    return out.getvalue()


async def child_of(person: Person, count: int) -> None:
    """A child of the group's; the chat then shows `count` pictures."""
    await person.sends_photo(b"mom %d" % person.number, "/mom")
    await person.api.until(lambda: any("Got mom" in text for text in person.texts[-1:]), "the first photo")
    await person.sends_photo(b"dad %d" % person.number, "/dad")
    await person.sees_pictures(count)


@pytest.mark.usefixtures("bot")
class TestTheWall:
    async def test_only_admins_switch_it_on(self, api: BotApi) -> None:
        anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
        api.admins.add((GROUP_CHAT, 2))
        await anna.says("/wall")
        await anna.sees("off in this group")
        await anna.says("/wall on")
        await anna.sees("Only admins")
        await ben.says("/wall on")
        await anna.sees("The family wall is on")
        await anna.says("/wall")
        await anna.sees("Nobody is on the wall yet")
        await ben.says("/wall off")
        await anna.sees("The family wall is off.")

    async def test_somebody_who_speaks_for_the_group_is_an_admin(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT)
        group = {"id": GROUP_CHAT, "type": "supergroup", "title": "A family"}
        await anna.sends(text="/wall on", sender_chat=group)
        await anna.sees("The family wall is on")
        assert api.count("getChatMember") == 0

    async def test_it_shows_each_child_of_this_group_once_and_forgets_who_was_deleted(
        self, api: BotApi, store: Store, worker: FakeWorker
    ) -> None:
        worker.picture = real_picture()
        anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
        api.admins.add((GROUP_CHAT, 1))
        await anna.says("/wall on")
        await anna.sees("The family wall is on")
        await child_of(anna, 1)
        await anna.presses("Older")
        await anna.sees_pictures(2)
        await child_of(ben, 3)
        elsewhere = api.person(3, -100777)
        await child_of(elsewhere, 1)
        await anna.says("/wall")
        wall = (await anna.sees_pictures(4))[-1]
        assert wall.text == "The newest children of this group."
        assert _tiles(wall.picture) == 2
        with store.read_only() as unit:
            user = unit.users.find("telegram", "2")
        assert user is not None
        delete_user(store, user.id)
        await anna.says("/wall")
        assert _tiles((await anna.sees_pictures(5))[-1].picture) == 1
        purge_expired(store, store.clock() + timedelta(days=8))
        await anna.says("/wall")
        await anna.sees("Nobody is on the wall yet")


def _tiles(picture: bytes | None) -> int:
    """How many orange squares stand in the first row."""
    assert picture is not None
    with Image.open(io.BytesIO(picture)) as wall:
        assert wall.info["xmp"] == b"<made-by-a-model/>"
        row = [wall.getpixel((x, 150)) for x in range(wall.width)]
    orange = [isinstance(dot, tuple) and dot[2] < 90 for dot in row]
    return sum(1 for before, now in itertools.pairwise(orange) if now and not before)


@pytest.mark.usefixtures("bot")
class TestFun:
    async def test_the_child_has_a_name_in_the_caption(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT)
        await child_of(anna, 1)
        name, rest = anna.pictures[0].text.splitlines()[0].split(" · ", 1)
        assert name.isalpha() and rest == "Girl, 6 years · half mom, half dad"

    async def test_the_child_is_not_renamed_when_somebody_of_another_language_presses(self, api: BotApi) -> None:
        anna, boris = api.person(1, GROUP_CHAT, "de"), api.person(2, GROUP_CHAT, "ru")
        await anna.sends_photo(b"mom 1", "/mom")
        await api.until(lambda: anna.texts, "the first photo")
        await boris.sends_photo(b"dad 2", "/dad")
        await anna.sees_pictures(1)
        await boris.presses_data(*_button(boris, "older:"))
        first, older = await anna.sees_pictures(2)
        assert first.text.split(" · ")[0] == older.text.split(" · ")[0]

    async def test_the_group_is_asked_by_a_native_poll_as_a_reply_to_the_picture(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT)
        await child_of(anna, 1)
        await anna.presses("Who does it look like?")
        await api.until(lambda: api.count("sendPoll") == 1, "a poll")
        poll = next(shown for shown in api.shown(GROUP_CHAT) if shown.poll)
        assert poll.poll == ("Mom", "Dad", "Both", "The neighbour")
        assert poll.reply_to == anna.pictures[0].message_id

    async def test_the_gene_card(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT)
        await child_of(anna, 1)
        await anna.presses("Who gave what?")
        told = await anna.sees("Who gave what:")
        assert told.text.startswith("Who gave what:\nEyes: mom\nNose: dad\nHair: both\n")
        assert "Nose" in told.labels

    async def test_the_family_card_is_a_picture_of_the_three_and_says_what_made_it(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT, language="ar")
        await anna.sends_photo(b"mom 1", "/mom")
        await api.until(lambda: anna.texts, "the first photo")
        await anna.sends_photo(b"dad 1", "/dad")
        await anna.sees_pictures(1)
        await anna.says("/names آنا، بن")
        await anna.presses_data(*_button(anna, "card:"))
        card = (await anna.sees_pictures(2))[-1].picture
        assert card is not None
        with Image.open(io.BytesIO(card)) as sheet:
            assert sheet.size == (1280, 800)
            assert sheet.info["xmp"] == b"<made-by-a-model/>"
            red, blue, green = (sheet.convert("RGB").getpixel((x, 350)) for x in (210, 580, 1010))
        assert red[0] > 200 and blue[2] > 200 and green[1] > 100  # type: ignore[index]


def _button(person: Person, beginning: str) -> tuple[ShownMessage, str]:
    """A button by what it says to the bot, whatever language its label is in."""
    for message in reversed(person.api.shown(person.chat_id)):
        for row in message.buttons:
            for button in row:
                if button["callback_data"].startswith(beginning):
                    return message, button["callback_data"]
    raise AssertionError(beginning)
