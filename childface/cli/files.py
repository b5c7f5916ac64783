"""Input and output files of the command line, and the contents of `--json`.

Wrong: `CliError` for a path or number that cannot be right; the pipeline's `InputError`s with the file's name as note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from childface.cli.output import CliError, progress
from childface.files import write_whole
from core.domain.errors import EmptyPhoto, InputError, PhotoTooLarge

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.latent.latent import Latent
    from core.output.c2pa import Credentials
    from core.output.video import Film
    from core.pipeline import Child
    from core.pipeline_protocol import Pipeline

    Pixels = npt.NDArray[np.uint8]

Kind = Literal["png", "jpeg"]
KINDS: dict[str, Kind] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}
GrowthKind = Literal["png", "jpeg", "gif", "mp4"]
GROWTH_KINDS: dict[str, GrowthKind] = {**KINDS, ".gif": "gif", ".mp4": "mp4"}
Show = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Shows what is being done, and how far it is."""

MAX_BYTES = 20 * 2**20
"""No file above this is read into memory; the pipeline has the same limit."""


@dataclass(frozen=True)
class InputFile:
    """A file that was read: a photo, or a latent when its name ends in .npz."""

    path: Path
    data: bytes

    @property
    def is_latent(self) -> bool:
        """Told by the name; the content is checked when it is parsed."""
        return self.path.suffix.lower() == ".npz"


@dataclass(frozen=True)
class ParentFile:
    """A parent as the commands need it, from a photo or a latent."""

    latent: Latent
    timings_ms: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    crop: Pixels | None = None
    """The aligned face (256×256×3) of a photo."""
    age: tuple[float, float] | None = None
    """The estimated age of a photo's face and its standard error, in years."""


def read(path: Path) -> InputFile:
    """Read a file whole; Refusal when there is none, PhotoTooLarge before a huge one is read."""
    try:
        size = path.stat().st_size
        if path.is_file() and size > MAX_BYTES:
            raise _about(path, PhotoTooLarge(what="bytes", size=size, limit=MAX_BYTES))
        data = path.read_bytes()
    except OSError as cause:
        raise CliError(f"{path}: {(cause.strerror or 'cannot be read').lower()}") from cause
    if not data:
        raise _about(path, EmptyPhoto())
    return InputFile(path, data)


def kind_of(out: Path) -> Kind:
    """The format by file name. Called first, so that errors appear before the work starts."""
    check_target(out, tuple(KINDS), "pictures")
    return KINDS[out.suffix.lower()]


def growth_kind_of(out: Path, kind: GrowthKind | None) -> GrowthKind:
    """A strip or a film: by `kind`, else by file name."""
    check_target(out, tuple(GROWTH_KINDS) if kind is None else (out.suffix.lower(),), "strips and films")
    return GROWTH_KINDS[out.suffix.lower()] if kind is None else kind


def check_target(out: Path, endings: tuple[str, ...], what: str) -> None:
    """Refuse a file name that we cannot write."""
    if out.suffix.lower() not in endings:
        raise CliError(f"{out}: {what} are written as {' or '.join(endings)}")
    if not out.parent.is_dir():
        raise CliError(f"{out}: there is no folder {out.parent}")
    if out.is_dir():
        raise CliError(f"{out}: this is a folder")


def ages(text: str) -> list[float]:
    """`1,3,6` as numbers."""
    try:
        years = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as cause:
        raise CliError(f"--ages is {text!r}; allowed: numbers with commas between, such as 1,6,12") from cause
    if not years:
        raise CliError("--ages is empty; allowed: numbers with commas between, such as 1,6,12")
    return years


def parent(pipeline: Pipeline, source: InputFile, face: int | None, refine: bool, show: Show = progress) -> ParentFile:
    """Encode a photo (and refine it), or read a latent. `face` counts from 1, from left to right."""
    from core.latent.latent import Latent

    if not source.is_latent:
        return person(pipeline, [source], face, refine, show)
    try:
        return ParentFile(Latent.from_bytes(source.data))
    except InputError as error:
        raise _about(source.path, error) from error.__cause__


def both(
    pipeline: Pipeline, sources: Sequence[InputFile], faces: Sequence[int | None], refine: bool
) -> list[ParentFile]:
    """Two parents. Without refinement at the same time: one photo is opened and searched while the other is encoded."""
    if refine:
        return [parent(pipeline, source, face, refine) for source, face in zip(sources, faces, strict=True)]
    names = " and ".join(source.path.name for source in sources)
    with progress(f"Encoding {names}"), ThreadPoolExecutor(len(sources)) as threads:
        running = [
            threads.submit(parent, pipeline, source, face, refine, show=silent)
            for source, face in zip(sources, faces, strict=True)
        ]
        return [each.result() for each in running]


