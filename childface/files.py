"""Writes the files that commands make: whole, or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from childface.cli.output import EXIT_MISSING, CliError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there, so that a full disk leaves the one before, and no half one.

    Raises `CliError` (exit 3) that names the folder. What is no plain file (/dev/stdout, a pipe) is written to
    directly.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise CliError(f"{path.name} cannot be written in {path.parent.resolve()}: {reason}", EXIT_MISSING) from error


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".childface.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
