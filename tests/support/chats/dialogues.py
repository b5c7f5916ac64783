"""Conversations that every adapter must support in the same way.

photo mom 1 as mom | Got mom        a photo with what the fake worker makes of it, said to be mom
/age 12 | Girl, 12 years            a command; "(seen)" in it stands for the first code of a child that was told
press Older | Girl, 10 years        a button, by a part of its label
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Move:
    """One thing somebody does: `kind` is photo, command or press."""

    kind: str
    what: str
    sees: str
    role: str = ""


COUPLE = """
photo mom 1 as mom  | Got mom. Now a photo of dad
photo dad 1 as dad  | Girl, 6 years · half mom, half dad
"""

STORIES: dict[str, str] = {
    "two photos become a child": COUPLE,
    "dad may come first": """
        photo dad 1 as dad | Got dad. Now a photo of mom
        photo mom 1 as mom | Girl, 6 years
    """,
    "somebody who says hello is told what to do": """
        /start | Hi!
        /help | /sibling
    """,
    "an age that was wished before holds": "/age 9 | Noted: 9 years." + COUPLE.replace("6 years", "9 years"),
    "the same child at another age": COUPLE + "/age 12 | Girl, 12 years",
    "an age that nobody has": COUPLE + "/age 400 | I can draw ages from 0 to 90",
    "an age below nothing": "/age -3 | I can draw ages from 0 to 90",
    "nearer to mom": COUPLE + "/mix 30 | 70% mom, 30% dad",
    "a mix above everything": COUPLE + "/mix 140 | The mix is a number from 0",
    "a boy": COUPLE + "/sex boy | Boy, 6 years",
    "a brother or a sister": COUPLE + "/sibling | Girl, 6 years",
    "from baby to grown-up": COUPLE + "/grow | Girl, growing up",
    "another child with other wishes": COUPLE + "/child 3 boy | Boy, 3 years",
    "what the picture shows is told with it": COUPLE.replace(
        "Girl, 6 years · half mom, half dad", "Likeness: mom 81%, dad 64% · estimated age: 6 years"
    ),
    "a picture that missed its age says so": COUPLE + "/age 90 | this one came out looking younger than you asked",
    "eyes from mom, nose from dad": COUPLE
    + """
        /genes eyes=mom nose=dad | Girl, 6 years
        /genes | Eyes: mom (chosen)
        /genes eyes=mom | That is how the child is drawn already
    """,
    "traits of nobody": COUPLE
    + """
        /genes eyes=grandma | Say whose each trait shall be
    """,
    "a trait is chosen by buttons and left to chance again": COUPLE
    + """
        press Who gave what | Eyes: mom
        press Nose | Nose: from whom?
        press mom | Girl, 6 years
        /genes | Nose: mom (chosen)
        press All by chance | All traits are left to chance again
    """,
    "traits that were wished before hold": "/genes hair=dad | Hair: dad"
    + COUPLE
    + """
        /genes | Hair: dad (chosen)
        /genes reset | Girl, 6 years
    """,
    "half a smile": COUPLE
    + """
        /smile 0.5 | Girl, 6 years
        /smile 2 | A smile is a number from -1
        /smile 0.5 | That is how the child is drawn already
    """,
    "glasses and fair hair": COUPLE
    + """
        /look glasses=1 hair=-0.5 | Girl, 6 years
        /look | Glasses: 1
        /look glasses=3 | Each look is a number from -1 to 1
        /look reset | Girl, 6 years
    """,
    "a look is chosen by buttons": COUPLE
    + """
        /look | How shall the child look?
        press Length of the hair | 1 is long, -1 is short
        press -0.5 | Girl, 6 years
    """,
    "looks that were wished before hold": "/smile 1 | Smile: 1" + COUPLE + "/look | Smile: 1",
    "wishes in somebody's own words": COUPLE
    + """
        /wish a boy, 12, more like mom | Boy, 12 years · 70% mom, 30% dad
        /wish a bit older, with glasses | Boy, 15 years
        /wish with blue eyes | the colour of the eyes
        /wish doesn't look like us | A better photo helps most
        press Another photo | Send me the better photo
        /wish thanks! | You're welcome
        /wish my son is 12 | Tell me what to change in your own words
    """,
    "starting over": COUPLE
    + """
        /wish start over | Shall I forget these photos
        press Keep the photos | keeping the photos
        /wish start over | Shall I forget these photos
        press Start over | I have forgotten these photos
    """,
    "an age group": COUPLE + "/group 11-20 | Girl, 15 years",
    "an age group by buttons": """
        /group | Of which age group
        press 31–40 | Noted: 35 years.
    """,
    "an age group that is none": "/group 80-120 | An age group is two ages from 0 to 90",
    "a child is drawn again by its code": COUPLE
    + """
        /code | Code:
        /age 30 | Girl, 30 years
        /sibling | Girl, 30 years
        /code (seen) | Girl, 6 years
    """,
    "a code with a wrong letter": COUPLE + "/code T5N8-4KQ2 | That is not the code of a child",
    "a code before the photos": "/code 71H1-31F | Send me photos of its mom and dad first",
    "a strip carries genes and looks": """
        /genes nose=mom | Nose: mom
        /smile 1 | Smile: 1
    """
    + COUPLE
    + "/grow | Girl, growing up",
    "no photos, no child": "/child | Send me two photos",
    "buttons make it older and younger": COUPLE
    + """
        press Older | Girl, 10 years
        press Younger | Girl, 6 years
    """,
    "buttons move it between the parents": COUPLE
    + """
        press More dad | 30% mom, 70% dad
        press More mom | half mom, half dad
    """,
    "the same button twice draws once": COUPLE
    + """
        press Growth strip | Girl, growing up
        /age 6 | That is how the child is drawn already
    """,
    "asked for an age, somebody presses one": COUPLE
    + """
        /age | How old should the child be
        press 15 | Girl, 15 years
    """,
    "asked for the mix, somebody presses": """
        /mix | Whose looks should win
        press All dad | Noted: all dad.
    """,
    "settings are changed by buttons": """
        /settings | When you say nothing else
        press One picture is enough | I will send the first picture only
        /settings | A closer picture after the first: no
        press Girl or boy | A girl, a boy, or a surprise
        press Boy | Noted: Boy.
    """,
    "a photo without a face is asked for again": """
        photo nobody 1 as mom | I cannot find a face
        photo mom 1 as mom | Got mom
        photo dad 1 as dad | Girl, 6 years
    """,
    "a file that is no picture": "photo text 1 as dad | This file is not a picture",
    "one of three faces": """
        photo crowd:3 1 as mom | I see 3 faces
        press 2 | Face 2 it is.
        photo dad 1 as dad | Girl, 6 years
    """,
    "the same photo twice": """
        photo mom 1 as mom | Got mom
        photo mom 1 as mom | I have this photo already
    """,
    "a better photo of mom draws anew": COUPLE + "photo mom 2 as mom | Girl, 6 years",
    "forgetting the photos": """
        photo mom 1 as mom | Got mom
        /cancel | forgotten these photos
        /cancel | nothing to cancel
        photo dad 1 as dad | Got dad
    """,
    "a button of an earlier question": """
        /age | How old should the child be
        /cancel | forgotten
        press 15 | This button is from an earlier question.
    """,
    "what is kept is told": "/privacy | Photos, faces and pictures are stored encrypted",
    "keeping everything after all": COUPLE
    + """
        /delete_my_data | This cannot be undone
        press Keep it | Nothing was deleted.
        /age 20 | Girl, 20 years
    """,
    "deleting everything": COUPLE
    + """
        /delete_my_data | This cannot be undone
        press Delete everything | Deleted: 2 photos
        /sibling | Send me two photos
    """,
}

FIRST_MEETINGS: dict[str, str] = {
    "asked before the first photo, somebody agrees": """
        photo mom 1 as mom | Before I look at any photo
        press I agree | Got mom. Now a photo of dad
        photo dad 1 as dad | Girl, 6 years
    """,
    "asked before the first photo, somebody declines": """
        photo mom 1 as mom | Before I look at any photo
        press No, thanks | keep nothing of them
    """,
    "who agreed can withdraw": """
        photo mom 1 as mom | Before I look at any photo
        press I agree | Got mom
        /withdraw | Withdraw your agreement?
        press Withdraw and delete | Your agreement is withdrawn
        photo mom 1 as mom | Before I look at any photo
    """,
}
"""With somebody who has not agreed to anything yet."""


def moves_of(story: str) -> list[Move]:
    """The lines of a story."""
    return [_move(line) for line in story.splitlines() if line.strip()]


def _move(line: str) -> Move:
    do, _, sees = (part.strip() for part in line.partition("|"))
    if do.startswith("/"):
        return Move("command", do, sees)
    kind, _, what = do.partition(" ")
    what, _, role = what.partition(" as ")
    return Move(kind, what, sees, role)
