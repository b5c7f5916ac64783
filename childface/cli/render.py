"""`childface make | grow | encode | draw`: photos and latents in, images and latents out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from childface.cli import files
from childface.cli.context import Environment
from childface.cli.error_texts import warning_text
from childface.cli.options import read_wish, with_looks
from childface.cli.output import CliError, note, progress, say, say_json
from childface.files import write_whole

Sex = Literal["girl", "boy", "surprise"]

Mom = Annotated[Path, typer.Argument(metavar="MOM", help="Her photo, or a latent made by `encode`.")]
Dad = Annotated[Path, typer.Argument(metavar="DAD", help="His photo, or a latent made by `encode`.")]
Age = Annotated[
    float | None, typer.Option(metavar="YEARS", help="How old the child shall look, 0 to 90; 6 when nothing is said.")
]
AgeGroup = Annotated[
    str | None, typer.Option(metavar="A-B", help="A group of ages instead, such as 0-10 or 11-20: its middle.")
]
SexOption = Annotated[Sex | None, typer.Option(help="Girl, boy, or let chance decide, as it usually does.")]
Mix = Annotated[float | None, typer.Option(metavar="0..100", help="0 is all mom, 100 all dad; usually 50.")]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Another seed is a brother or sister; usually 0.")]
Genes = Annotated[
    str | None,
    typer.Option(
        metavar="TRAIT=PARENT,...",
        help="Whose a trait shall be: face, eyes, brows, nose, mouth, jaw, skin, hair = mom, dad or both.",
    ),
]
Code = Annotated[str | None, typer.Option(metavar="CODE", help="Repeat a child; other options change what it says.")]
Refine = Annotated[bool, typer.Option("--refine", help="Optimise both parents first: slower, more alike.")]
Face = Annotated[int | None, typer.Option(metavar="N", min=1, help="Which face, from left to right.")]
NoNsfwCheck = Annotated[
    bool, typer.Option("--no-nsfw-check", help="Take any photo. For research on pictures that you answer for.")
]
Adult = Annotated[bool, typer.Option("--adult", help="State that who looks as if they might be under age is an adult.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: childface make mom.jpg dad.jpg --age 6 --sex girl -o child.png")(with_looks(make))
    app.command(epilog="Example: childface grow mom.jpg dad.jpg --ages 3,10,25 -o film.mp4")(with_looks(grow))
    app.command(epilog="Example: childface encode mom.jpg -o mom.npz")(encode)
    app.command(epilog="Example: childface draw mom.npz -o mom-again.png --age 12")(with_looks(draw))


def make(
    ctx: typer.Context,
    mom: Mom,
    dad: Dad,
    age: Age = None,
    age_group: AgeGroup = None,
    sex: SexOption = None,
    mix: Mix = None,
    seed: Seed = None,
    genes: Genes = None,
    code: Code = None,
    refine: Refine = False,
    size: Annotated[int, typer.Option(metavar="256|512|1024", help="Edge of the picture in pixels.")] = 1024,
    mom_face: Face = None,
    dad_face: Face = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the picture goes: PNG or JPEG.")] = Path("child.png"),
    no_nsfw_check: NoNsfwCheck = False,
    adult: Adult = False,
    as_json: Json = False,
    *,
    looks: dict[str, float],
) -> None:
    """Draw the child of two parents."""
    kind = files.kind_of(out)
    photos = [files.read(mom), files.read(dad)]
    # From here on torch is needed, which takes seconds: what is quick to refuse was refused.
    wish = read_wish(
        code, age=years_of(age, age_group), sex=sex, mix=mix, seed=seed, size=size, genes=genes, looks=looks
    )
    pipeline = open_pipeline(ctx, no_nsfw_check)
    parents = [checked(ctx, one, adult) for one in files.both(pipeline, photos, (mom_face, dad_face), refine)]
    with progress("Drawing the child") as report:
        child = pipeline.make(parents[0].latent, parents[1].latent, wish, progress=report)
    files.write(out, child.image, kind, **marks(ctx))
    facts = files.facts_of(out, [child], parents)
    if not as_json:
        note(files.about(child))
    answer(out, facts, as_json)


def grow(
    ctx: typer.Context,
    mom: Mom,
    dad: Dad,
    ages: Annotated[str, typer.Option(metavar="A,B,...", help="Ages in years.")] = "1,3,6,10,15,25,40,60",
    sex: SexOption = None,
    mix: Mix = None,
    seed: Seed = None,
    genes: Genes = None,
    code: Code = None,
    refine: Refine = False,
    size: Annotated[int, typer.Option(metavar="256|512|1024", help="Edge of each picture.")] = 256,
    mom_face: Face = None,
    dad_face: Face = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="A strip (.png, .jpg) or a film that morphs (.mp4, .gif).")
    ] = Path("strip.png"),
    kind: Annotated[
        files.GrowthKind | None, typer.Option("--format", help="What to write, whatever the file's name says.")
    ] = None,
    no_nsfw_check: NoNsfwCheck = False,
    adult: Adult = False,
    as_json: Json = False,
    *,
    looks: dict[str, float],
) -> None:
    """Draw the same child at many ages: side by side, or as a film that shows it growing up."""
    years = files.ages(ages)
    written = files.growth_kind_of(out, kind)
    photos = [files.read(mom), files.read(dad)]
    from core.output.images import strip

    wish = read_wish(code, sex=sex, mix=mix, seed=seed, size=size, genes=genes, looks=looks)
    for age in years:
        replace(wish, age=age)  # refuses other ages before anything is loaded
    pipeline = open_pipeline(ctx, no_nsfw_check)
    parents = [checked(ctx, one, adult) for one in files.both(pipeline, photos, (mom_face, dad_face), refine)]
    couple = (parents[0].latent, parents[1].latent)
    with progress("Drawing the child at each age") as report:
        if written == "gif" or written == "mp4":
            children, film = pipeline.film(*couple, wish, years, progress=report)
            files.write_film(out, film, written, corner_mark=bool(marks(ctx).get("corner_mark")))
        else:
            children = pipeline.grow(*couple, wish, years, progress=report)
            image = strip([child.image for child in children], [f"{age:g}" for age in years])
            files.write(out, image, written, **marks(ctx))
    answer(out, files.facts_of(out, children, parents, strip=True), as_json)


def encode(
    ctx: typer.Context,
    photo: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="A photo with a face, or more of one person.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the latent goes.")] = Path("latent.npz"),
    face: Face = None,
    refine: Annotated[bool, typer.Option("--refine", help="Optimise it: slower, more alike.")] = False,
    no_nsfw_check: NoNsfwCheck = False,
    adult: Adult = False,
    as_json: Json = False,
) -> None:
    """Turn a photo, or several of one person, into a latent: the numbers that the generator draws a face from."""
    files.check_target(out, (".npz",), "latents")
    sources = [files.read(path) for path in photo]
    pipeline = open_pipeline(ctx, no_nsfw_check)
    if len(sources) == 1:
        parent = files.parent(pipeline, sources[0], face, refine)
    else:
        parent = files.person(pipeline, sources, face, refine)
    parent = checked(ctx, parent, adult)
    write_whole(out, parent.latent.to_bytes())
    facts: dict[str, Any] = {"latent": str(out), **parent.facts}
    facts |= {"generator": parent.latent.generator, "encoder": parent.latent.encoder}
    facts |= {"timings_ms": parent.timings_ms, "warnings": parent.warnings}
    answer(out, facts, as_json)


def draw(
    ctx: typer.Context,
    latent: Annotated[Path, typer.Argument(metavar="LATENT", help="Made by `encode`.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the picture goes: PNG or JPEG.")] = Path("face.png"),
    age: Annotated[float | None, typer.Option(metavar="YEARS", help="At another age, 0 to 90.")] = None,
    age_group: AgeGroup = None,
    size: Annotated[int, typer.Option(metavar="256|512|1024", help="Edge of the picture.")] = 1024,
    as_json: Json = False,
    *,
    looks: dict[str, float],
) -> None:
    """Draw the face of a latent, as it is, at another age or with another look."""
    kind = files.kind_of(out)
    source = files.read(latent)
    from core.domain.child_spec import ChildSpec

    age = years_of(age, age_group)
    # Refuses other ages, sizes and looks before anything is loaded.
    spec = ChildSpec(age=0.0 if age is None else age, size=size, looks=looks)
    pipeline = open_pipeline(ctx)
    face = files.parent(pipeline, source, None, refine=False).latent
    with progress("Drawing"):
        shown = pipeline.change_looks(face, spec.looks) if spec.looks else face
        shown = shown if age is None else pipeline.age_face(shown, age=age)
        image = pipeline.draw(shown, size=size)
    files.write(out, image, kind, **marks(ctx))
    answer(out, {"image": str(out), "age": age, "generator": face.generator, "encoder": face.encoder}, as_json)


def years_of(age: float | None, group: str | None) -> float | None:
    """The age that was asked for, as a number or as a group of ages; None when neither was said."""
    from core.domain.child_spec import age_of_group

    if age is not None and group is not None:
        raise CliError("--age and --age-group exclude each other; give one of them")
    return age if group is None else age_of_group(group)


def open_pipeline(ctx: typer.Context, no_nsfw_check: bool = False) -> Any:
    """The models, loaded; with `no_nsfw_check` they take any photo."""
    environment: Environment = ctx.obj
    settings = environment.read_settings()
    if no_nsfw_check:
        settings = settings.model_copy(update={"nsfw_limit": 1.0})
    with progress("Loading the models"):
        return environment.load_pipeline(settings)


def checked(ctx: typer.Context, parent: files.ParentFile, adult: bool) -> files.ParentFile:
    """The parent with a warning where the face may not be an adult's, unless `adult` states that it is."""
    environment: Environment = ctx.obj
    return files.with_age_warning(parent, environment.read_settings().youngest_parent, adult=adult)


def marks(ctx: typer.Context) -> dict[str, Any]:
    """How the settings want pictures marked, besides what every file says about itself."""
    environment: Environment = ctx.obj
    settings = environment.read_settings()
    marks: dict[str, Any] = {"corner_mark": settings.corner_mark}
    if settings.c2pa_certificate is not None and settings.c2pa_key is not None:
        from core.output.c2pa import Credentials

        marks["credentials"] = Credentials(settings.c2pa_certificate, settings.c2pa_key)
    return marks


def answer(out: Path, facts: dict[str, Any], as_json: bool) -> None:
    """The result: the path, or everything as JSON. Warnings are notes unless they are in the JSON already."""
    if as_json:
        say_json(facts)
        return
    for warning in facts.get("warnings", ()):
        note(f"note: {warning_text(warning)}")
    say(str(out))
