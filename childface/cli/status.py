"""`childface status`: the state of the whole system on one screen."""

from __future__ import annotations

import typer

from childface.cli.admin import Json
from childface.cli.context import Environment
from childface.cli.output import EXIT_MISSING, CliError, say, say_json


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog="Example: childface status --json")(status)


def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Queues, running jobs, workers, what ended, disk and next purge; exit 3 when database or broker is unavailable."""
    from kombu.utils.url import maybe_sanitize_url

    from childface.ops.status import lines, look, report

    environment: Environment = ctx.obj
    settings = environment.read_settings()
    found = look(settings)
    if as_json:
        say_json(report(found))
    else:
        for line in lines(found):
            say(line)
    if found.broker_is_away:
        broker = maybe_sanitize_url(settings.broker_url)
        raise CliError(f"the broker is away: {broker} does not answer; nothing new can be queued", EXIT_MISSING)
