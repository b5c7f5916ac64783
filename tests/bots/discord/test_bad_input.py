"""The table of bad input on Discord: each command with its fields filled in badly, menus beside what is no photo.

Discord's own programs keep to the bounds of a form. Older ones, with the form of yesterday, and other programs do not.
"""

from __future__ import annotations

from typing import Any

from bots.commands import GROUP, PRIVATE
from bots.service.conversation_service import ConversationService
from storage.unit_of_work import Store
from tests.bots.conftest import running_discord_bot
from tests.support.chats import fake_discord
from tests.support.chats.agreement import agreed
from tests.support.chats.bad_input import (
    ADMINS_ONLY,
    ASKED_FIRST,
    BAD_AGE,
    BAD_CODE,
    BAD_GENES,
    BAD_GROUP,
    BAD_LOOK,
    BAD_MIX,
    BAD_NAMES,
    BAD_SEX,
    BAD_SMILE,
    BAD_WISH,
    LONG_NAME,
    NO_FACE,
    NO_PICTURE,
    NO_VIDEOS,
    NOT_FETCHED,
    PHOTOS_ONLY,
    SAME_PHOTO,
    SEND_TWO,
    TOO_LARGE,
    TWO_FACES,
    UNDER_AGE,
    UNKNOWN_COMMAND,
    UNSAFE,
    WALL_IS_OFF,
    Action,
    Row,
    commands_in,
    presses,
    sees,
    what_changed,
)  # fmt: skip
from tests.support.chats.fake_discord import Discord, Person

NOT_READ = "I could not read this command."
STALE = "This button is from an earlier question."
HELP = "Send two photos, mom and dad"
COUPLE = "Have a child with …"
MEGABYTES = 50 * 2**20


def uses(command: str, **options: Any) -> Action:
    return lambda person: person.uses(command, **options)


def sends(command: str, data: bytes, name: str = "a.jpg", mime: str | None = "image/jpeg", **facts: Any) -> Action:
    """A photo with /mom or /dad."""
    return lambda person: person.uses(command, photo=person.upload(data, name, mime, **facts))


def menu(role: str, *files: tuple[bytes, str, str | None], text: str = "", **facts: Any) -> Action:
    """ "Use as …" beside a message with these files."""

    async def use(person: Person) -> None:
        message = await person.posts(*(person.upload(*file) for file in files), text=text)
        for name, value in facts.items():
            setattr(message, name, value)
        await person.uses_menu(f"Use as {role}", message)

    return use


def forwarded(role: str, *files: tuple[bytes, str, str | None]) -> Action:
    """ "Use as …" beside a message that forwards another one with these files."""

    async def use(person: Person) -> None:
        message = await person.posts()
        message.forwards = [person.upload(*file) for file in files]
        await person.uses_menu(f"Use as {role}", message)

    return use


async def deleted_meanwhile(person: Person) -> None:
    photo = person.upload(b"mom 1")
    del person.api.files[photo["id"]]
    await person.uses("mom", photo=photo)


def couple_with(number: int | None) -> Action:
    """The menu beside somebody; beside oneself where no number is given."""
    return lambda person: person.uses_user_menu(COUPLE, person.number if number is None else number)


async def couple_of_one(person: Person) -> None:
    await person.uses("couple", first=person, second=person)


async def couple_with_a_bot(person: Person) -> None:
    await person.uses("couple", first=person.api.person(fake_discord.APPLICATION))


async def couple_in_private(person: Person) -> None:
    await person.uses("couple", first=person.api.person(2))


def presses_unknown(data: str) -> Action:
    """A button under the last answer that says something which we never said."""
    return lambda person: person.presses_data(person.shown[-1], data)


TEXT = (b"text 1", "notes.txt", "text/plain")
VOICE = (b"OggS", "voice-message.ogg", "audio/ogg")
VIDEO = (b"....", "clip.mp4", "video/mp4")
MOM = (b"mom 1", "mom.jpg", "image/jpeg")

