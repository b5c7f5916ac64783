"""Which messages are private: shown only to the person who asked, where the service allows it."""

from __future__ import annotations

PRIVATE_KINDS = (
    "refused",
    "failed",
    "bad",
    "privacy",
    "consent",
    "permission",
    "withdraw",
    "withdrawn",
    "settings",
    "delete",
    "help",
    "welcome",
    "unknown",
    "closed",
    "operator",
    "door",
    "maintenance",
)
"""First words of the keys of such texts: errors, consent and privacy, and what only repeats what somebody set."""

PRIVATE_KEYS = frozenset({
    "already_so", "kept", "deleted", "deleting", "nothing_to_cancel", "not_your_button", "stale_button",
    "already_drawn", "same_photo", "still_agreed", "photo_warning", "went_wrong", "store_away_try_again",
    "restarted_try_again",
})  # fmt: skip

PRIVATE_COMMANDS = frozenset(
    {"start", "help", "settings", "privacy", "withdraw", "delete_my_data", "cancel", "language", "admin"}
)
"""Commands whose first answer is expected to be private; a guess that may be wrong, then the answer is moved."""


def is_private(key: str) -> bool:
    """Whether a text is private to the requester."""
    return key in PRIVATE_KEYS or key.split("_")[0] in PRIVATE_KINDS
