"""Whole conversations over real HTTP: Telegram's library, our bot, a real store; only server and worker are ours."""

from __future__ import annotations

import asyncio
import io
import random

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bots.commands import GROUP, PRIVATE
from bots.i18n.languages import LANGUAGES
from bots.service.conversation_service import ConversationService
from bots.telegram.bot import FETCH_TRIES, TelegramBot
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats.fake_telegram import BotApi, Person, message_json
from tests.support.chats.fake_worker import FakeWorker, drawn

# The library itself is moving an attribute of its 429 error from int to timedelta, and says so each time.
pytestmark = pytest.mark.filterwarnings("ignore:.*`retry_after` will be of type:DeprecationWarning")

GROUP_CHAT = -100500


async def first_child(anna: Person) -> None:
    await anna.sends_photo(b"mom 1")
    await anna.sends_photo(b"dad 1")
    await anna.sees_pictures(1)


@pytest.mark.usefixtures("bot")
class TestOnePerson:
    async def test_two_photos_in_two_messages_become_a_picture_with_buttons(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.says("/start")
        await anna.sees("Send me a photo of mom")
        await anna.sends_photo(b"mom 1")
        await anna.sees("Now a photo of the other parent")
        await anna.sends_photo(b"dad 1")
        [picture] = await anna.sees_pictures(1)
        assert drawn(picture.picture)["age"] == 6.0
        assert picture.text.splitlines() == [
            "Girl, 6 years · half mom, half dad",
            "Likeness: mom 81%, dad 64% · estimated age: 6 years",
        ]
        labels = ["◀ Younger", "Older ▶", "More mom", "More dad", "Sibling", "Growth strip"]
        assert picture.labels == [*labels, "Family card", "Watch it grow", "Smile on or off", "Who gave what?"]

    async def test_the_progress_message_becomes_the_picture(self, api: BotApi) -> None:
        anna = api.person(1)
        await first_child(anna)
        assert api.count("sendPhoto") == 0
        assert len(anna.texts) == 2  # "now the other parent", and the picture

    async def test_an_album_is_one_couple_whatever_order_it_arrives_in(self, api: BotApi, store: Store) -> None:
        anna = api.person(1)
        await anna.sends_album(b"someone 1", b"someone 2", shuffled=True)
        await anna.sees("Who is who?")
        await anna.presses("The second photo is mom")
        [picture] = await anna.sees_pictures(1)
        with store.read_only() as unit:
            mom, dad = (unit.photos.get(drawn(picture.picture)[role]) for role in ("mom", "dad"))
        assert mom.created_at > dad.created_at

    async def test_captions_of_an_album_name_the_parents(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_album(b"someone 1", b"someone 2", captions=("papa", "mama"))
        [picture] = await anna.sees_pictures(1)
        assert picture.text.startswith("Girl")

    async def test_photos_as_files_with_captions(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_file(b"someone 1", "a.heic", "application/octet-stream", "Mom")
        await anna.sees("Got mom")
        await anna.sends_file(b"someone 2", "b.jpg", "image/jpeg", "/dad")
        await anna.sees_pictures(1)

    async def test_a_reply_names_an_earlier_photo(self, api: BotApi) -> None:
        anna = api.person(1)
        photo = await anna.sends_photo(b"someone 1")
        await anna.sees("Now a photo of the other parent")
        await anna.says("/mom", reply_to=photo)
        await anna.sees("Got mom")
        await anna.sends_photo(b"someone 2")
        await anna.sees_pictures(1)

    async def test_a_command_in_a_caption_is_done_after_the_photo(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_photo(b"mom 1", "/age 9")
        await anna.sees("Noted: 9 years.")
        await anna.sends_photo(b"dad 1")
        [picture] = await anna.sees_pictures(1)
        assert drawn(picture.picture)["age"] == 9.0

    async def test_age_shows_the_same_child_and_a_sibling_another(self, api: BotApi) -> None:
        anna = api.person(1)
        await first_child(anna)
        await anna.says("/age 12")
        await anna.sees_pictures(2)
        await anna.presses("Sibling")
        await anna.sees_pictures(3)
        first, twelve, sibling = (drawn(picture.picture) for picture in anna.pictures)
        assert (twelve["age"], twelve["seed"]) == (12.0, first["seed"])
        assert (sibling["age"], sibling["mom"]) == (12.0, first["mom"])
        assert sibling["seed"] != first["seed"]

    async def test_plain_words_do_as_well_and_may_be_corrected(self, api: BotApi) -> None:
        anna = api.person(1)
        await first_child(anna)
        said = await anna.says("make her 21, smilng")
        pictures = await anna.sees_pictures(2)
        assert (drawn(pictures[1].picture)["age"], drawn(pictures[1].picture)["looks"]) == (21.0, {"smile": 1.0})
        await anna.edits(said, "make her 12, smiling")
        pictures = await anna.sees_pictures(3)
        assert drawn(pictures[2].picture)["age"] == 12.0
        await anna.says("/alter 30")
        pictures = await anna.sees_pictures(4)
        assert drawn(pictures[3].picture)["age"] == 30.0

    async def test_the_growth_strip(self, api: BotApi) -> None:
        anna = api.person(1)
        await first_child(anna)
        await anna.presses("Growth strip")
        pictures = await anna.sees_pictures(2)
        assert drawn(pictures[1].picture)["kind"] == "grow"
        assert pictures[1].labels == ["Sibling", "Who gave what?"]

    async def test_watching_it_grow_is_a_film_that_plays_by_itself(self, api: BotApi) -> None:
        anna = api.person(1)
        await first_child(anna)
        await anna.presses("Watch it grow")
        film = (await anna.sees_pictures(2))[1]
        said = "Girl, growing up · half mom, half dad\nLikeness: mom 81%, dad 64%"
        assert (film.kind, film.text) == ("animation", said)
        assert drawn(film.picture)["film"] == "mp4"
        assert film.labels == ["Sibling", "Who gave what?"]

    async def test_a_double_press_draws_once_and_both_presses_are_answered(self, api: BotApi) -> None:
        anna = api.person(1)
        await first_child(anna)
        await anna.presses("Older", times=2)
        await anna.sees_pictures(2)
        await api.until(lambda: len(api.answers) == 2, "two answers")
        assert len(anna.pictures) == 2

    async def test_a_stale_button_is_answered_kindly(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_album(b"someone 1", b"someone 2")
        await anna.sees("Who is who?")
        message, data = anna.data_of("The first photo is mom")
        await anna.says("/cancel")
        await anna.sees("forgotten")
        await anna.presses_data(message, data)
        await api.until(lambda: len(api.answers) == 1, "an answer")
        assert api.answers[0]["text"] == "This button is from an earlier question."

    @pytest.mark.parametrize("data", ["", "nonsense", "older:" + "0" * 32, "who:1:1:" + "f" * 32])
    async def test_a_button_that_nobody_knows_is_answered(self, api: BotApi, data: str) -> None:
        anna = api.person(1)
        await anna.says("/help")
        message = await anna.sees("Send two photos")
        await anna.presses_data(message, data)
        await api.until(lambda: len(api.answers) == 1, "an answer")

    async def test_a_photo_that_is_no_photo_is_explained(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_file(b"text not a picture", "me.jpg", "image/jpeg")
        await anna.sees("This file is not a picture")

    async def test_a_photo_without_a_face_is_explained_as_a_reply_to_it(self, api: BotApi) -> None:
        anna = api.person(1)
        bad = await anna.sends_photo(b"nobody here")
        told = await anna.sees("I cannot find a face")
        assert told.reply_to == bad["message_id"]

    async def test_several_faces_are_shown_with_numbers(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_photo(b"crowd:3 of people")
        question = await anna.sees("I see 3 faces")
        assert question.labels == ["1", "2", "3"]
        await anna.presses("2")
        await anna.sees("Face 2 it is")
        await anna.sends_photo(b"mom 1")
        await anna.sees_pictures(1)

    async def test_a_person_who_may_be_an_adult_is_drawn_after_a_statement(self, api: BotApi) -> None:
        anna = api.person(1)
        sent = await anna.sends_photo(b"youth 1", "/mom")
        question = await anna.sees("I cannot tell whether this person is an adult")
        assert question.labels == ["I am an adult", "The person in this photo is an adult", "No, not an adult"]
        assert question.reply_to == sent["message_id"]
        await anna.presses("The person in this photo is an adult")
        await anna.sees("I will use this photo")
        await anna.sends_photo(b"dad 1")
        await anna.sees_pictures(1)

    async def test_a_person_who_is_no_adult_is_not_drawn(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_photo(b"youth 1", "/mom")
        await anna.sees("I cannot tell whether this person is an adult")
        await anna.presses("No, not an adult")
        await anna.sees("I have deleted this photo")
        await anna.sends_photo(b"mom 1")
        await anna.sends_photo(b"dad 1")
        await anna.sees_pictures(1)

    async def test_a_couple_on_one_photo_is_enough(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_photo(b"crowd:2 of people")
        await anna.sees("I see 2 faces")
        await anna.presses("Both are the parents")
        await anna.sees_pictures(1)

    async def test_a_file_above_the_limit_is_refused_without_fetching_it(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends_file(b"mom 1", "big.jpg", "image/jpeg", size=50_000_000)
        await anna.sees("up to 20 MB")
        assert api.count("getFile") == api.count("download") == 0

    async def test_a_file_that_does_not_tell_its_size_is_refused_by_telegram(self, api: BotApi) -> None:
        anna = api.person(1)
        big = await anna.sends_file(b"mom 1", "big.jpg", "image/jpeg", size=0)
        api.sizes[big["document"]["file_id"]] = 50_000_000
        await anna.sees("up to 20 MB")
        assert api.count("download") == 0

    @pytest.mark.parametrize(
        "content",
        [
            {"sticker": {"file_id": "s", "file_unique_id": "s", "width": 1, "height": 1, "is_animated": False,
                         "is_video": False, "type": "regular"}},
            {"voice": {"file_id": "v", "file_unique_id": "v", "duration": 1}},
            {"location": {"longitude": 1.0, "latitude": 2.0}},
            {"document": {"file_id": "d", "file_unique_id": "d", "file_name": "a.txt", "mime_type": "text/plain"}},
        ],
        ids=lambda content: next(iter(content)),
    )  # fmt: skip
    async def test_other_things_are_answered_kindly(self, api: BotApi, content: dict[str, object]) -> None:
        anna = api.person(1)
        await anna.sends(**content)
        await anna.sees("I only understand photos")

    async def test_an_animation_is_not_taken_for_a_picture(self, api: BotApi) -> None:
        anna = api.person(1)
        gif = {"file_id": "g", "file_unique_id": "g", "file_name": "a.gif", "mime_type": "image/gif"}
        await anna.sends(animation={**gif, "width": 1, "height": 1, "duration": 1}, document=gif)
        await anna.sees("I cannot read videos")

    async def test_service_messages_are_not_answered(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.sends(delete_chat_photo=True)
        await anna.says("/help")
        await anna.sees("Send two photos")
        assert len(anna.texts) == 1

    async def test_cancel_while_drawing_shows_no_picture(self, api: BotApi, worker: FakeWorker) -> None:
        anna = api.person(1)
        await first_child(anna)
        worker.pause()
        await anna.presses("Older")
        await anna.sees("queue")
        await anna.says("/cancel")
        await anna.sees("Stopped.")
        worker.resume()
        await anna.says("/child")
        await anna.sees_pictures(2)
        assert [drawn(picture.picture)["age"] for picture in anna.pictures] == [6.0, 6.0]

    async def test_deleting_asks_and_then_deletes_everything(self, api: BotApi, store: Store) -> None:
        anna = api.person(1)
        await first_child(anna)
        message, data = anna.data_of("Older")
        await anna.says("/delete_my_data")
        await anna.sees("cannot be undone")
        await anna.presses("Delete everything")
        await anna.sees("Deleted: 2 photos")
        with store.read_only() as unit:
            assert unit.users.find("telegram", "1") is None
        assert list(store.blobs.keys()) == []
        await anna.presses_data(message, data)
        await api.until(lambda: any("earlier question" in a.get("text", "") for a in api.answers), "a kind answer")

    async def test_settings_are_remembered(self, api: BotApi) -> None:
        anna = api.person(1)
        await anna.says("/settings")
        await anna.sees("When you say nothing else")
        await anna.presses("Girl or boy")
        await anna.sees("A girl, a boy")
        await anna.presses("Boy")
        await anna.sees("Noted: Boy")
        await first_child(anna)
        assert drawn(anna.pictures[0].picture)["sex"] == "boy"

    async def test_the_menus_are_set_for_each_chat_type_and_language(self, api: BotApi) -> None:
        await api.until(lambda: len(api.commands) == 2 * len(LANGUAGES), "all menus")
        assert api.commands["all_private_chats", ""] == list(PRIVATE)
        assert api.commands["all_group_chats", "de"] == list(GROUP)

    async def test_a_large_photo_of_two_is_shown_upright_with_numbers(self, api: BotApi) -> None:
        """The numbered picture is a real one where the photo is; the fake worker reads its first bytes only."""
        anna = api.person(1)
        picture = io.BytesIO()
        Image.new("RGB", (300, 200), "grey").save(picture, "JPEG", comment=b"x")
        await anna.sends_photo(b"crowd:2 " + picture.getvalue())
        question = await anna.sees("I see 2 faces")
        assert question.labels == ["1", "2", "Both are the parents"]


@pytest.mark.usefixtures("bot")
class TestGroups:
    async def test_mom_and_dad_may_come_from_two_people(self, api: BotApi) -> None:
        anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
        await anna.sends_photo(b"someone 1", "/mom")
        await anna.sees("Got mom")
        await ben.sends_photo(b"someone 2", "/dad@childface_bot")
        [picture] = await anna.sees_pictures(1)
        await ben.presses("Older")
        await anna.sees_pictures(2)
        assert picture.reply_to is not None

    async def test_answering_somebody_elses_photo_with_a_command_uses_it(self, api: BotApi, store: Store) -> None:
        anna, ben = api.person(1, GROUP_CHAT), api.person(2, GROUP_CHAT)
        holiday = await ben.sends_photo(b"someone 2")
        await anna.sends_photo(b"someone 1", "/mom")
        await anna.sees("Got mom")
        await anna.says("/dad", reply_to=holiday)
        [picture] = await anna.sees_pictures(1)
        with store.read_only() as unit:
            dad = unit.photos.get(drawn(picture.picture)["dad"])
            assert unit.users.get(dad.owner_id).platform_user_id == "2"

    async def test_a_reply_joins_the_round_it_answers_when_there_are_several(self, api: BotApi) -> None:
        anna, ben, carl = (api.person(n, GROUP_CHAT) for n in (1, 2, 3))
        hers = await anna.sends_photo(b"someone 1", "/mom")
        await ben.sends_photo(b"someone 2", "/mom")
        await api.until(lambda: sum("Got mom" in text for text in anna.texts) == 2, "two rounds")
        await carl.sends_photo(b"someone 3", "/dad", reply_to=hers)
        [picture] = await anna.sees_pictures(1)
        await anna.presses("Older")
        await anna.sees_pictures(2)
        assert picture.picture is not None

    async def test_pictures_and_talk_that_are_not_for_us_are_left_alone(self, api: BotApi) -> None:
        anna = api.person(1, GROUP_CHAT)
        await anna.sends_photo(b"mom on the beach")
        await anna.sends_photo(b"mom on the beach", "mom")
        await anna.says("hello everybody")
        await anna.says("/weather@other_bot")
        await anna.says("Hey @ChildFace_bot, what can you do?")
        await anna.sees("Send me two photos")
        assert api.count("getFile") == 0
        assert len(anna.texts) == 1

    async def test_strangers_cannot_press(self, api: BotApi) -> None:
        anna, carl = api.person(1, GROUP_CHAT), api.person(3, GROUP_CHAT)
        await anna.sends_photo(b"mom 1", "/mom")
        await anna.sends_photo(b"dad 1", "/dad")
        await anna.sees_pictures(1)
        await carl.presses("Older")
        await api.until(lambda: len(api.answers) == 1, "an answer")
        assert "somebody else" in api.answers[0]["text"]

    async def test_a_reply_to_the_bots_question_joins_its_round(self, api: BotApi) -> None:
        anna, ben, carl = (api.person(n, GROUP_CHAT) for n in (1, 2, 3))
        await ben.sends_photo(b"someone 2", "/mom")
        await ben.sees("Got mom")
        await anna.sends_photo(b"someone 1", "/mom")
        await api.until(lambda: sum("Got mom" in text for text in anna.texts) == 2, "two rounds")
        hers = await anna.sees("Got mom")
        await carl.sends_photo(b"dad 1", reply_to=message_json(hers))
        await anna.sees_pictures(1)
        await anna.presses("Older")
        await anna.sees_pictures(2)


class TestTroubleOnTheWay:
    async def test_429_is_waited_for_and_nothing_is_lost_or_doubled(self, api: BotApi, bot: TelegramBot) -> None:
        anna = api.person(1)
        api.fail("sendMessage", "429")
        api.fail("editMessageMedia", "429")
        await first_child(anna)
        assert [message.text.splitlines()[0] for message in anna.pictures] == ["Girl, 6 years · half mom, half dad"]

    async def test_429_in_one_chat_does_not_hold_up_another(self, api: BotApi, bot: TelegramBot) -> None:
        anna, ben = api.person(1), api.person(2)
        api.fail("sendMessage", "429", retry_after=30, chat_id=1)
        await anna.says("/help")
        await api.until(lambda: api.faults[0].times == 0, "the 429")
        await ben.says("/help")
        await ben.sees("Send two photos")
        assert anna.texts == []
        api.faults.clear()

    @pytest.mark.parametrize(
        "method", ["sendMessage", "editMessageMedia", "getFile", "download", "answerCallbackQuery"]
    )
    async def test_a_dropped_connection_is_tried_again(self, api: BotApi, bot: TelegramBot, method: str) -> None:
        anna = api.person(1)
        api.fail(method, "drop", 2)
        await first_child(anna)
        await anna.presses("Older")
        await anna.sees_pictures(2)
        await api.until(lambda: api.faults[0].times == 0, "both drops")

    async def test_a_picture_that_arrived_unheard_is_not_shown_twice(self, api: BotApi, bot: TelegramBot) -> None:
        anna = api.person(1)
        api.fail("editMessageMedia", "drop after")
        await first_child(anna)
        await api.until(lambda: api.count("editMessageMedia") == 2, "the second try")
        await anna.says("/help")
        await anna.sees("Send two photos")
        assert len(anna.pictures) == 1

    async def test_a_photo_that_cannot_be_fetched_is_asked_for_again(self, api: BotApi, bot: TelegramBot) -> None:
        anna = api.person(1)
        api.fail("download", "drop", FETCH_TRIES)
        await anna.sends_photo(b"mom 1")
        await anna.sees("I could not fetch this photo")

    async def test_a_result_that_was_ready_while_the_bot_was_away_is_told_once(
        self, api: BotApi, dialogue: ConversationService, worker: FakeWorker
    ) -> None:
        anna = api.person(1)
        async with running_bot(api, dialogue):
            worker.pause()
            await anna.sends_photo(b"mom 1")
            await anna.sees("Now a photo")
            await anna.sends_photo(b"dad 1")
            await api.until(lambda: api.count("download") == 2, "both photos")
        worker.resume()
        while len(worker.done) < 2:  # both photos were looked at while no bot was there
            await asyncio.sleep(0.01)
        async with running_bot(api, dialogue):
            await anna.sees_pictures(1)
            worker.pause()
            await anna.presses("Older")
            await anna.sees("queue")
        worker.resume()
        while len(worker.done) < 4:
            await asyncio.sleep(0.01)
        async with running_bot(api, dialogue):
            await anna.sees_pictures(2)
            await anna.says("/help")
            await anna.sees("Send two photos")
        async with running_bot(api, dialogue):
            await anna.says("/help")
            await api.until(lambda: sum("Send two photos" in text for text in anna.texts) == 2, "the second help")
        assert len(anna.pictures) == 2

    @pytest.mark.parametrize(
        ("size", "kind"), [((6000, 5000), "photo"), ((4200, 200), "document"), ((2100, 2100), "photo")]
    )
    async def test_a_picture_beyond_telegrams_limits_is_made_to_fit_before_it_is_sent(
        self, api: BotApi, bot: TelegramBot, worker: FakeWorker, size: tuple[int, int], kind: str
    ) -> None:
        drawing, marked = io.BytesIO(), PngInfo()
        marked.add_itxt("XML:com.adobe.xmp", "<made by a machine/>")
        noisy = Image.effect_noise(size, 90) if size[0] == size[1] else Image.new("L", size, 128)
        Image.merge("RGB", [noisy, noisy.transpose(Image.Transpose.ROTATE_180), noisy]).save(
            drawing, "PNG", pnginfo=marked, compress_level=1
        )
        worker.picture = drawing.getvalue()
        anna = api.person(1)
        await first_child(anna)
        [picture] = anna.pictures
        assert picture.kind == kind and picture.picture is not None
        assert b"<made by a machine/>" in picture.picture
        with Image.open(io.BytesIO(picture.picture)) as sent:
            assert (sent.size == size) == (sum(size) <= 10_000)

    async def test_a_progress_message_that_somebody_deleted_is_replaced(
        self, api: BotApi, bot: TelegramBot, worker: FakeWorker
    ) -> None:
        anna = api.person(1)
        await first_child(anna)
        worker.pause()
        await anna.presses("Older")
        progress = await anna.sees("queue")
        progress.deleted = True
        worker.resume()
        await anna.sees_pictures(2)

    async def test_our_own_mistake_ends_in_an_apology_with_a_number(
        self,
        api: BotApi,
        bot: TelegramBot,
        dialogue: ConversationService,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def stumble(*_: object) -> None:
            raise RuntimeError("over secret words")

        anna = api.person(1)
        monkeypatch.setattr(dialogue, "hear", stumble)
        await anna.says("/start secret words")
        told = await anna.sees("it is my fault")
        number = told.text.split("No. ")[1].rstrip(")")
        assert [record.__dict__["error"] for record in caplog.records if record.levelname == "ERROR"] == [number]
        assert "secret" not in caplog.text and api.url not in caplog.text

    async def test_somebody_who_blocked_the_bot_does_not_stop_it(self, api: BotApi, bot: TelegramBot) -> None:
        anna, ben = api.person(1), api.person(2)
        api.fail("sendMessage", "403", chat_id=1)
        await anna.says("/help")
        await ben.says("/help")
        await ben.sees("Send two photos")


class TestManyPeople:
    async def test_nothing_is_lost_or_doubled_in_a_storm_with_two_restarts(
        self, api: BotApi, dialogue: ConversationService
    ) -> None:
        people = [api.person(number) for number in range(1, 9)]
        api.storm = (random.Random(7), 0.2)
        async with running_bot(api, dialogue):
            for person in people:
                await person.sends_album(b"mom %d" % person.number, b"dad %d" % person.number)
            await api.until(lambda: sum(len(person.pictures) for person in people) >= 3, "the first pictures")
        async with running_bot(api, dialogue):
            for person in people:
                await person.sees_pictures(1)
            for person in people:
                await person.presses("Older")
            await api.until(lambda: len({answer["callback_query_id"] for answer in api.answers}) >= 5, "presses")
        async with running_bot(api, dialogue):
            for person in people:
                await person.sees_pictures(2)
            for person in people:
                await person.presses("Sibling")
            for person in people:
                await person.sees_pictures(3)
        for person in people:
            assert len({drawn(picture.picture)["job"] for picture in person.pictures}) == 3
            assert len(person.pictures) == 3

    async def test_forty_people_at_once_each_get_their_own_child(self, api: BotApi, bot: TelegramBot) -> None:
        people = [api.person(number) for number in range(1, 41)]
        for person in people:
            await person.sends_album(b"mom %d" % person.number, b"dad %d" % person.number)
        for person in people:
            await person.sees_pictures(1)
        assert all(len(person.pictures) == 1 for person in people)
        moms = {drawn(person.pictures[0].picture)["mom"] for person in people}
        assert len(moms) == 40

    async def test_one_persons_messages_are_answered_in_order(self, api: BotApi, bot: TelegramBot) -> None:
        anna = api.person(1)
        for age in range(10, 30):
            await anna.says(f"/age {age}")
        await anna.sees("Noted: 29 years.")
        assert anna.texts == [f"Noted: {age} years." for age in range(10, 30)]
