"""`childface train …`: every shipped weight can be made again.

The order: draw, preview, encoder, second-look, age-estimator, ageing, directions, resemblance, headwear, skin,
correction.

Each command writes checkpoints, `log.jsonl` and the weights into `--out`; what is accepted is copied to core/weights by
hand, with its model card.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from training import cli_reports
from training.options import DEFAULT_WEIGHTS, People, Redrawn, Threads, Weights, use_threads

app = typer.Typer(no_args_is_help=True, help="Train the weights that come with the program.", rich_markup_mode=None)

Out = Annotated[Path, typer.Option(help="Folder for checkpoints, log and weights; a run found there goes on.")]
Drawn = Annotated[Path, typer.Option(help="Folder of drawn pairs (made by `draw`).", exists=True, file_okay=False)]

cli_reports.register(app)


@app.command(epilog="Example: childface train draw --count 7000 --out runs/drawn")
def draw(
    count: Annotated[int, typer.Option(min=1, help="How many faces.")] = 7000,
    seed: int = 0,
    out: Out = Path("runs/drawn"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Draw pairs of pictures and latents: about a second each on two cores."""
    from core.modeling.generator_weights import load_generator
    from training.data.draw import draw_pairs

    use_threads(threads)
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("drawing", total=1.0)
        draw_pairs(
            load_generator(weights), out, count=count, seed=seed, progress=lambda done: bars.update(bar, completed=done)
        )
    typer.echo(out)


