"""Two group members as parents, by their profile photos. Nothing is fetched before both agree.

    proposed ──one agrees──▶ waiting for the other ──the other agrees──▶ photos fetched ──▶ as if two photos had come
        └──────────────── one declines, the one who asked takes it back, or a day passes ────▶ nothing happens

A bot cannot look up who @anna is. It does not have to: whoever presses shows number and user name, and only the two
who were named are heard.
"""

from __future__ import annotations

from dataclasses import replace

from bots.conversation.effects import AskConsent, CloseQuestion, FetchAvatars
from bots.conversation.events import AvatarsReceived, ButtonPressed, CommandGiven, CoupleProposed, Named, PhotosReceived
from bots.conversation.handlers.photos import photos_received
from bots.conversation.state import Proposal
from bots.conversation.turn import Turn, button_row

AGREE_WITHIN = 24 * 3600.0
"""Seconds that the two have to agree."""


def couple_command(turn: Turn, event: CommandGiven) -> None:
    """/couple without names, or outside a group."""
    turn.say("couple_how" if turn.context.group else "couple_needs_group")


def couple_proposed(turn: Turn, event: CoupleProposed) -> None:
    """Ask both people. If only one is named, the other is the sender."""
    people = event.people
    if not turn.context.group:
        turn.say("couple_needs_group")
    elif len(people) != 2:
        turn.say("couple_how")
    elif _same(people[0], people[1]):
        turn.say("couple_same")
    else:
        turn.change(proposal=Proposal(people, at=turn.context.now))
        rows = (button_row("couple", ("couple_yes", "yes"), ("couple_no", "no")),)
        first, second = (person.shown for person in people)
        turn.ask("couple", "couple_ask", rows, first=first, second=second)


def _same(one: Named, other: Named) -> bool:
    if one.number is not None and one.number == other.number:
        return True
    return one.username is not None and one.username == other.username


def couple_answered(turn: Turn, event: ButtonPressed) -> None:
    """Handle a press by either person, the requester, or anyone else."""
    proposal = turn.state.proposal
    if proposal is None:
        turn.toast("stale_button")
        return
    named = _who_pressed(turn, proposal)
    withdraws = event.value == "no" and turn.context.sender == turn.context.owner
    if named is None and not withdraws:
        turn.toast("couple_not_you")
    elif turn.context.now - proposal.at > AGREE_WITHIN:
        _end(turn, "couple_expired")
    elif event.value == "yes" and not turn.context.agreed:
        turn.toast("couple_agree_first")
        turn.do(AskConsent())
    elif event.value == "no":
        _end(turn, "couple_taken_back" if named is None else "couple_declined")
    elif named is not None:
        _agreed(turn, proposal, named)


def _who_pressed(turn: Turn, proposal: Proposal) -> int | None:
    """Which of the two it is. An id that consented as one of them never counts as the other."""
    number, username = turn.context.number, turn.context.username
    for index, person in enumerate(proposal.people):
        if person.number is not None:
            if person.number == number:
                return index
        elif username is not None and person.username == username and number not in proposal.agreed:
            return index
    return None


def _agreed(turn: Turn, proposal: Proposal, index: int) -> None:
    """Note it; with both, fetch their photos."""
    number = turn.context.number
    people = list(proposal.people)
    people[index] = replace(people[index], number=number)
    repeated = number in proposal.agreed
    agreed = proposal.agreed if repeated else (*proposal.agreed, number)
    turn.change(proposal=replace(proposal, people=tuple(people), agreed=agreed))
    if len(agreed) == 2:
        turn.do(CloseQuestion("couple_both_agreed", _shown(proposal)))
        turn.do(FetchAvatars(tuple(str(person.number) for person in people)))
    elif repeated:
        turn.toast("couple_waits", other=people[1 - index].shown)
    else:
        turn.toast("couple_thanks")
        turn.say("couple_one_agreed", name=people[index].shown, other=people[1 - index].shown)


def _shown(proposal: Proposal) -> dict[str, str]:
    return {"first": proposal.people[0].shown, "second": proposal.people[1].shown}


def _end(turn: Turn, key: str) -> None:
    """No child of these two."""
    turn.close_question("couple")
    turn.change(proposal=None)
    turn.do(CloseQuestion(key))


def avatars_received(turn: Turn, event: AvatarsReceived) -> None:
    """From here on as if the two had sent their photos. The proposal and the names in it are forgotten."""
    proposal = turn.state.proposal
    if proposal is None or len(proposal.agreed) != 2:
        return
    turn.close_question("couple")
    turn.change(proposal=None)
    shown = [person for person in proposal.people if person.number not in event.missing]
    if event.photos:
        photos = zip(event.photos, shown, strict=True)
        photos_received(turn, PhotosReceived(tuple(replace(photo, name=person.shown) for photo, person in photos)))
    for person in proposal.people:
        if person.number in event.missing:
            turn.say("couple_no_photo", name=person.shown)
