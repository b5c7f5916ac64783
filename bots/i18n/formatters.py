"""Facts in words: an age, a share of mom and dad, a limit, how long something is kept.

`SPEAK` tells by a parameter's name how it is spoken; the others are taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from babel.units import format_unit

from bots.i18n.languages import own_name
from bots.i18n.translator import Voice

WARNINGS = ("small", "turned", "blurred", "dark", "overexposed", "eyes_covered", "mouth_covered", "incomplete")

VIDEOS = frozenset({"mp4", "mov", "webm", "avi", "mpeg", "ogg", "flv", "wmv"})
FORMAT_NAMES = {
    "jpeg-xl": "JPEG XL",
    "jpeg-2000": "JPEG 2000",
    "postscript": "PostScript",
    "photoshop": "PSD",
    "icon": "ICO",
    "bigtiff": "BigTIFF",
}
"""Of what is found in a file; the other formats are abbreviations."""


def spoken(voice: Voice, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a text as words, and what follows from them."""
    words = {name: SPEAK[name](voice, fact) if name in SPEAK else fact for name, fact in facts.items()}
    words.setdefault("found", voice.say("format_unknown"))
    words.setdefault("seen", "")  # captions that waited while the program was renewed know nothing of it
    if "limit" in facts:
        words["limit"] = _limit(voice, str(facts.get("what", "bytes")), float(facts["limit"]))
    if "age" in facts:
        words["age_number"] = float(facts["age"])
    return words


def _age(voice: Voice, age: Any) -> str:
    years = float(age)
    if years < 0.5:
        return voice.say("age_newborn")
    if years < 1:
        return voice.say("age_months", count=round(years * 12))
    return voice.say("age_years", count=years)


def _mix(voice: Voice, mix: Any) -> str:
    """0 all mom … 100 all dad."""
    dad = float(mix)
    if dad == 50:
        return voice.say("mix_is_half")
    if dad in (0, 100):
        return voice.say("mix_is_all_dad" if dad else "mix_is_all_mom")
    return voice.say("mix_is", mom_share=voice.percent(100 - dad), dad_share=voice.percent(dad))


def _hours(voice: Voice, hours: Any) -> str:
    if hours < 1:
        return voice.say("for_minutes", count=round(hours * 60))
    return voice.say("for_hours", count=hours)


def _wait(voice: Voice, seconds: Any) -> str:
    """How long until it goes on; rounded up, so that nobody comes too early."""
    minutes = max(1, math.ceil(float(seconds) / 60))
    if minutes < 90:
        return voice.say("for_minutes", count=minutes)
    return voice.say("for_hours", count=math.ceil(minutes / 60))


def _limit(voice: Voice, what: str, value: float) -> str:
    """A limit of bytes, of pixels, or of parts that a file is made of."""
    if what == "bytes":
        return format_unit(round(value / 2**20, 1), "digital-megabyte", length="short", locale=voice.locale)
    if what == "pixels":
        return format_unit(round(value / 1e6, 1), "graphics-megapixel", length="long", locale=voice.locale)
    return voice.say("count_parts", count=value)


def _format(voice: Voice, found: Any) -> str:
    """The name of a file format; every kind of video is a video."""
    if found in VIDEOS:
        return voice.say("format_video")
    return FORMAT_NAMES.get(str(found), str(found).upper())


def _warnings(voice: Voice, codes: Any) -> str:
    keys = (f"warning_{code}" if code in WARNINGS else "warning_unclear" for code in codes)
    return voice.listed(list(dict.fromkeys(map(voice.say, keys))))


def _genes(voice: Voice, genes: Any) -> str:
    """A line for each trait: whose it is, and whether it was chosen or came by chance."""
    return "\n".join(
        voice.say(
            "gene_line_chosen" if chosen else "gene_line",
            trait=voice.say(f"trait_{trait}"),
            source=voice.say(f"gene_{source}"),
        )
        for trait, (source, chosen) in genes.items()
    )


def _traits(voice: Voice, traits: Any) -> str:
    """What was chosen, a line each."""
    return _genes(voice, {trait: (source, False) for trait, source in traits.items()})


def _looks(voice: Voice, looks: Any) -> str:
    """A line for each look, with how much of it."""
    return "\n".join(
        voice.say("look_line", look=voice.say(f"look_{look}"), strength=strength) for look, strength in looks.items()
    )


def _wishes(voice: Voice, wishes: Any) -> str:
    """Age, mix and sex in one line, looks and traits a line each."""
    said = [SPEAK[name](voice, wishes[name]) for name in ("sex", "age", "mix") if name in wishes]
    lines = [SPEAK[name](voice, wishes[name]) for name in ("looks", "traits") if name in wishes]
    return "\n".join([voice.listed(said)] * bool(said) + lines)


def _seen(voice: Voice, seen: Any) -> str:
    """What the estimators make of a picture: likeness, where 50 is a stranger, and age; and where that is far off."""
    told = []
    likeness = seen.get("likeness") or {}
    if {"mom", "dad"} <= likeness.keys():
        alike = {f"{who}_alike": voice.percent(likeness[who]) for who in ("mom", "dad")}
        told.append(voice.say("seen_likeness", **alike))
    if "age" in seen:
        told.append(voice.say("seen_age", years=_age(voice, _about(seen["age"]))))
    lines = [" · ".join(told)] if told else []
    if "missed" in seen:
        lines.append(voice.say(f"seen_{seen['missed']}"))
    return "\n".join(lines)


def _about(years: float) -> float:
    """No finer than an estimator can tell: whole years, half ones for the smallest."""
    return float(round(years)) if years >= 3 else round(max(years, 0.0) * 2) / 2


def _counted(key: str) -> Callable[[Voice, Any], str]:
    return lambda voice, count: voice.say(key, count=count)


SPEAK: dict[str, Callable[[Voice, Any], str]] = {
    "age": _age,
    "mix": _mix,
    "sex": lambda voice, sex: voice.say(str(sex)),
    "refine": lambda voice, refine: voice.say("yes" if refine else "no"),
    "language": lambda voice, code: own_name(code),
    "photo_hours": _hours,
    "latent_days": _counted("for_days"),
    "result_days": _counted("for_days"),
    "handled_days": _counted("for_days"),
    "photos": _counted("count_photos"),
    "latents": _counted("count_latents"),
    "results": _counted("count_results"),
    "jobs": _counted("count_jobs"),
    "warnings": _warnings,
    "genes": _genes,
    "traits": _traits,
    "looks": _looks,
    "wishes": _wishes,
    "seen": _seen,
    "trait": lambda voice, trait: voice.say(f"trait_{trait}"),
    "look_hint": lambda voice, look: voice.say(f"option_look_{look}"),
    "names": lambda voice, names: voice.listed(list(names)),
    "wait": _wait,
    "found": _format,
}
