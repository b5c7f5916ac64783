"""The `childface` command: a thin layer over the functions that the bots use.

A contract that scripts rely on: results on stdout, notes and progress on stderr, `--json` for one object on one
line; errors are one line on stderr and an exit code: 2 for bad input, settings and tokens, 3 for a missing service or
weight, 1 for our own fault, 130 when interrupted. Heavy modules are imported inside the commands, so that
`childface --help` is quick and a chat process without a worker of its own never loads torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from childface.cli import admin, card, render, run, status
from childface.cli.context import Environment
from childface.cli.errors import EXIT_INTERRUPTED, explain
from childface.cli.output import complain, notes

app = typer.Typer(
    name="childface",
    help="Mom's photo and dad's photo in, the face of their child out.",
    epilog="Example: childface make mom.jpg dad.jpg --age 6 -o child.png",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
render.register(app)
card.register(app)
run.register(app)
status.register(app)
admin.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"childface {version('childface')}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    ctx.obj.debug = debug


def main(argv: Sequence[str] | None = None, environment: Environment | None = None) -> int:
    """Run one command; returns the exit code. `environment` lets tests bring settings and a pipeline of their own."""
    args = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    environment = environment or Environment()
    try:
        code = get_command(app)(args, prog_name="childface", standalone_mode=False, obj=environment)
    except BaseException as error:
        if environment.debug and not isinstance(error, typer.Exit):
            notes().print_exception()
        ending = explain(error)
        if ending is None:
            raise
        if ending.sentence:
            complain(ending.sentence)
        return ending.exit_code
    if code == EXIT_INTERRUPTED:  # typer turns an interrupt into an exit
        complain("interrupted")
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
