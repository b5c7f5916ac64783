"""`childface chat | bot | worker`: what runs until it is stopped."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
