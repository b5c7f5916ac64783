"""`childface train identity-report`, `bench-projection`, `plot`: what was reached, as tables and pictures."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from training.options import DEFAULT_WEIGHTS, Threads, Weights, use_threads

if TYPE_CHECKING:
    from training.reports.identity import Judge
    from training.reports.projection import Result

Photos = Annotated[Path, typer.Argument(help="Folder of photos, one face each.", exists=True, file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("identity-report", epilog="Example: childface train identity-report portraits --refine --sheet s.png")(
        identity_report
    )
    app.command("bench-projection", epilog="Example: childface train bench-projection portraits --out runs/bench")(
        bench_projection
    )
    app.command("kin-report", epilog="Example: childface train kin-report KIN --out runs/kin --json")(report_kin)
    app.command("plot", epilog="Example: childface train plot runs/encoder/log.jsonl --figure photo_identity")(plot)


def _judge(weights: Path, threads: int) -> Judge:
    """The pipeline with its judge; LPIPS where VGG16 was fetched."""
    from core.domain.errors import MissingWeights
    from core.pipeline import ChildPipeline
    from training.losses.perceptual import PerceptualNetwork
    from training.reports.identity import Judge

    use_threads(threads)
    try:
        perceptual = PerceptualNetwork.load(weights)
    except MissingWeights:
        typer.echo("note: no LPIPS without VGG16 (childface weights fetch --research)", err=True)
        perceptual = None
    return Judge(ChildPipeline.load(weights), perceptual)


def identity_report(
    folder: Photos,
    refine: Annotated[bool, typer.Option("--refine", help="Also refine every latent.")] = False,
    seconds: Annotated[float, typer.Option(help="Longest refinement of one photo.")] = 12.0,
    most: Annotated[int | None, typer.Option(min=1, help="Only the first so many photos.")] = None,
    hard: Annotated[
        bool, typer.Option("--hard", help="Also a black-and-white and a small copy of every photo.")
    ] = False,
    groups: Annotated[
        Path | None, typer.Option(help="CSV file (file, group) of groups that get a row.", exists=True)
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Save photo, fast, refined and aged drawings side by side.")
    ] = None,
    as_json: Json = False,
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Measure how faithful the latents of real photos are: dlib distance, colour, pixels, ageing, hard cases, time."""
    from training.reports.identity import ReportSettings
    from training.reports.identity import identity_report as measure

    judge = _judge(weights, threads)
    settings = ReportSettings(refine=refine, seconds=seconds, most=most, hard=hard, groups=groups)
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("measuring", total=1.0)
        found = measure(judge, folder, settings, sheet=sheet, progress=lambda done: bars.update(bar, completed=done))
    if as_json:
        typer.echo(json.dumps(found))
        return
    print_report(found)


def print_report(found: dict[str, Any]) -> None:
    """The report for people: a line a figure, then a line a group."""
    typer.echo(f"{found['photos']} photos, no face in {found['no_face']}")
    for way in ("fast", "refined"):
        for name, figure in found.get(way, {}).items():
            shown = f"median {figure['median']:.3f}, p90 {figure['p90']:.3f}" if isinstance(figure, dict) else figure
            typer.echo(f"{way:8} {name:16} {shown}")
        for name, row in found["groups"].get(way, {}).items():
            typer.echo(
                f"{way:8} {name:16} {row['photos']} photos, median {row['median']:.3f}, {row['ratio']:.2f} times all"
            )


def bench_projection(
    folder: Photos,
    most: Annotated[int, typer.Option(min=1, help="How many photos: the last by name.")] = 12,
    steps: Annotated[int, typer.Option(min=1, help="Most steps of one refinement.")] = 40,
    seconds: Annotated[float, typer.Option(help="Longest refinement of one photo.")] = 12.0,
    out: Annotated[
        Path, typer.Option(help="Folder for the table and the plot; finished rows found there stay.")
    ] = Path("runs/bench-projection"),
    as_json: Json = False,
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Compare starts, optimisers, stopping and losses of the refinement: time, steps, loss, distance, ageing."""
    from training.reports.plots import plot_projection
    from training.reports.projection import bench_projection as bench

    judge = _judge(weights, threads)
    results = []
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("refining", total=1.0)
        for result in bench(
            judge,
            folder,
            most=most,
            steps=steps,
            seconds=seconds,
            out=out / "table.csv",
            progress=lambda done: bars.update(bar, completed=done),
        ):
            results.append(result)
    plot_projection(results, out / "projection.png")
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results]))
        return
    typer.echo(as_table(results))


def as_table(results: list[Result]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| | refinement | seconds | steps | loss | dlib distance | Lab error | aged to 6: distance | years off |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for number, one in enumerate(results, start=1):
        lines.append(
            f"| {number} | {one.row} | {one.seconds:.1f} | {one.steps:.0f} | {one.loss:.3f} | {one.dlib_distance:.2f} "
            f"| {one.lab_error:.1f} | {one.aged_distance:.2f} | {one.aged_years_off:.1f} |"
        )
    return "\n".join(lines)


def report_kin(
    folder: Annotated[Path, typer.Argument(help="Folder laid out as Families in the Wild.", exists=True)],
    couples: Annotated[int | None, typer.Option(min=2, help="Only the first so many couples.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Families that something learnt from as well.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the drawings; families found there are not drawn again.")] = Path(
        "runs/kin-report"
    ),
    as_json: Json = False,
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Ask face networks whether the drawn child finds the real one and its parents, beside baselines."""
    from core.pipeline import ChildPipeline
    from training.reports.identity_judges import load_describers
    from training.reports.kin import kin_report

    use_threads(threads)
    pipeline = ChildPipeline.load(weights)
    describers = load_describers(weights, pipeline.models.finder)
    if len(describers) < 3:
        typer.echo("note: fewer networks than there are (childface weights fetch --research)", err=True)
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("drawing families", total=1.0)
        found = kin_report(
            pipeline,
            describers,
            folder,
            out,
            part=None if every else "report",
            couples=couples,
            progress=lambda done: bars.update(bar, completed=done),
        )
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, figures in found.items():
        if not isinstance(figures, dict):
            typer.echo(f"{name:16} {figures}")
            continue
        for figure, ways in figures.items():
            shown = ", ".join(f"{way} {value}" for way, value in ways.items()) if isinstance(ways, dict) else ways
            typer.echo(f"{name:16} {figure}: {shown}")


def plot(
    log: Annotated[Path, typer.Argument(help="A run's log.jsonl.", exists=True, dir_okay=False)],
    figure: Annotated[list[str] | None, typer.Option(help="Which figure of the log; may be repeated.")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the picture goes.")] = Path("log.png"),
) -> None:
    """Draw how the figures of a training run fell."""
    from training.reports.plots import plot_log

    try:
        plot_log(log, out, figure or ())
    except KeyError as unknown:
        raise typer.BadParameter(f"the log has no figure {unknown}") from unknown
    typer.echo(out)
