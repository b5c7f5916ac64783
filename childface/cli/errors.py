"""Turns any exception that leaves a command into one sentence and an exit code."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from childface.cli.error_texts import sentence
from childface.cli.output import EXIT_BAD_INPUT, EXIT_MISSING, EXIT_OUR_FAULT, CliError

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count."""


@dataclass(frozen=True)
class CliExit:
    """How a command ends: what it says (None: nothing) and its exit code."""

    sentence: str | None
    exit_code: int


def explain(error: BaseException) -> CliExit | None:
    """The ending for an error; None where it is not ours to explain (SystemExit and the like)."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return CliExit("interrupted", EXIT_INTERRUPTED)
    if isinstance(error, typer.Exit):
        return CliExit(None, error.exit_code)
    if isinstance(error, typer.TyperException):  # unknown option, missing argument, value of the wrong type
        return CliExit(error.format_message(), error.exit_code)
    if isinstance(error, CliError):
        return CliExit(str(error), error.exit_code)
    return (
        _explain_ours(error)
        or _explain_stored(error)
        or _explain_missing(error)
        or _explain_disk(error)
        or _explain_unknown(error)
    )


def _explain_ours(error: BaseException) -> CliExit | None:
    """The tree of `core.domain.errors`, and settings that make no sense."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from core.domain.errors import ChildFaceError, InputError, MissingWeights

    if isinstance(error, ChildFaceError):
        about = "".join(f"{note}: " for note in getattr(error, "__notes__", ()))
        code = (
            EXIT_BAD_INPUT
            if isinstance(error, InputError)
            else EXIT_MISSING
            if isinstance(error, MissingWeights)
            else EXIT_OUR_FAULT
        )
        return CliExit(about + sentence(error.code, error.facts()), code)
    if isinstance(error, ValidationError):
        wrong = "; ".join(f"{'.'.join(map(str, part['loc'])) or error.title}: {part['msg']}" for part in error.errors())
        return CliExit(f"settings: {wrong}", EXIT_BAD_INPUT)
    if isinstance(error, SettingsError):
        return CliExit(f"settings: {error}", EXIT_BAD_INPUT)
    return None


STORED: Mapping[str, str] = {
    "key_lost": (
        "the key file {path} is missing, and what is stored was encrypted with it. Bring it back from a backup. If it "
        "is lost, so are the photos and pictures: delete the database and the folder of blobs to begin anew"
    ),
    "key_exposed": "other users may read or change the key file {path} (mode {mode}); run: chmod 600 {path}",
    "key_unreadable": (
        "the key file {path} cannot be read any more. Nothing was lost; bring it back, or give it to the user of this "
        "program, and start again"
    ),
    "database_damaged": (
        "the database file {path} is damaged, or is no database. Restore it from a backup, or save what can be read: "
        "sqlite3 {path} .recover | sqlite3 recovered.sqlite3"
    ),
    "folder_unusable": "the folder {path} cannot be used: {reason}",
}
"""What is wrong with what is stored, and what to do about it, for codes of `storage.errors`."""


def _explain_stored(error: BaseException) -> CliExit | None:
    """The key, the database file, the folders."""
    from storage.errors import StorageError

    if not isinstance(error, StorageError) or error.code not in STORED:
        return None
    reason = str(getattr(error.__cause__, "strerror", None) or error.__cause__).lower()
    facts = {"path": getattr(error, "path", ""), "reason": reason} | error.facts()
    return CliExit(STORED[error.code].format(**facts), EXIT_MISSING)


DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})


def _explain_disk(error: BaseException) -> CliExit | None:
    """A file of ours that cannot be written: the disk is full, read-only or somebody else's."""
    if not isinstance(error, OSError) or error.errno not in DISK_FAULTS:
        return None
    where = f"{Path(os.fsdecode(error.filename)).parent}: " if error.filename else ""
    return CliExit(f"{where}{(error.strerror or 'cannot be written').lower()}", EXIT_MISSING)


def _explain_missing(error: BaseException) -> CliExit | None:
    """A server, disk or folder is unavailable."""
    from kombu.exceptions import OperationalError as BrokerAway
    from sqlalchemy.exc import OperationalError as DatabaseAway

    from storage.errors import StorageError, StorageUnavailable, UnsupportedDatabase

    if isinstance(error, UnsupportedDatabase):
        return CliExit(f"the database address is not one we serve: {error}", EXIT_BAD_INPUT)
    if isinstance(error, StorageUnavailable) and isinstance(error.__cause__, Exception):
        return _explain_missing(error.__cause__) or CliExit(f"{error}: {error.__cause__}", EXIT_MISSING)
    if isinstance(error, StorageError):
        return CliExit(f"what is stored cannot be used: {error}", EXIT_MISSING)
    if isinstance(error, DatabaseAway):
        return CliExit(f"the database is away or not migrated (childface db upgrade): {error.orig}", EXIT_MISSING)
    if isinstance(error, BrokerAway):
        return CliExit(f"the broker is away: {error}", EXIT_MISSING)
    if isinstance(error, ConnectionError):
        return CliExit(f"a service is away: {error}", EXIT_MISSING)
    return None


def _explain_unknown(error: BaseException) -> CliExit | None:
    if not isinstance(error, Exception):
        return None
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return CliExit(f"this is our fault, not yours: {said} (childface --debug shows where)", EXIT_OUR_FAULT)
