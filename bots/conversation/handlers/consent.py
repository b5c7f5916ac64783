"""Consent: asked before a person's first photo is fetched, stored with its version, revocable at any time.

Photos that come before the answer stay with the chat service. The state remembers only how to fetch them
(`State.pending_photos`); who agrees need not send them again, who declines or falls silent leaves nothing behind.

A photo that the sender had from somebody else (`OfferedPhoto.reposted`) shows a person who cannot be asked. Whoever
brings it has to state that this person agrees; until then it waits in the same way (`State.reposts`).
"""

from __future__ import annotations

from dataclasses import asdict, replace

from bots.conversation.effects import CancelJobs, CloseQuestion, DeleteData, FetchPhotos, SaveConsent, Say
from bots.conversation.events import ButtonPressed, CommandGiven, PendingPhotos, PhotosOffered
from bots.conversation.turn import RetentionPolicy, Turn, button_row

TEXT = 1
"""Increment it when the text "consent" changes, so that everybody is asked again. A test checks this."""

MAX_PHOTOS = 3
"""Of one message: two are used, the third lets us say so."""
MAX_MESSAGES = 4


def version_of(retention: RetentionPolicy) -> str:
    """What was read: the text, and the times that it names. Other times are another promise."""
    times = (retention.photo_hours, retention.latent_days, retention.result_days, retention.handled_days)
    return f"{TEXT}:" + "/".join(f"{time:g}" for time in times)


def photos_offered(turn: Turn, event: PhotosOffered) -> None:
    """Somebody who has not agreed sent photos: remember where they are, and ask, but not again and again.

    `public`: who is asked is not who spoke, so the question must not be shown to the speaker alone.
    """
    pending = event.pending
    few = replace(pending, photos=pending.photos[:MAX_PHOTOS])
    if turn.context.agreed and pending.needs_permission:
        _ask_permission(turn, few)
        return
    if pending.photos:
        turn.change(pending_photos=(*turn.state.pending_photos, few)[-MAX_MESSAGES:])
        turn.reply_to = pending.photos[0].message_id
    if turn.open_question("consent") is None:
        rows = (button_row("consent", ("consent_yes", "yes"), ("consent_no", "no")),)
        turn.ask("consent", "consent", rows, **asdict(turn.context.retention), public=pending.speaker is not None)
    elif not turn.context.group:
        turn.say("consent_first")


def _ask_permission(turn: Turn, pending: PendingPhotos) -> None:
    """Ask the one who reposted a photo; the newest question is for all that wait."""
    turn.change(reposts=(*turn.state.reposts, pending)[-MAX_MESSAGES:])
    turn.reply_to = pending.photos[0].message_id
    rows = (button_row("permission", ("permission_yes", "yes"), ("permission_no", "no")),)
    turn.ask("permission", "permission_ask", rows)


def permission_chosen(turn: Turn, event: ButtonPressed) -> None:
    """The statement by button."""
    permitted = event.value == "yes"
    turn.do(CloseQuestion("permission_given" if permitted else "permission_declined"))
    _permit(turn, permitted)


def answer_permission(turn: Turn, permitted: bool) -> None:
    """The statement in words."""
    turn.say("permission_given" if permitted else "permission_declined")
    _permit(turn, permitted)


def _permit(turn: Turn, permitted: bool) -> None:
    reposts = turn.state.reposts
    turn.close_question("permission")
    turn.change(reposts=())
    if permitted and reposts:
        turn.do(FetchPhotos(tuple(replace(offer, permitted=True) for offer in reposts)))


def consent_chosen(turn: Turn, event: ButtonPressed) -> None:
    """The answer by button. Only the person asked may press it."""
    agreed = event.value == "yes"
    turn.do(CloseQuestion("consent_given" if agreed else "consent_declined"))
    _settle(turn, agreed)


def answer_consent(turn: Turn, agreed: bool) -> None:
    """The answer in words."""
    turn.say("consent_given" if agreed else "consent_declined")
    _settle(turn, agreed)


def _settle(turn: Turn, agreed: bool) -> None:
    pending = turn.state.pending_photos
    turn.close_question("consent")
    turn.change(pending_photos=())
    if not agreed:
        return
    turn.do(SaveConsent(version_of(turn.context.retention)))
    if pending:
        turn.do(FetchPhotos(pending))
    elif not turn.context.group:
        turn.say("send_two_photos")


def privacy(turn: Turn, event: CommandGiven) -> None:
    """What is kept, and how long; who agreed can withdraw right there."""
    facts = asdict(turn.context.retention)
    if turn.context.agreed_once:
        turn.ask("privacy", "privacy", (button_row("withdraw", ("withdraw", "ask")),), **facts)
    else:
        turn.do(Say("privacy", facts, reply_to=turn.reply_to))


def withdraw(turn: Turn, event: CommandGiven) -> None:
    """Withdrawing consent deletes data irreversibly: ask for confirmation."""
    if not turn.context.agreed_once:
        turn.say("nothing_to_withdraw")
        return
    rows = (button_row("withdraw", ("withdraw_yes", "yes"), ("withdraw_no", "no")),)
    turn.ask("withdraw", "withdraw_sure", rows)


def withdraw_chosen(turn: Turn, event: ButtonPressed) -> None:
    """The button under /privacy, or the answer to the question."""
    if event.value == "ask":
        withdraw(turn, CommandGiven("withdraw"))
        return
    turn.do(CloseQuestion("deleting" if event.value == "yes" else "still_agreed"))
    _withdraw(turn, event.value == "yes")


def answer_withdraw(turn: Turn, sure: bool) -> None:
    """The answer in words."""
    if not sure:
        turn.say("still_agreed")
    _withdraw(turn, sure)


def _withdraw(turn: Turn, sure: bool) -> None:
    turn.close_question("withdraw")
    if sure:
        turn.do(CancelJobs())
        turn.do(DeleteData(withdrawn=True))
