"""Command-line messages for the codes of `core.domain.errors`: what went wrong and how to fix it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SENTENCES: Mapping[str, str] = {
    "empty_photo": "the file is empty",
    "not_a_picture": "this is not a picture",
    "unsupported_picture": "pictures of this kind ({found}) are not read; send a JPEG, PNG, WebP or HEIC",
    "damaged_photo": "the picture is damaged or cut off",
    "photo_too_large": "the picture is too large: {size} {what}, at most {limit} are read",
    "unsafe_photo": (
        "this picture looks indecent (score {score}, limit {limit}); other pictures are welcome, "
        "and --no-nsfw-check is for research"
    ),
    "not_a_photo": (
        "this looks like a drawing, a statue or a doll (score {score}, limit {limit}); "
        "CHILDFACE_PHOTO_LIMIT=1 takes everything"
    ),
    "no_face": "no face found; take a photo from the front, in good light",
    "several_faces": ("{faces} faces found; choose one, counted from the left, with --face (--mom-face, --dad-face)"),
    "face_too_small": "the face is too small: {pixels} pixels wide, {needed} are needed",
    "face_turned": "the head is turned too far away from the camera; take a photo from the front",
    "under_age": "this person looks under age (about {age:g} years); parents are {youngest:g} or older",
    "age_uncertain": "this person may be under age (about {age:g} years); somebody has to state that they are an adult",
    "setting_error": "{name} is {value}; allowed: {allowed}",
    "latent_mismatch": "this latent was made by {found}; needed: {expected}. Encode the photo again",
    "missing_weights": "{name} is missing or damaged ({path}); run: childface weights fetch",
    "credentials_fault": "pictures cannot be signed: {reason}",
    "cancelled": "cancelled",
}


WARNINGS: Mapping[str, str] = {
    "may_be_underage": "this person may be under age; if they are an adult, --adult says so",
    "looks_underage": "this person looks under age, and only adults should be parents",
}
"""Warnings that need more words than their names."""


def warning_text(warning: str) -> str:
    """A warning of `--json`, such as `mom: dark`, as a person reads it."""
    who, colon, code = warning.rpartition(": ")
    return who + colon + WARNINGS.get(code, code.replace("_", " "))


def sentence(code: str, facts: Mapping[str, Any]) -> str:
    """One line for a person; a code without a sentence is shown with its facts."""
    known = dict(facts)
    if "boxes" in known:
        known["faces"] = len(known["boxes"])
    try:
        return SENTENCES[code].format(**known)
    except KeyError:
        told = ", ".join(f"{name}={value}" for name, value in facts.items())
        return f"{code.replace('_', ' ')}: {told}" if told else code.replace("_", " ")