@app.command(epilog="Example: childface train preview --drawn runs/drawn --out runs/preview")
def preview(
    drawn: Drawn,
    steps: Annotated[int, typer.Option(min=1)] = 5000,
    rate: Annotated[float, typer.Option(help="Largest learning rate.")] = 2e-3,
    start: Annotated[Path | None, typer.Option(help="Folder of a head to go on from.")] = None,
    out: Out = Path("runs/preview"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Train the preview head: the cheap way from 128-px features to a 256-px picture."""
    from core.modeling.generator_weights import load_generator
    from training.data.drawn_pairs import DrawnPairs
    from training.trainers.preview_head import PreviewSettings, train_preview

    use_threads(threads)
    settings = PreviewSettings(steps=steps, learning_rate=rate)
    train_preview(load_generator(weights), DrawnPairs.open(drawn), out, settings, begin=start)
    typer.echo(out)


@app.command("photo-check", epilog="Example: childface train photo-check --photos faces --out runs/photo-check")
def photo_check(
    photos: Annotated[list[Path], typer.Option(help="Folder of FFHQ-aligned faces; may be repeated.")],
    most: Annotated[int, typer.Option(min=12, help="Of each folder at most so many.")] = 500,
    seed: Annotated[int, typer.Option()] = 1,
    out: Out = Path("runs/photo-check"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Train the check that tells photographs from drawings, renders, statues and dolls."""
    from core.face.photo_check import PHOTO_CHECK_FILE, PHOTO_LIMIT
    from core.face.recognition import load_identity
    from core.modeling.weights_io import save_weights
    from training.trainers.photo_check import examples, photo_files, score, train

    use_threads(threads)
    known = examples(load_identity(weights), photo_files(photos, most=most, seed=seed), seed=seed)
    network = train(known, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    save_weights(network, out / PHOTO_CHECK_FILE)
    held_back = score(network, known, limit=PHOTO_LIMIT)
    typer.echo(f"drawings refused: {held_back.drawings_refused:.1%}, photos refused: {held_back.photos_refused:.1%}")


@app.command(epilog="Example: childface train encoder --drawn runs/drawn --photos faces --out runs/encoder")
def encoder(
    drawn: Drawn,
    preview: Annotated[Path | None, typer.Option(help="Folder of the preview head; default: the shipped one.")] = None,
    photos: Annotated[list[Path] | None, typer.Option(help="Folder of FFHQ-aligned photos; may be repeated.")] = None,
    small_photos: Annotated[
        Path | None, typer.Option(help="Folder of small crops (CelebA at half size), aligned without a detector.")
    ] = None,
    latent_steps: Annotated[int, typer.Option(min=0)] = 2500,
    tight_photos: Annotated[
        Path | None, typer.Option(help="Folder of crops that the face fills (UTKFace), aligned without a detector.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Folder of an encoder to go on from, instead of the first stage.")
    ] = None,
    picture_steps: Annotated[int, typer.Option(min=0)] = 4000,
    seed: Annotated[int, typer.Option(help="Of the second stage: another one sees the photos in another order.")] = 4,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Of a run that goes on from --start: how much of the answer is new.")
    ] = 1.0,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Let torch compile the generator: faster; needs a C++ compiler.")
    ] = False,
    out: Out = Path("runs/encoder"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Train the encoder: first on latents of drawn faces, then, if photos are given, on pictures."""
    from core.face.recognition import load_identity
    from core.modeling.encoder import ENCODER_FILE, load_encoder
    from core.modeling.generator_weights import load_generator
    from core.modeling.preview_head import load_preview
    from core.modeling.weights_io import SHIPPED, save_weights
    from training.data.drawn_pairs import DrawnPairs
    from training.data.photos import CELEBA_HALF, AlignedPhotos, PhotoFolder
    from training.data.tight_alignment import TIGHT, TightAligner
    from training.trainers.encoder import (
        LatentStage,
        PictureStage,
        blend,
        resume_encoder,
        train_on_latents,
        train_on_pictures,
    )

    use_threads(threads)
    generator, identity, pairs = load_generator(weights), load_identity(weights), DrawnPairs.open(drawn)
    if start is None:
        model = train_on_latents(identity, generator.w_mean, pairs, out, LatentStage(steps=latent_steps))
    else:
        model = resume_encoder(start)
    folders = [PhotoFolder(folder) for folder in photos or []]
    if small_photos is not None:
        folders.append(PhotoFolder(small_photos, box=CELEBA_HALF, detail=80))
    if tight_photos is not None:
        folders.append(PhotoFolder(tight_photos, box=TIGHT, detail=140))
    if folders:
        aligner = TightAligner(weights)
        aligned = [
            AlignedPhotos.open(folder, out / f"photos{i}.npy", aligner=aligner) for i, folder in enumerate(folders)
        ]
        head = load_preview(generator.synthesis, preview or SHIPPED)
        settings = PictureStage(steps=picture_steps, seed=seed, compiled=compiled)
        trained = train_on_pictures(model, head, identity, pairs, aligned, out, settings)
        if start is not None and share < 1:
            save_weights(blend(load_encoder(start), trained, share), out / ENCODER_FILE)
    typer.echo(out)


@app.command("second-look", epilog="Example: childface train second-look --out runs/second-look")
def second_look(
    samples: Annotated[int, typer.Option(min=1, max=20_000, help="How many faces to draw and look at.")] = 10_800,
    out: Out = Path("runs/second-look"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Train what the encoder's second look needs: how a face's looks follow from its style."""
    from core.face.recognition import load_identity
    from core.latent.feedback import AppearancePredictor, SecondLook
    from core.modeling.generator_weights import load_generator
    from core.modeling.preview_head import load_preview
    from core.modeling.weights_io import SHIPPED
    from training.trainers.feedback import LookSettings, draw_looks, train_second_look

    use_threads(threads)
    generator, settings = load_generator(weights), LookSettings(samples=samples)
    eye = SecondLook(AppearancePredictor(), load_preview(generator.synthesis, SHIPPED), load_identity(weights))
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("drawing", total=1.0)
        styles, looks = draw_looks(
            generator, eye, out / "looks.npy", settings, progress=lambda done: bars.update(bar, completed=done)
        )
    train_second_look(generator, styles, looks, out, settings)
    typer.echo(out)


@app.command(epilog="Example: childface train headwear --out runs/headwear")
def headwear(
    sheets: Annotated[int, typer.Option(min=0, help="Draw so many children onto sheets, to be looked at.")] = 0,
    worn: Annotated[
        Path | None, typer.Option(help="Numbers of those on the sheets who wear something on their heads.", exists=True)
    ] = None,
    out: Out = Path("runs/headwear"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Fit the line by which hats are seen and taken off; to the children that we looked at, or to some of your own."""
    from core.latent.feedback import load_looks_reader
    from core.latent.headwear import HEADWEAR_FILE
    from core.modeling.weights_io import SHIPPED, save_weights
    from training.trainers.headwear import LABELLED, draw_sheets, fit_headwear, read_labelled, save_labelled, told_apart

    use_threads(threads)
    drawn = out / "children.safetensors"
    if sheets:
        from core.modeling.generator_weights import load_generator
        from core.pipeline import ChildPipeline

        save_labelled(draw_sheets(ChildPipeline.load(weights), load_generator(weights), sheets, out), (), drawn)
        typer.echo(f"Write the numbers of those who wear something (the first face is 0) into a file for --worn: {out}")
        return
    if worn is not None:
        save_labelled(read_labelled(drawn)[0], {int(number) for number in worn.read_text().split()}, drawn)
    styles, wears = read_labelled(drawn if drawn.is_file() else LABELLED)
    reader = load_looks_reader(SHIPPED)
    save_weights(fit_headwear(styles, wears, reader), out / HEADWEAR_FILE)
    typer.echo(f"told apart, area under the curve: {told_apart(styles, wears, reader):.3f} of {len(styles)}", err=True)
    typer.echo(out)


@app.command(epilog="Example: childface train naturalness --out runs/naturalness")
def naturalness(
    samples: Annotated[int, typer.Option(min=2000, help="Draws of the mapping network.")] = 100_000,
    out: Out = Path("runs/naturalness"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Fit the prior of natural latents to draws of the generator's mapping network: ten seconds."""
    from core.latent.naturalness import NATURALNESS_FILE
    from core.modeling.generator_weights import load_generator
    from core.modeling.weights_io import save_weights
    from training.trainers.naturalness import fit_naturalness

    use_threads(threads)
    save_weights(fit_naturalness(load_generator(weights), samples=samples), out / NATURALNESS_FILE)
    typer.echo(out)


@app.command(epilog="Example: childface train resemblance --photos portraits --out runs/resemblance")
def resemblance(
    photos: Annotated[Path, typer.Option(help="Folder of FFHQ-aligned photos, 256 px.", exists=True, file_okay=False)],
    children: Annotated[int, typer.Option(min=200, help="How many children to draw and look at.")] = 2000,
    out: Out = Path("runs/resemblance"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Measure what sets people apart from others: mean looks of adults, and of drawn faces by age and sex."""
    from core.face.age_estimator import AgeEstimator
    from core.modeling.generator_weights import load_generator
    from core.modeling.weights_io import SHIPPED
    from core.pipeline import ChildPipeline
    from training.data.photos import AlignedPhotos, PhotoFolder
    from training.data.tight_alignment import TightAligner
    from training.trainers.kinship import ResemblanceSettings, look_at_children, look_at_grown_ups, train_resemblance

    use_threads(threads)
    pipeline, settings = ChildPipeline.load(weights), ResemblanceSettings(children=children)
    identity = pipeline.models.identity
    aligned = AlignedPhotos.open(PhotoFolder(photos), out / "photos.npy", aligner=TightAligner(weights))
    grown_ups = look_at_grown_ups(aligned, identity, AgeEstimator.load(identity, SHIPPED), settings)
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("drawing", total=1.0)
        seen = look_at_children(
            pipeline,
            load_generator(weights),
            out,
            settings,
            progress=lambda done: bars.update(bar, completed=done),
        )
    train_resemblance(seen, grown_ups, pipeline.models.ageing, out, settings)
    typer.echo(out)


@app.command(epilog="Example: childface train correction --photos portraits --drawn runs/drawn --out runs/correction")
def correction(
    photos: Annotated[Path, typer.Option(help="Folder of portraits.", exists=True, file_okay=False)],
    drawn: Drawn,
    first: Annotated[int, typer.Option(min=1, help="Take so many of the portraits: others are for checks.")] = 500,
    steps: Annotated[int, typer.Option(min=1)] = 2400,
    start: Annotated[Path | None, typer.Option(help="Folder of a trained network to go on from.")] = None,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 5e-4,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Of a run that goes on from --start: how much of the answer is new.")
    ] = 1.0,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Let torch compile: faster; needs a C++ compiler.")
    ] = False,
    out: Out = Path("runs/correction"),
    weights: Weights = DEFAULT_WEIGHTS,
) -> None:
    """Train what corrects a child after a look at it, by gradients through its drawing."""
    import torch

    from core.latent.correction import CORRECTION_FILE, load_correction
    from core.modeling.weights_io import save_weights
    from core.pipeline import ChildPipeline
    from training.data.adults import kept_grown_ups
    from training.trainers.correction import CorrectionSettings, train_correction
    from training.trainers.encoder import blend

    pipeline, settings = ChildPipeline.load(weights), CorrectionSettings(steps=steps, learning_rate=rate)
    paths = sorted(photos.glob("*.jpg"))[:first] + sorted(drawn.glob("*.jpg"))[: settings.drawn]
    with Progress(console=Console(file=sys.stderr)) as bars:
        parents = kept_grown_ups(pipeline, bars.track(paths, description="encoding"), out / "parents")
    torch.set_num_threads(1)  # two children at a time, a thread each
    begin = load_correction(start) if start else None
    trained = train_correction(pipeline, parents, out, settings, begin=begin, compiled=compiled)
    if begin is not None and share < 1:
        save_weights(blend(begin, trained, share), out / CORRECTION_FILE)
    typer.echo(out)


@app.command(epilog="Example: childface train age-estimator --faces utkface --people people --redrawn runs/redrawn")
def age_estimator(
    faces: Annotated[
        Path | None, typer.Option(help="Folder with labels.csv (file, age, sex) and tight crops.", exists=True)
    ] = None,
    people: People = None,
    redrawn: Redrawn = None,
    epochs: Annotated[int, typer.Option(min=1)] = 30,
    out: Out = Path("runs/age"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Train the age estimator on faces whose age is known; logs its errors by age band on faces that taught nothing."""
    from core.face.age_estimator import pooled_features
    from core.face.recognition import load_identity
    from training.data.age_faces import FaceReader, gather_faces
    from training.trainers.age_estimator import AgeSettings, read_faces, train_age_head

    use_threads(threads)
    known = [face for face in gather_faces(faces, people, redrawn) if face.source != "ffhq"]
    network = load_identity(weights)
    data = read_faces(known, FaceReader(weights), partial(pooled_features, network), out / "features.npz")
    train_age_head(data, out, AgeSettings(epochs=epochs))
    typer.echo(out)


@app.command(epilog="Example: childface train whole-head --people people --redrawn runs/redrawn --start lite0.pth")
def whole_head(
    start: Annotated[
        Path, typer.Option(help="EfficientNet-Lite0's file to begin with (docs/training.md).", exists=True)
    ],
    faces: Annotated[
        Path | None, typer.Option(help="Folder with labels.csv (file, age, sex) and tight crops.", exists=True)
    ] = None,
    people: People = None,
    redrawn: Redrawn = None,
    steps: Annotated[int, typer.Option(min=1)] = 1200,
    seed: Annotated[int, typer.Option(help="Of the order and the damage in which pictures are seen.")] = 5,
    out: Out = Path("runs/whole-head"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Train the second opinion on age, by the whole head; logs its errors by age band on faces that taught nothing."""
    from training.data.age_faces import FaceReader, gather_faces
    from training.trainers.whole_head import WholeHeadSettings, read_heads, start_network, train_whole_head

    use_threads(threads)
    heads = read_heads(gather_faces(faces, people, redrawn), FaceReader(weights), out / "heads.npz")
    train_whole_head(start_network(start), heads, out, WholeHeadSettings(steps=steps, seed=seed))
    typer.echo(out)


@app.command(epilog="Example: childface train ageing --drawn runs/drawn --out runs/ageing")
def ageing(
    drawn: Drawn,
    age: Annotated[Path | None, typer.Option(help="Folder of the age estimator; default: the shipped one.")] = None,
    people: Annotated[
        Path | None,
        typer.Option(help="Folder of FFHQ-aligned photos with labels.csv (file, true age, sex).", exists=True),
    ] = None,
    check: Annotated[int, typer.Option(min=0, help="Move so many held-back faces through ages, and judge them.")] = 20,
    out: Out = Path("runs/ageing"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Fit the age and sex model on drawn pairs, labelled by our own estimator, and on people of known age.

    Ends with a report in log.jsonl.
    """
    from core.face.age_estimator import AgeEstimator
    from core.face.recognition import load_identity
    from core.modeling.generator_weights import load_generator
    from core.modeling.weights_io import SHIPPED
    from core.pipeline import ChildPipeline
    from training.data.drawn_pairs import DrawnPairs
    from training.data.encoded import encode_photos
    from training.trainers.age_editing import check_moves, label_pairs, train_ageing

    use_threads(threads)
    pairs = DrawnPairs.open(drawn)
    estimator = AgeEstimator.load(load_identity(weights), age or SHIPPED)
    generator = load_generator(weights)
    labels = label_pairs(pairs, estimator, out / "labels.npz")
    photos = None if people is None else encode_photos(ChildPipeline.load(weights), people, out / "people.npz")
    model = train_ageing(generator, pairs, labels, out, photos=photos)
    if check:
        check_moves(model, generator, estimator, pairs, out, count=check)
    typer.echo(out)


@app.command(epilog="Example: childface train directions --drawn runs/drawn --labelled portraits --out runs/directions")
def directions(
    drawn: Drawn,
    labelled: Annotated[
        Path, typer.Option(help="Folder of aligned photos with labels.csv (file, smile, glasses).", exists=True)
    ],
    most: Annotated[int, typer.Option(min=100, help="Measure so many of the drawn faces.")] = 3500,
    out: Out = Path("runs/directions"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Fit what can be read from a latent and written into it: smile, glasses, pose, hair, the shapes of a face."""
    from core.modeling.generator_weights import load_generator
    from training.data.drawn_pairs import DrawnPairs
    from training.data.traits import Landmarker, look_at, read_face
    from training.trainers.attributes import Labelled, read_labels, train_directions

    use_threads(threads)
    pairs, landmarker = DrawnPairs.open(drawn), Landmarker(weights)
    files, smile, glasses = read_labels(labelled)
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("measuring", total=2.0)
        photos = look_at(
            lambda row: read_face(files[row]),
            len(files),
            landmarker,
            out / "labelled.npz",
            progress=lambda done: bars.update(bar, completed=done),
        )
        looks = look_at(
            lambda row: read_face(drawn / f"{row:05d}.jpg"),
            min(most, len(pairs)),
            landmarker,
            out / "drawn.npz",
            progress=lambda done: bars.update(bar, completed=1 + done),
        )
    train_directions(load_generator(weights), pairs, looks, Labelled(photos, smile, glasses), out)
    typer.echo(out)


@app.command(epilog="Example: childface train skin KIN --people PEOPLE --portraits FFHQ")
def skin(
    kin: Annotated[
        Path, typer.Argument(help="Folder of people photographed several times, laid out as Families in the Wild.")
    ],
    people: Annotated[
        Path, typer.Option(help="Folder with labels.csv (file, source, age, race) and FairFace's faces.", exists=True)
    ],
    portraits: Annotated[
        Path, typer.Option(help="Folder of FFHQ-aligned portraits, over which estimates shall be right in the mean.")
    ],
    seed: Annotated[int, typer.Option(help="Of the first weights and of the lights that pictures are put into.")] = 3,
    out: Out = Path("runs/skin"),
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Train what tells skin from light; logs its errors on families and peoples held apart, beside plain baselines."""
    from core.face.pigment import PIGMENT_FILE
    from core.modeling.weights_io import save_weights
    from core.pipeline import ChildPipeline
    from training.trainers.pigment import SkinSettings, anchor, read_peoples, read_portraits, read_skins, train_skin

    use_threads(threads)
    pipeline, settings = ChildPipeline.load(weights), SkinSettings(seed=seed)
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("looking", total=1.0)
        families = read_skins(
            pipeline, kin, out / "families", settings, progress=lambda done: bars.update(bar, completed=done)
        )
    model = train_skin(families, read_peoples(pipeline, weights, people, out / "peoples.npz"), out, settings)
    move = anchor(model, *read_portraits(pipeline, portraits))
    save_weights(model, out / PIGMENT_FILE)
    typer.echo(f"moved by {move.tolist()}", err=True)
    typer.echo(out)


@app.command("family-report", epilog="Example: childface train family-report families --couples 40 --sheet sheet.png")
def report_families(
    folder: Annotated[Path, typer.Argument(help="Folder with triplets.csv and its photos.", exists=True)],
    couples: Annotated[
        int | None, typer.Option(min=2, help="Only so many couples, evenly spread over the folder.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Save every family's drawings as one PNG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    weights: Weights = DEFAULT_WEIGHTS,
    threads: Threads = 0,
) -> None:
    """Measure children against couples and real children: age, sex, likeness, siblings, colours."""
    import json

    from core.domain.errors import MissingWeights
    from core.pipeline import ChildPipeline
    from training.data.traits import Landmarker
    from training.reports.family import Studio, family_report
    from training.reports.second_judge import SecondJudge

    use_threads(threads)
    try:
        second = SecondJudge.load(weights)
    except MissingWeights:
        typer.echo("note: no second judge of age (childface weights fetch --research)", err=True)
        second = None
    with Progress(console=Console(file=sys.stderr)) as bars:
        bar = bars.add_task("drawing families", total=1.0)
        found = family_report(
            Studio(ChildPipeline.load(weights), Landmarker(weights), second),
            folder,
            couples=couples,
            sheet=sheet,
            progress=lambda done: bars.update(bar, completed=done),
        )
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, figure in flat(found):
        typer.echo(f"{name:48} {figure}")


def flat(figures: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """Nested figures as lines: the keys one after another, and what stands there."""
    for key, value in figures.items():
        if isinstance(value, dict):
            yield from flat(value, f"{head}{key} ")
        else:
            yield f"{head}{key}", value


@app.command("map", epilog="Example: childface train map --drawn runs/drawn --out map.png")
def draw_map(
    drawn: Drawn,
    count: Annotated[int, typer.Option(min=20, help="How many faces.")] = 1500,
    seed: int = 0,
    out: Annotated[Path, typer.Option(help="A .png; an .html of the same name is written beside it.")] = Path(
        "map.png"
    ),
) -> None:
    """Draw the latent space in two dimensions (t-SNE and LLE), coloured by age and sex, as PNG and HTML."""
    from core.latent.attributes import load_directions
    from core.modeling.weights_io import SHIPPED
    from training.data.drawn_pairs import DrawnPairs
    from training.reports.latent_map import draw_png, lay_out, write_html

    pairs = DrawnPairs.open(drawn)
    found = lay_out(pairs, load_directions(SHIPPED), count=count, seed=seed)
    draw_png(found, out.with_suffix(".png"))
    write_html(found, pairs, out.with_suffix(".html"))
    typer.echo(out.with_suffix(".png"))
    typer.echo(out.with_suffix(".html"))