def silent(_: str) -> AbstractContextManager[Callable[[float], None]]:
    """Shows no progress; the caller does."""
    return nullcontext(lambda done: None)


def person(
    pipeline: Pipeline, photos: Sequence[InputFile], face: int | None, refine: bool, show: Show = progress
) -> ParentFile:
    """Encode one or more photos of one person (and refine the latent on the most typical of them)."""
    encoded = []
    for source in photos:
        if source.is_latent and len(photos) > 1:
            raise CliError(f"{source.path}: several photos become one latent; a latent is not a photo")
        try:
            with show(f"Encoding {source.path.name}"):
                encoded.append(pipeline.encode(source.data, face=None if face is None else face - 1))
        except InputError as error:
            raise _about(source.path, error) from error.__cause__
    found = encoded[0] if len(encoded) == 1 else pipeline.average(encoded)
    latent = found.latent
    if refine:
        with show(f"Refining {photos[0].path.name}") as report:
            latent = pipeline.refine(found.crop, latent, progress=report, averaged=len(photos) > 1)
    facts = {"sex": found.sex, "sex_confidence": round(found.sex_confidence, 3), "age": round(found.age, 1)}
    return ParentFile(
        latent, dict(found.timings_ms), list(found.warnings), facts, found.crop, (found.age, found.age_error)
    )


def with_age_warning(parent: ParentFile, youngest: float, *, adult: bool) -> ParentFile:
    """The parent with a warning if the face looks, or may be, younger than `youngest`; `adult`: stated to be one."""
    from core.face.minimum_age import verdict

    if parent.age is None:
        return parent
    found = verdict(*parent.age, youngest=youngest)
    if found == "accept" or (found == "ask" and adult):
        return parent
    warning = "looks_underage" if found == "refuse" else "may_be_underage"
    return replace(parent, warnings=[*parent.warnings, warning])


def write(
    out: Path, image: Pixels, kind: Kind, *, corner_mark: bool = False, credentials: Credentials | None = None
) -> None:
    """Save a picture, marked as AI-generated; with `corner_mark` visibly so, with `credentials` signed."""
    from core.output.images import encode_picture, mark_corner

    if corner_mark:
        image = mark_corner(image)
    data = encode_picture(image, kind=kind)
    write_whole(out, data if credentials is None else credentials.sign(data, kind=kind))


def about(child: Child) -> str:
    """How a child looks, on one line: age, likeness (a stranger has 50 %) and the code that draws it again."""
    mom, dad = (f"{child.likeness[who]:.0f} % like {who}" for who in ("mom", "dad"))
    return f"looks {child.estimated_age:.0f}; {mom}, {dad} (strangers: 50 %); code {child.code}"


def write_film(out: Path, film: Film, kind: Literal["gif", "mp4"], *, corner_mark: bool = False) -> None:
    """Save a film, marked as AI-generated; with `corner_mark` visibly so."""
    from core.output.video import encode_film, mark_corners

    write_whole(out, encode_film(mark_corners(film) if corner_mark else film, kind))


def facts_of(
    out: Path, children: Sequence[Child], parents: Sequence[ParentFile], *, strip: bool = False
) -> dict[str, Any]:
    """The object that `--json` prints. For one child, numbers; for a strip, lists in the order of the ages."""
    first = children[0]

    def each(values: list[Any]) -> Any:
        return values if strip else values[0]

    timings = {
        f"{who}_{stage}": spent
        for who, found in zip(("mom", "dad"), parents, strict=True)
        for stage, spent in found.timings_ms.items()
    }
    for child in children:
        for stage, spent in child.timings_ms.items():
            timings[stage] = timings.get(stage, 0.0) + spent
    warnings = [
        f"{who}: {warning}" for who, found in zip(("mom", "dad"), parents, strict=True) for warning in found.warnings
    ]
    return {
        "image": str(out),
        "age": each([child.age for child in children]),
        "estimated_age": each([round(child.estimated_age, 1) for child in children]),
        "sex": first.sex,
        "mix": first.mix,
        "seed": first.seed,
        "genes": dict(first.genes),
        "code": each([child.code for child in children]),
        "likeness": {who: each([round(child.likeness[who], 3) for child in children]) for who in ("mom", "dad")},
        "timings_ms": {stage: round(spent, 1) for stage, spent in timings.items()},
        "generator": first.generator,
        "encoder": first.encoder,
        "warnings": warnings + list(dict.fromkeys(warning for child in children for warning in child.warnings)),
    }


def _about(path: Path, error: InputError) -> InputError:
    error.add_note(str(path))
    return error