MESSAGES = (
    Row("words", (menu("mom", text="hello"),), PHOTOS_ONLY),
    Row("emoji", (menu("dad", text="👶❤️"),), PHOTOS_ONLY),
    Row("right-to-left text", (menu("dad", text="مرحبا"),), PHOTOS_ONLY),
    Row("a sticker", (menu("mom", stickers=[{"id": "5", "name": "A", "format_type": 1}]),), PHOTOS_ONLY),
    Row("a voice message", (menu("mom", VOICE),), PHOTOS_ONLY),
    Row("a document", (menu("mom", TEXT),), PHOTOS_ONLY),
    Row("a video", (menu("mom", VIDEO),), NO_VIDEOS),
    Row("a forwarded photo", (forwarded("mom", MOM),), "This photo comes from somebody else."),
    Row("forwarded words", (forwarded("mom"),), PHOTOS_ONLY),
    Row("a forwarded video", (forwarded("mom", VIDEO),), NO_VIDEOS),
    Row("our own picture", (menu("mom", MOM, author=fake_discord.APPLICATION),), PHOTOS_ONLY),
    Row("a photo that was deleted meanwhile", (deleted_meanwhile,), NOT_FETCHED),
    Row("a file of 50 MB", (sends("mom", b"mom 1", size=MEGABYTES),), TOO_LARGE),
    Row("a file that is no picture", (sends("mom", b"text 1", "a.txt", "text/plain"),), NO_PICTURE),
    Row("a picture that is none", (sends("dad", b"text 1"),), NO_PICTURE),
    Row("an empty file", (sends("dad", b""),), "This file is empty."),
    Row("two faces", (sends("mom", b"crowd:2 1"),), TWO_FACES),
    Row("a dog", (sends("mom", b"nobody dog"),), NO_FACE),
    Row("a baby as dad", (sends("dad", b"baby 1"),), UNDER_AGE),
    Row(
        "a baby, they say no",
        (sends("dad", b"baby 1"), sees("under age"), presses("That is wrong")),
        "Sorry! Faces can deceive",
    ),
    Row("an indecent picture", (sends("mom", b"unsafe 1"),), UNSAFE),
    Row("the same photo twice", (sends("mom", b"mom 1"), sees("Got mom"), sends("mom", b"mom 1")), SAME_PHOTO),
    Row("the same photo as both", (sends("mom", b"mom 1"), sees("Got mom"), menu("dad", MOM)), "Got dad."),
    Row("a photo before agreeing", (sends("mom", b"mom 1"),), ASKED_FIRST, has_agreed=False),
    Row(
        "a second photo before agreeing",
        (sends("mom", b"mom 1"), sees(ASKED_FIRST), sends("dad", b"dad 1")),
        "I take this photo once you have agreed",
        has_agreed=False,
    ),
    Row("a couple with oneself", (couple_with(None),), "the same person twice", group=True),
    Row("a couple with a bot", (couple_with(fake_discord.APPLICATION),), "Name two people", group=True),
    Row("a couple in a private chat", (couple_with(2),), "/couple works in a group"),
    Row("a button of ours that is over", (uses("age"), sees("How old"), presses_unknown("q:1:77:age:6")), STALE),
    Row("a button that we never made", (uses("help"), sees(HELP), presses_unknown("🐉" * 20)), STALE),
)

