"""Many people, a service that fails all the time, and a bot that is restarted: is every reply told once?

For the tests, in a small size; benchmarks/service/storm.py raises a larger one, over both services.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

from bots.service.conversation_service import ConversationService
from bots.telegram.retry import RateLimiter
from tests.bots.conftest import running_bot
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi, Person
from tests.support.chats.fake_worker import drawn

UNSURE = 5
"""Every so many-th couple is asked who is who."""


@dataclass(frozen=True)
class Plan:
    """How large, how rough. Every person costs two jobs for the photos and one for each drawing."""

    people: int
    drawings: int
    share: float = 0.2
    """Of all requests, those that meet a 429, a broken connection, or a lost answer."""
    restarts: int = 2
    seed: int = 7

    @property
    def jobs(self) -> int:
        return self.people * (2 + self.drawings)


@dataclass(frozen=True)
class Outcome:
    """What the chats show in the end."""

    jobs: int
    pictures: int
    lost: int
    doubled: int
    questions_doubled: int
    stray: int
    """Messages such as "Here it comes …" that have become nothing."""
    faults: dict[str, int]


async def live_through(api: BotApi, service: ConversationService, plan: Plan) -> Outcome:
    """Let everybody ask for all their drawings, restart the bot on the way, and look at every chat."""
    api.storm = (random.Random(plan.seed), plan.share)
    api.storm_takes_answers = True
    agreed(service.store, "telegram", *range(1, plan.people + 1))
    people = [api.person(number) for number in range(1, plan.people + 1)]
    lives = [asyncio.create_task(_life(person, plan.drawings)) for person in people]
    all_of_them = plan.people * plan.drawings
    for part in range(1, plan.restarts + 2):
        wanted = all_of_them * part // (plan.restarts + 1)
        async with running_bot(api, service, grace=20.0, patience=RateLimiter(first_wait=0.02, tries=12)):
            if part <= plan.restarts:
                await api.until(lambda wanted=wanted: _shown(people) >= wanted, f"{wanted} pictures")
            else:
                await asyncio.gather(*lives)
                api.storm = None
                await asyncio.sleep(1.0)  # whatever would still be doubled
    return _outcome(api, people, plan)


async def send_couple(person: Person) -> None:
    """Two photos on Telegram, and for some people the answer to a question."""
    if person.number % UNSURE == 0:
        await person.sends_album(b"someone %d a" % person.number, b"someone %d b" % person.number)
        await person.sees("Who is who?")
        await person.presses("The first photo is mom")
    else:
        await person.sends_album(b"mom %d" % person.number, b"dad %d" % person.number)


async def _life(person: Person, drawings: int) -> None:
    """A couple, then one sibling after the other."""
    await send_couple(person)
    for count in range(1, drawings + 1):
        await person.sees_pictures(count)
        if count < drawings:
            await person.presses("Sibling")


def _shown(people: list[Person]) -> int:
    return sum(len(person.pictures) for person in people)


def _outcome(api: BotApi, people: list[Person], plan: Plan) -> Outcome:
    lost = doubled = questions = stray = 0
    for person in people:
        jobs = Counter(drawn(picture.picture)["job"] for picture in person.pictures)
        lost += plan.drawings - len(jobs)
        doubled += sum(jobs.values()) - len(jobs)
        asked = [text for text in person.texts if text.startswith(("Who is who", "Thanks! Number"))]
        questions += max(0, len(asked) - 1)
        stray += sum(text.endswith("…") or "▱" in text for text in person.texts)
    return Outcome(plan.jobs, _shown(people), lost, doubled, questions, stray, dict(api.met))
