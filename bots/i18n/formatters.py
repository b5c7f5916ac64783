"""Formats values as text: ages, shares of mom and dad, limits, retention times.

`FORMATTERS` tells by a parameter's name how it is spoken; the others are taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from babel.units import format_unit

from bots.i18n.languages import own_name
from bots.i18n.translator import Translator

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


def spoken(translator: Translator, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a text as words, and what follows from them."""
    words = {name: FORMATTERS[name](translator, fact) if name in FORMATTERS else fact for name, fact in facts.items()}
    words.setdefault("found", translator.say("format_unknown"))
    words.setdefault("seen", "")  # captions that waited while the program was renewed know nothing of it
    if "limit" in facts:
        words["limit"] = _limit(translator, str(facts.get("what", "bytes")), float(facts["limit"]))
    if "age" in facts:
        words["age_number"] = float(facts["age"])
    return words


def _age(translator: Translator, age: Any) -> str:
    years = float(age)
    if years < 0.5:
        return translator.say("age_newborn")
    if years < 1:
        return translator.say("age_months", count=round(years * 12))
    return translator.say("age_years", count=years)


def _mix(translator: Translator, mix: Any) -> str:
    """0 all mom … 100 all dad."""
    dad = float(mix)
    if dad == 50:
        return translator.say("mix_is_half")
    if dad in (0, 100):
        return translator.say("mix_is_all_dad" if dad else "mix_is_all_mom")
    return translator.say("mix_is", mom_share=translator.percent(100 - dad), dad_share=translator.percent(dad))


def _hours(translator: Translator, hours: Any) -> str:
    if hours < 1:
        return translator.say("for_minutes", count=round(hours * 60))
    return translator.say("for_hours", count=hours)


def _wait(translator: Translator, seconds: Any) -> str:
    """The waiting time, rounded up so that nobody retries too early."""
    minutes = max(1, math.ceil(float(seconds) / 60))
    if minutes < 90:
        return translator.say("for_minutes", count=minutes)
    return translator.say("for_hours", count=math.ceil(minutes / 60))


def _limit(translator: Translator, what: str, value: float) -> str:
    """A limit of bytes, of pixels, or of parts that a file is made of."""
    if what == "bytes":
        return format_unit(round(value / 2**20, 1), "digital-megabyte", length="short", locale=translator.locale)
    if what == "pixels":
        return format_unit(round(value / 1e6, 1), "graphics-megapixel", length="long", locale=translator.locale)
    return translator.say("count_parts", count=value)


def _format(translator: Translator, found: Any) -> str:
    """The name of a file format; every kind of video is a video."""
    if found in VIDEOS:
        return translator.say("format_video")
    return FORMAT_NAMES.get(str(found), str(found).upper())


def _warnings(translator: Translator, codes: Any) -> str:
    keys = (f"warning_{code}" if code in WARNINGS else "warning_unclear" for code in codes)
    return translator.listed(list(dict.fromkeys(map(translator.say, keys))))


def _genes(translator: Translator, genes: Any) -> str:
    """A line per trait: whose it is, and whether it was chosen or random."""
    return "\n".join(
        translator.say(
            "gene_line_chosen" if chosen else "gene_line",
            trait=translator.say(f"trait_{trait}"),
            source=translator.say(f"gene_{source}"),
        )
        for trait, (source, chosen) in genes.items()
    )


def _traits(translator: Translator, traits: Any) -> str:
    """What was chosen, a line each."""
    return _genes(translator, {trait: (source, False) for trait, source in traits.items()})


def _looks(translator: Translator, looks: Any) -> str:
    """A line for each look, with how much of it."""
    return "\n".join(
        translator.say("look_line", look=translator.say(f"look_{look}"), strength=strength)
        for look, strength in looks.items()
    )


def _wishes(translator: Translator, wishes: Any) -> str:
    """Age, mix and sex in one line, looks and traits a line each."""
    said = [FORMATTERS[name](translator, wishes[name]) for name in ("sex", "age", "mix") if name in wishes]
    lines = [FORMATTERS[name](translator, wishes[name]) for name in ("looks", "traits") if name in wishes]
    return "\n".join([translator.listed(said)] * bool(said) + lines)


def _seen(translator: Translator, seen: Any) -> str:
    """What the estimators make of a picture: likeness, where 50 is a stranger, and age; and where that is far off."""
    told = []
    likeness = seen.get("likeness") or {}
    if {"mom", "dad"} <= likeness.keys():
        alike = {f"{who}_alike": translator.percent(likeness[who]) for who in ("mom", "dad")}
        told.append(translator.say("seen_likeness", **alike))
    if "age" in seen:
        told.append(translator.say("seen_age", years=_age(translator, _about(seen["age"]))))
    lines = [" · ".join(told)] if told else []
    if "missed" in seen:
        lines.append(translator.say(f"seen_{seen['missed']}"))
    return "\n".join(lines)


def _about(years: float) -> float:
    """As precise as the estimator: whole years, half years for toddlers."""
    return float(round(years)) if years >= 3 else round(max(years, 0.0) * 2) / 2


def _counted(key: str) -> Callable[[Translator, Any], str]:
    return lambda voice, count: voice.say(key, count=count)


FORMATTERS: dict[str, Callable[[Translator, Any], str]] = {
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