COMMANDS = (
    Row("/start with words", (uses("start", words="qwerty"),), "Send me a photo of mom and a photo of dad"),
    Row("/help with words", (uses("help", words="👶"),), HELP),
    Row("/mom without a photo", (uses("mom"),), "Send me the photo of mom."),
    Row("/dad without a photo", (uses("dad"),), "Send me the photo of dad."),
    Row("/couple in a private chat", (couple_in_private,), "/couple works in a group"),
    Row("/couple that names nobody", (uses("couple"),), NOT_READ, group=True),
    Row("/couple, one person twice", (couple_of_one,), "the same person twice", group=True),
    Row("/couple with a bot", (couple_with_a_bot,), "Name two people", group=True),
    Row("/child without photos", (uses("child"),), SEND_TWO),
    Row("/child at -3", (uses("child", age=-3.0),), BAD_AGE),
    Row("/child at 400", (uses("child", age=400.0, sex="girl"),), BAD_AGE),
    Row("/child at 400 with photos", (uses("child", mom=b"mom 1", dad=b"dad 1", age=400.0),), BAD_AGE),
    Row("/child, a mix of 400 with photos", (uses("child", mom=b"mom 1", dad=b"dad 1", mix=400.0),), BAD_MIX),
    Row("/child, a dragon with photos", (uses("child", mom=b"mom 1", dad=b"dad 1", sex="dragon"),), BAD_SEX),
    Row("/child, a mix of 400", (uses("child", mix=400.0),), BAD_MIX),
    Row("/child, words", (uses("child", age="طفل 👶"),), NOT_READ),
    Row("/child, one photo is none", (uses("child", mom=b"text 1", dad=b"dad 1"),), NO_PICTURE),
    Row("/age -3", (uses("age", age=-3.0),), BAD_AGE),
    Row("/age 400", (uses("age", age=400.0),), BAD_AGE),
    Row("/age, words", (uses("age", age="abc"),), NOT_READ),
    Row("/age, emoji", (uses("age", age="👶"),), NOT_READ),
    Row("/age, right to left", (uses("age", age="عمر"),), NOT_READ),
    Row("/group beyond everything", (uses("group", group="80-120"),), BAD_GROUP),
    Row("/group, words", (uses("group", group="teenagers"),), BAD_GROUP),
    Row("/mix -5", (uses("mix", mix=-5.0),), BAD_MIX),
    Row("/mix 400", (uses("mix", mix=400.0),), BAD_MIX),
    Row("/mix abc", (uses("mix", mix="abc"),), NOT_READ),
    Row("/sex dragon", (uses("sex", sex="dragon"),), BAD_SEX),
    Row("/sex, emoji", (uses("sex", sex="🐉"),), BAD_SEX),
    Row("/genes of grandma", (uses("genes", eyes="grandma"),), BAD_GENES),
    Row("/genes, half of it good", (uses("genes", eyes="mom", nose="the cat"),), BAD_GENES),
    Row("/genes, right to left", (uses("genes", eyes="قطة"),), BAD_GENES),
    Row("/smile 2", (uses("smile", strength=2.0),), BAD_SMILE),
    Row("/smile, words", (uses("smile", strength="like a cat"),), NOT_READ),
    Row("/look, too much", (uses("look", glasses=3.0),), BAD_LOOK),
    Row("/look, half of it good", (uses("look", hair=0.5, glasses=-7.0),), BAD_LOOK),
    Row("/sibling without photos", (uses("sibling"),), SEND_TWO),
    Row("/grow without photos", (uses("grow"),), SEND_TWO),
    Row("/wish without words", (uses("wish"),), NOT_READ),
    Row("/wish about something else", (uses("wish", wish="the cat is asleep"),), BAD_WISH),
    Row("/wish, emoji", (uses("wish", wish="👶❤️"),), BAD_WISH),
    Row("/wish, right to left", (uses("wish", wish="قطة"),), BAD_WISH),
    Row("/wish, 400 years", (uses("wish", wish="400 years old"),), BAD_AGE),
    Row("/card without a child", (uses("card"),), SEND_TWO),
    Row("/code before any child", (uses("code"),), "There is no child yet whose code I could tell."),
    Row("/code, a wrong letter", (uses("code", code="71H1-31G"),), BAD_CODE),
    Row("/code, far too long", (uses("code", code="71H1" * 40),), BAD_CODE),
    Row("/code, emoji", (uses("code", code="👶"),), BAD_CODE),
    Row("/code without photos", (uses("code", code="71H1-31F"),), "Send me photos of its mom and dad first"),
    Row("/names without names", (uses("names"),), NOT_READ),
    Row("/names, one name", (uses("names", names="👶"),), BAD_NAMES),
    Row("/names, a long one", (uses("names", names=f"Anna, {'B' * 40}"),), LONG_NAME),
    Row("/wall in a private chat", (uses("wall"),), "The family wall belongs to a group."),
    Row("/wall that is off", (uses("wall"),), WALL_IS_OFF, group=True),
    Row("/wall perhaps", (uses("wall", switch="perhaps"),), "/wall shows the family wall.", group=True),
    Row("/wall on by anybody", (uses("wall", switch="on"),), ADMINS_ONLY, group=True),
    Row("/settings with words", (uses("settings", words="abc"),), "When you say nothing else I draw"),
    Row("/language with words", (uses("language", words="Klingon"),), "Which language shall I speak?"),
    Row("/cancel for nothing", (uses("cancel"),), "There is nothing to cancel."),
    Row("/privacy with words", (uses("privacy", words="please"),), "What I keep, and how long"),
    Row("/withdraw for nothing", (uses("withdraw"),), "You have not agreed to anything yet", has_agreed=False),
    Row(
        "/withdraw, then no",
        (uses("withdraw"), sees("Withdraw your agreement?"), presses("Keep my agreement")),
        "agreement stands",
    ),
    Row(
        "/delete_my_data, then no",
        (uses("delete_my_data"), sees("Delete everything"), presses("Keep it")),
        "Nothing was deleted.",
    ),
    Row("/admin by anybody", (uses("admin", words="block 7"),), UNKNOWN_COMMAND),
    Row("/admin in a guild, by anybody", (uses("admin", words="block 7"),), UNKNOWN_COMMAND, group=True),
    Row("/fly, which there is not", (uses("fly"),), NOT_READ),
)
ROWS = (*MESSAGES, *COMMANDS)


async def test_every_bad_input_gets_a_clear_answer_and_changes_nothing(
    discord_api: Discord, dialogue: ConversationService, store: Store
) -> None:
    rows = dict(enumerate(ROWS, start=1001))
    fake_discord.GUILD_OF.update({8000 + number: fake_discord.GUILD for number, row in rows.items() if row.group})
    agreed(store, "discord", *(number for number, row in rows.items() if row.has_agreed))
    wrong: list[str] = []
    async with running_discord_bot(dialogue):
        for number, row in rows.items():
            person = discord_api.person(number, 8000 + number if row.group else None)
            for deed in row.deeds:
                await deed(person)
            wrong += [f"{row.name}: {said}" for said in await answers_but(person, row.answer)]
        for number, row in rows.items():
            chat = str(8000 + number if row.group else 10_000 + number)
            wrong += [f"{row.name}: {said}" for said in what_changed(store, "discord", str(number), chat)]
    assert not wrong, "\n".join(wrong)
    # Where nothing came of "thinking …", it was taken away.
    assert not [m for m in discord_api.messages.values() if m.thinking and not m.deleted]


async def answers_but(person: Person, wanted: str) -> list[str]:
    """What was said instead of the wanted words; /help shows that the bot still answers."""
    try:
        await person.sees(wanted)
    except AssertionError:
        return person.texts or ["silence"]
    await person.uses("help")
    await person.sees(HELP)
    return []


def test_every_command_has_a_row() -> None:
    assert {*PRIVATE, *GROUP, "admin"} <= commands_in(COMMANDS)
