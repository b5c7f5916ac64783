"""Whole conversations over real HTTP and a real WebSocket: discord.py, our bot, a real store, a server of ours."""

from __future__ import annotations

import asyncio
import io
import logging
import random
import threading
from dataclasses import replace

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bots.adapters.messenger import OutboundMessage
from bots.adapters.runner import TokenRefused
from bots.conversation.effects import Say
from bots.conversation.handlers.requests import GROUP_CHOICES
from bots.discord.bot import DiscordBot
from bots.discord.parsing import escape_name
from bots.i18n.parsing.traits import LOOKS, TRAITS
from bots.service.conversation_service import ConversationService
from bots.service.presenter import DeliveryTarget, Presenter
from storage.unit_of_work import Store
from tests.bots.conftest import running_discord_bot
from tests.bots.service.test_conversation_service import Kept
from tests.support.chats import fake_discord
from tests.support.chats.fake_discord import CHANNEL, OTHER_CHANNEL, Discord, Person, ShownMessage
from tests.support.chats.fake_worker import FakeWorker, drawn


async def first_child(anna: Person) -> None:
    await anna.uses("child", mom=b"mom 1", dad=b"dad 1")
    await anna.sees_pictures(1)


@pytest.mark.usefixtures("discord_bot")
class TestOnePerson:
    async def test_two_photos_in_one_command_become_a_picture_with_buttons(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await first_child(anna)
        [picture] = anna.pictures
        assert drawn(picture.picture)["age"] == 6.0
        assert picture.text.splitlines() == [
            "Girl, 6 years · half mom, half dad",
            "Likeness: mom 81%, dad 64% · estimated age: 6 years",
        ]
        labels = ["◀ Younger", "Older ▶", "More mom", "More dad", "Sibling", "Growth strip"]
        assert picture.labels[:6] == labels

    async def test_thinking_becomes_the_progress_message_and_that_the_picture(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await first_child(anna)
        assert len(discord_api.messages) == 1
        assert anna.pictures[0].alt == "A drawn face: Girl, 6 years."

    async def test_wishes_beside_the_photos_are_heeded(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await anna.uses("child", mom=b"mom 1", dad=b"dad 1", age=9.0, mix=30.0, sex="boy")
        [picture] = await anna.sees_pictures(1)
        facts = drawn(picture.picture)
        assert (facts["age"], facts["mix"], facts["sex"]) == (9.0, 30.0, "boy")

    async def test_child_with_wishes_draws_the_photos_again(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await first_child(anna)
        await anna.uses("child", age=3.0, mix=80.0, sex="girl")
        facts = drawn((await anna.sees_pictures(2))[1].picture)
        assert (facts["age"], facts["mix"], facts["sex"]) == (3.0, 80.0, "girl")

    async def test_photos_one_by_one(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await anna.uses("mom", photo=b"someone 1")
        told = await anna.sees("Got mom. Now a photo of dad")
        assert "Use as mom" in told.text
        await anna.uses("dad", photo=b"someone 2")
        await anna.sees_pictures(1)

    async def test_photos_of_messages_are_used_from_the_menu(self, discord_api: Discord, store: Store) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL)
        hers = await anna.posts(anna.upload(b"someone 1"))
        his = await ben.posts(ben.upload(b"notes", "a.txt", "text/plain"), ben.upload(b"someone 2", "b.HEIC", None))
        await anna.uses_menu("Use as mom", hers)
        await anna.sees("Got mom")
        await anna.uses_menu("Use as dad", his)
        [picture] = await anna.sees_pictures(1)
        with store.read_only() as unit:
            dad = unit.photos.get(drawn(picture.picture)["dad"])
            assert unit.users.get(dad.owner_id).platform_user_id == "2"

    async def test_a_message_without_a_photo_is_explained(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await anna.uses_menu("Use as mom", await anna.posts(text="hello"))
        await anna.sees("I only understand photos")

    async def test_our_own_pictures_are_nobodys_parents(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        drawing = await anna.posts(anna.upload(b"mom 1"))
        drawing.author = fake_discord.APPLICATION
        await anna.uses_menu("Use as mom", drawing)
        await anna.sees("I only understand photos")

    async def test_age_shows_the_same_child_and_a_sibling_another(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await first_child(anna)
        await anna.uses("age", age=12.0)
        await anna.sees_pictures(2)
        await anna.presses("Sibling")
        await anna.sees_pictures(3)
        first, twelve, sibling = (drawn(picture.picture) for picture in anna.pictures)
        assert (twelve["age"], twelve["seed"]) == (12.0, first["seed"])
        assert (sibling["age"], sibling["mom"]) == (12.0, first["mom"])
        assert sibling["seed"] != first["seed"]

    async def test_a_question_is_answered_in_its_place(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await anna.uses("age")
        question = await anna.sees("How old")
        await anna.presses("10")
        await anna.sees("Noted: 10 years.")
        assert question.text == "Noted: 10 years." and question.labels == []

    async def test_a_double_press_draws_once(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await first_child(anna)
        await anna.presses("Older", times=2)
        await anna.sees_pictures(2)
        await discord_api.until(lambda: not any(m.thinking and not m.deleted for m in discord_api.messages.values()))
        assert len(anna.pictures) == 2

    async def test_several_faces_are_shown_with_numbers(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await anna.uses("mom", photo=b"crowd:3 of people")
        question = await anna.sees("I see 3 faces")
        assert question.labels == ["1", "2", "3"]
        await anna.presses("2")
        await anna.sees("Face 2 it is")
        await anna.uses("dad", photo=b"dad 1")
        await anna.sees_pictures(1)

    async def test_a_person_who_may_be_an_adult_is_drawn_after_a_statement(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await anna.uses("mom", photo=b"youth 1")
        question = await anna.sees("I cannot tell whether this person is an adult")
        assert question.labels == ["I am an adult", "The person in this photo is an adult", "No, not an adult"]
        await anna.presses("I am an adult")
        await anna.sees("I will use this photo")
        await anna.uses("dad", photo=b"dad 1")
        await anna.sees_pictures(1)

    async def test_deleting_asks_and_then_deletes_everything(self, discord_api: Discord, store: Store) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL)
        await first_child(anna)
        await anna.uses("delete_my_data")
        await anna.sees("cannot be undone")
        await anna.presses("Delete everything")
        await anna.sees("Deleted: 2 photos")
        assert not any("Delete" in text for text in ben.texts)
        with store.read_only() as unit:
            assert unit.users.find("discord", "1") is None
        assert list(store.blobs.keys()) == []

    async def test_a_file_above_the_limit_is_refused_without_fetching_it(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await anna.uses("mom", photo=anna.upload(b"mom 1", size=50_000_000))
        await anna.sees("up to 20 MB")
        assert discord_api.count("download") == 0

    async def test_a_file_that_is_no_picture_is_refused(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await anna.uses("mom", photo=anna.upload(b"text 1", "a.txt", "text/plain"))
        await anna.sees("This file is not a picture")

    async def test_everything_asked_for_is_guilds_only(self, discord_api: Discord) -> None:
        await discord_api.until(lambda: discord_api.intents is not None)
        assert discord_api.intents == 1


@pytest.mark.usefixtures("discord_bot")
class TestMenus:
    async def test_commands_are_offered_in_the_readers_language(self, discord_api: Discord) -> None:
        await discord_api.until(lambda: discord_api.commands, "commands")
        offered = {command["name"]: command for command in discord_api.commands}
        assert {"child", "age", "mix", "sibling", "grow", "privacy", "delete_my_data", "help"} <= set(offered)
        menus = ("Use as mom", "Use as dad", "Have a child with …")
        assert [offered[name]["type"] for name in menus] == [3, 3, 2]
        assert offered["grow"]["description_localizations"]["de"] == "Das Kind vom Baby bis erwachsen"
        options = {option["name"]: option for option in offered["child"]["options"]}
        assert [options[name]["type"] for name in ("mom", "dad", "age", "mix", "sex")] == [11, 11, 10, 10, 3]
        assert (options["age"]["min_value"], options["age"]["max_value"]) == (0, 90)
        assert [choice["value"] for choice in options["sex"]["choices"]] == ["girl", "boy", "surprise"]
        genes, looks = (offered[name]["options"] for name in ("genes", "look"))
        assert [option["name"] for option in genes] == [*TRAITS, "reset"]
        assert [choice["value"] for choice in genes[0]["choices"]] == ["mom", "dad", "both", "chance"]
        assert genes[0]["choices"][3]["name_localizations"]["de"] == "per Zufall"
        assert [option["name"] for option in looks] == [*LOOKS, "reset"]
        assert {(option.get("min_value"), option.get("max_value")) for option in looks[:-1]} == {(-1, 1)}
        # Names and descriptions within Discord's limits, in every language.
        for command in discord_api.commands:
            for words in (command.get("description_localizations") or {}).values():
                assert 1 <= len(words) <= 100
            for name in (command["name"], *(command.get("name_localizations") or {}).values()):
                assert 1 <= len(name) <= 32

    async def test_every_age_group_that_is_offered_is_understood(self, discord_api: Discord) -> None:
        await discord_api.until(lambda: discord_api.commands, "commands")
        [command] = [command for command in discord_api.commands if command["name"] == "group"]
        groups = [choice["value"] for choice in command["options"][0]["choices"]]
        assert groups == [f"{youngest}-{oldest}" for youngest, oldest in GROUP_CHOICES]

    async def test_traits_and_looks_are_filled_into_a_form(self, discord_api: Discord) -> None:
        anna = discord_api.person(1)
        await first_child(anna)
        await anna.uses("genes", eyes="mom", jaw="both", hair="chance")
        await anna.sees_pictures(2)
        await anna.uses("look", glasses=1.0, hair_length=-0.5)
        facts = drawn((await anna.sees_pictures(3))[2].picture)
        assert facts["genes"] == {"eyes": "mom", "jaw": "both"}
        assert facts["looks"] == {"glasses": 1.0, "hair_length": -0.5}

    async def test_an_unknown_command_is_answered(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await anna.uses("weather")
        await anna.sees("I could not read this command")


@pytest.mark.usefixtures("discord_bot")
class TestGuilds:
    async def test_mom_and_dad_may_come_from_two_people(self, discord_api: Discord) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL)
        await anna.uses("mom", photo=b"someone 1")
        await ben.sees("Got mom")
        await ben.uses("dad", photo=b"someone 2")
        await anna.sees_pictures(1)
        await ben.presses("Older")
        await anna.sees_pictures(2)

    @pytest.mark.parametrize("command", ["privacy", "help", "settings", "delete_my_data"])
    async def test_what_is_nobody_elses_business_is_whispered(self, discord_api: Discord, command: str) -> None:
        anna = discord_api.person(1, CHANNEL)
        await anna.uses(command)
        await discord_api.until(lambda: anna.texts, command)
        assert discord_api.shown(CHANNEL) == []

    async def test_a_bad_photo_is_refused_in_a_whisper(self, discord_api: Discord) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL)
        await anna.uses("child", mom=b"nobody 1", dad=b"dad 1")
        await anna.sees("I cannot find a face")
        assert not any("face" in text for text in ben.texts)

    async def test_a_wish_that_means_nothing_is_whispered(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await first_child(anna)
        await anna.uses("age", age=6.0)
        told = await anna.sees("That is how the child is drawn already")
        assert told.whisper == 1
        assert not any(m.thinking and not m.deleted for m in discord_api.messages.values())

    async def test_strangers_cannot_press(self, discord_api: Discord) -> None:
        anna, carl = discord_api.person(1, CHANNEL), discord_api.person(3, CHANNEL)
        await first_child(anna)
        await carl.presses("Older")
        assert (await carl.sees("somebody else")).whisper == 3
        assert not any("somebody else" in text for text in anna.texts)

    async def test_guilds_do_not_know_of_each_other(self, discord_api: Discord) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, OTHER_CHANNEL)
        await anna.uses("mom", photo=b"someone 1")
        await anna.sees("Got mom")
        await ben.uses("dad", photo=b"someone 2")
        await ben.sees("Got dad")
        await anna.uses("dad", photo=b"someone 3")
        await anna.sees_pictures(1)
        assert ben.pictures == []

    async def test_the_same_person_has_a_round_in_each_guild(self, discord_api: Discord) -> None:
        here, there = discord_api.person(1, CHANNEL), discord_api.person(1, OTHER_CHANNEL)
        await here.uses("mom", photo=b"someone 1")
        await here.sees("Got mom")
        await there.uses("dad", photo=b"someone 2")
        await there.sees("Got dad")
        assert here.pictures == there.pictures == []


@pytest.mark.usefixtures("discord_bot")
class TestFun:
    async def test_a_guild_is_asked_by_a_native_poll(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await first_child(anna)
        await anna.presses("Who does it look like?")
        asked = await anna.sees("Who does it look like?")
        assert asked.poll == ("Mom", "Dad", "Both", "The neighbour")

    async def test_the_wall_is_for_those_who_manage_the_guild_to_allow(self, discord_api: Discord) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL)
        await anna.uses("wall")
        await anna.sees("off in this group")
        await anna.uses("wall", switch="on")
        await anna.sees("Only admins")
        ben.permissions = 1 << 5
        await ben.uses("wall", switch="on")
        await anna.sees("The family wall is on")
        await anna.uses("wall")
        await anna.sees("Nobody is on the wall yet")

    async def test_the_family_card_is_described_for_people_who_cannot_see_it(self, discord_api: Discord) -> None:
        anna = discord_api.person(1, CHANNEL)
        await first_child(anna)
        await anna.uses("names", names="Anna & Ben & Mia")
        await anna.sees("The next family card")
        await anna.presses("Family card")
        card = (await anna.sees_pictures(2))[-1]
        assert card.text == "Mia and family"
        assert card.alt == "A family card: mom and dad, and their drawn child Mia: Girl, 6 years."


@pytest.mark.usefixtures("discord_bot")
class TestCouples:
    async def test_nothing_is_fetched_before_both_agreed(self, discord_api: Discord, store: Store) -> None:
        anna, ben, carl = (discord_api.person(number, CHANNEL) for number in (1, 2, 3))
        discord_api.avatars = {1: b"mom 1", 2: b"dad 1"}
        await anna.uses_user_menu("Have a child with …", 2)
        asked = await ben.sees("secretname1 and secretname2")
        assert asked.labels == ["I agree", "No, thanks"]
        await anna.presses("I agree")
        await ben.sees("secretname1 agrees")
        await carl.presses("I agree")
        await carl.sees("Only the two who are named")
        assert discord_api.count("download") == discord_api.count("user") == 0
        await ben.presses("I agree")
        [picture] = await anna.sees_pictures(1)
        with store.read_only() as unit:
            dad = unit.photos.get(drawn(picture.picture)["dad"])
            assert unit.users.get(dad.owner_id).platform_user_id == "2"

    async def test_a_no_ends_it(self, discord_api: Discord) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL)
        await anna.uses("couple", first=anna, second=ben)
        await ben.sees("secretname1 and secretname2")
        await ben.presses("No, thanks")
        await anna.sees("no child of these two")
        assert discord_api.count("download") == 0

    async def test_somebody_without_an_avatar_is_asked_for_a_photo(self, discord_api: Discord) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL)
        discord_api.avatars = {1: b"mom 1"}
        await anna.uses("couple", first=ben)
        await ben.sees("secretname1 and secretname2")
        await anna.presses("I agree")
        await ben.sees("secretname1 agrees")
        await ben.presses("I agree")
        await anna.sees("secretname2")
        await anna.uses("dad", photo=b"dad 1")
        await anna.sees_pictures(1)


class TestTroubleOnTheWay:
    @pytest.mark.parametrize("route", ["callback", "edit answer", "download"])
    @pytest.mark.parametrize("kind", ["429", "drop"])
    async def test_a_request_that_fails_is_made_again(
        self, discord_api: Discord, discord_bot: DiscordBot, route: str, kind: str
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        discord_api.fail(route, kind, 2)
        await first_child(anna)
        assert len(anna.texts) == 1

    async def test_what_a_killed_process_had_sent_is_the_same_message_when_the_next_one_sends_it(
        self, discord_api: Discord, discord_bot: DiscordBot
    ) -> None:
        coming = OutboundMessage("Here it comes …", once="job.0.coming.0")
        first = await discord_bot._messenger.send(str(CHANNEL), coming)
        assert await discord_bot._messenger.send(str(CHANNEL), coming) == first
        assert await discord_bot._messenger.send(str(CHANNEL), replace(coming, once="job.1.coming.0")) != first

    @pytest.mark.parametrize("route", ["callback", "edit answer"])
    async def test_what_was_done_unheard_is_not_done_twice(
        self, discord_api: Discord, discord_bot: DiscordBot, route: str
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        discord_api.fail(route, "drop after", 2)
        await first_child(anna)
        assert len(anna.texts) == 1

    async def test_a_photo_that_cannot_be_fetched_is_asked_for_again(
        self, discord_api: Discord, discord_bot: DiscordBot
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        discord_api.fail("download", "drop", 50)
        await anna.uses("mom", photo=b"mom 1")
        await anna.sees("I could not fetch this photo")

    async def test_a_broken_gateway_is_resumed_and_brings_what_was_said_meanwhile(
        self, discord_api: Discord, discord_bot: DiscordBot
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        await anna.uses("mom", photo=b"mom 1")
        await anna.sees("Got mom")
        for number in range(3):
            await discord_api.drop_gateway()
            await anna.uses("age", age=float(number + 10))
            await anna.sees(f"Noted: {number + 10} years.")
        assert (discord_api.identified, discord_api.resumed) == (1, 3)

    async def test_a_session_that_is_over_begins_anew(self, discord_api: Discord, discord_bot: DiscordBot) -> None:
        anna = discord_api.person(1, CHANNEL)
        await anna.uses("mom", photo=b"mom 1")
        await anna.sees("Got mom")
        discord_api.resumable = False
        await discord_api.drop_gateway()
        await discord_api.until(lambda: discord_api.identified == 2, "a new session")
        await anna.uses("dad", photo=b"dad 1")
        await anna.sees_pictures(1)

    async def test_after_fifteen_minutes_the_result_comes_as_a_message_that_names_the_one_who_waits(
        self, discord_api: Discord, discord_bot: DiscordBot, worker: FakeWorker
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        worker.pause()
        await anna.uses("child", mom=b"mom 1", dad=b"dad 1")
        progress = await anna.sees("Looking at the photos")
        discord_api.token_life = 0.0
        worker.resume()
        [picture] = await anna.sees_pictures(1)
        assert progress.deleted and picture.message_id != progress.message_id
        assert discord_api.count("send") == 1 and picture.named == [1]
        assert anna.texts == [picture.text]

    async def test_the_bot_knows_itself_when_an_answer_is_over(
        self, discord_api: Discord, dialogue: ConversationService, worker: FakeWorker
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        async with running_discord_bot(dialogue, answerable=0.0):
            await first_child(anna)
        # Only the deferral went through the interaction; its "thinking …" ends by itself.
        assert discord_api.count("followup") == discord_api.count("edit answer") == 0

    async def test_where_the_bot_may_not_write_the_interaction_still_answers(
        self, discord_api: Discord, discord_bot: DiscordBot
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        discord_api.closed_channels = {CHANNEL}
        await first_child(anna)
        await anna.presses("Older")
        await anna.sees_pictures(2)

    async def test_buttons_of_an_earlier_process_work(
        self, discord_api: Discord, dialogue: ConversationService
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        async with running_discord_bot(dialogue):
            await first_child(anna)
            await anna.uses("settings")
            await anna.sees("When you say nothing else")
        async with running_discord_bot(dialogue):
            await anna.presses("Girl or boy")
            await anna.sees("A girl, a boy")
            await anna.presses("Older")
            await anna.sees_pictures(2)
        assert [drawn(picture.picture)["age"] for picture in anna.pictures] == [6.0, 10.0]

    async def test_a_result_that_was_ready_while_the_bot_was_away_is_told_once(
        self, discord_api: Discord, dialogue: ConversationService, worker: FakeWorker
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        async with running_discord_bot(dialogue):
            worker.pause()
            await anna.uses("child", mom=b"mom 1", dad=b"dad 1")
            progress = await anna.sees("Looking at the photos")
        worker.resume()
        while len(worker.done) < 2:  # both photos were looked at while no bot was there
            await asyncio.sleep(0.01)
        for _ in range(2):
            async with running_discord_bot(dialogue):
                await anna.sees_pictures(1)
                await anna.uses("help")
                await anna.sees("Send two photos")
        # The message that said "looking" has become the picture, though the token was lost with the process.
        assert [picture.message_id for picture in anna.pictures] == [progress.message_id]

    async def test_whoever_the_bot_did_not_get_to_before_it_stopped_is_told_to_try_again(
        self, discord_api: Discord, dialogue: ConversationService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        anna, ben = discord_api.person(1, CHANNEL), discord_api.person(2, CHANNEL, "de")
        reached = threading.Event()

        def never(*_: object) -> None:
            reached.wait(5.0)

        async with running_discord_bot(dialogue, grace=0.1):
            monkeypatch.setattr(dialogue, "hear", never)
            tokens = [await anna.uses("help"), await ben.uses("age")]
            await discord_api.until(lambda: all(token.kind is not None for token in tokens), "acknowledgements")
        reached.set()
        assert (await anna.sees("I am being restarted")).whisper == 1
        await ben.sees("Ich werde gerade neu gestartet")
        assert not any(m.thinking and not m.deleted for m in discord_api.messages.values())

    async def test_a_progress_message_that_somebody_deleted_is_replaced(
        self, discord_api: Discord, discord_bot: DiscordBot, worker: FakeWorker
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        worker.pause()
        await anna.uses("child", mom=b"mom 1", dad=b"dad 1")
        (await anna.sees("Looking at the photos")).deleted = True
        worker.resume()
        await anna.sees_pictures(1)

    async def test_a_picture_above_the_upload_limit_is_made_smaller_first(
        self, discord_api: Discord, discord_bot: DiscordBot, worker: FakeWorker
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        discord_api.upload_limit = 100_000
        large = io.BytesIO()
        marked = PngInfo()
        marked.add_itxt("XML:com.adobe.xmp", "<made by a machine/>")
        Image.effect_noise((512, 512), 80).convert("RGB").save(large, "PNG", pnginfo=marked)
        worker.picture = large.getvalue()
        assert len(worker.picture) > discord_api.upload_limit
        await first_child(anna)
        sent = anna.pictures[0].picture
        assert sent is not None and len(sent) <= discord_api.upload_limit
        with Image.open(io.BytesIO(sent)) as picture:
            assert picture.info["xmp"] == b"<made by a machine/>"

    async def test_a_fault_of_ours_ends_in_an_apology_with_a_number(
        self,
        discord_api: Discord,
        discord_bot: DiscordBot,
        dialogue: ConversationService,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def stumble(*_: object) -> None:
            raise RuntimeError("our own mistake")

        anna = discord_api.person(1, CHANNEL)
        monkeypatch.setattr(dialogue, "hear", stumble)
        await anna.uses("start")
        told = await anna.sees("it is my fault")
        assert told.whisper == 1
        number = told.text.split("No. ")[1].rstrip(")")
        assert number in [record.__dict__.get("error") for record in caplog.records]
        assert discord_api.url not in caplog.text

    async def test_while_the_store_is_away_people_are_asked_to_try_again(
        self, discord_api: Discord, discord_bot: DiscordBot, store: Store
    ) -> None:
        anna = discord_api.person(1, CHANNEL)
        store.database.close()
        with store.database.engine.connect() as connection:
            connection.exec_driver_sql("ALTER TABLE users RENAME TO elsewhere")
            connection.commit()
        await anna.uses("start")
        told = await anna.sees("Please try again in a minute")
        assert told.whisper == 1

    async def test_a_refused_token_is_said_so(self, discord_api: Discord, dialogue: ConversationService) -> None:
        bot = DiscordBot("another.token.here", dialogue)
        with pytest.raises(TokenRefused) as refused:
            await bot.run()
        assert refused.value.service == "Discord" and "another" not in str(refused.value)

    async def test_the_log_of_a_conversation_holds_nothing_personal(
        self, discord_api: Discord, dialogue: ConversationService, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        anna = discord_api.person(424242424242, CHANNEL)
        discord_api.fail("edit answer", "429", 2)
        async with running_discord_bot(dialogue):
            await anna.uses("mom", photo=b"nobody 1")
            await anna.sees("I cannot find a face")
            await first_child(anna)
            await discord_api.drop_gateway()
            await anna.presses("Older")
            await anna.sees_pictures(2)
        written = "\n".join(
            record.getMessage() + (record.exc_text or "")
            for record in caplog.records
            if not record.name.startswith("aiohttp")
        )
        for secret in (fake_discord.TOKEN, "secret", "424242424242", str(CHANNEL), "photo.jpg", "picture {"):
            assert secret not in written


class TestManyPeople:
    async def test_nothing_is_lost_or_doubled_in_a_storm_with_two_restarts(
        self, discord_api: Discord, dialogue: ConversationService
    ) -> None:
        people = [discord_api.person(number, CHANNEL if number % 2 else OTHER_CHANNEL) for number in range(1, 9)]
        discord_api.storm = (random.Random(7), 0.2)

        wanted = 0
        for step in range(3):
            wanted += len(people)
            async with running_discord_bot(dialogue):
                for person in people:
                    if step == 0:
                        await person.uses("child", mom=b"mom %d" % person.number, dad=b"dad %d" % person.number)
                    else:
                        await person.uses("grow" if step == 1 else "sibling")
                    if person.number % 3 == 0:
                        await discord_api.drop_gateway()
                # The first two processes end in the middle of it.
                await discord_api.until(
                    lambda goal=wanted - (4 if step < 2 else 0): len(all_pictures(discord_api)) >= goal, "pictures"
                )
        assert len(all_pictures(discord_api)) == wanted
        jobs = [drawn(shown.picture)["job"] for shown in all_pictures(discord_api)]
        assert len(set(jobs)) == len(jobs)
        assert discord_api.broken > 0 and discord_api.resumed > 0


def all_pictures(api: Discord) -> list[ShownMessage]:
    """The bot's pictures in all channels."""
    return [shown for shown in api.messages.values() if shown.picture is not None and not shown.deleted]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anna", "Anna"),
        ("**Anna**", "\\*\\*Anna\\*\\*"),
        ("[gifts](https://example.org)", "\\[gifts\\]\\(https:\u200b//example.org\\)"),
        ("a\n# b", "a \\# b"),
        ("@everyone", "@\u200beveryone"),
        ("<@1>", "\\<@1\\>"),
    ],
)
def test_a_name_is_only_a_name(name: str, shown: str) -> None:
    assert escape_name(name) == shown


async def test_the_markup_in_a_display_name_does_not_show(store: Store) -> None:
    said = Say("couple_one_agreed", {"name": "**Anna**", "other": "[x](http://y)"})
    presenter = Presenter(ConversationService(store, Kept()), escape=escape_name)

    note = await presenter.note(DeliveryTarget("1", "1", "en"), said)

    assert note.text.startswith("\\*\\*Anna\\*\\* agrees. \\[x\\]")
