"""Trains the estimator of pigment (`core.face.pigment`) on people photographed several times.

One photo of a person is read; the mean cheek colour of the person's other photos is the target. Families of celebrities
are mostly of one people, so faces of seven peoples (FairFace's labels) teach as well: of those there is one photo each,
and the target is the mean of hundreds of their people, over which light averages out. Both targets scatter around the
person's own pigment, and the network is told by how much, or it would state errors that are too wide.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.domain.errors import FaceError, PhotoError
from core.face.detection import align_face
from core.face.pigment import PIGMENT_FILE, PIGMENTS, PigmentEstimator, light_clues
from core.face.recognition import identity_chip
from core.face.skin_tone import PALEST
from core.modeling.weights_io import save_weights
from core.output.images import Pixels
from core.pipeline import ChildPipeline
from core.runtime.tensors import to_tensor
from training.data.age_faces import FaceReader, Part, part_of, people_faces
from training.data.kin import Person, read_people
from training.data.traits import read_face
from training.trainers.log import TrainingLog

CHANNELS = ("light", "red", "yellow")

WITHIN_A_PEOPLE = (4.5, 3.2, 2.3)
"""Standard deviations of pigment within a people, Lab: those of the families' people, once their photos' light is taken
out."""


@dataclass(frozen=True)
class SkinSettings:
    """What a run is made of."""

    epochs: int = 400
    learning_rate: float = 3e-3
    weight_decay: float = 2.0
    lights: int = 2  # versions of every photo: as it is, and in another light
    seed: int = 3


@dataclass(frozen=True)
class SkinPhotos:
    """Photos and what they say: clues (N, 41), descriptors (N, 128), and the part that each belongs to.

    `target` (N, 3): what the skin is taken to be, Lab, and `scatter` (N, 3), the variance around it. `light` (N,): 0
    for the photo as it is, else the number of its version.
    """

    clues: Tensor
    descriptors: Tensor
    target: Tensor
    scatter: Tensor
    light: Tensor
    part: tuple[Part, ...]

    def __len__(self) -> int:
        return len(self.clues)

    def rows(self, rows: Tensor) -> SkinPhotos:
        """Some of the photos, by number."""
        return SkinPhotos(
            self.clues[rows],
            self.descriptors[rows],
            self.target[rows],
            self.scatter[rows],
            self.light[rows],
            tuple(self.part[row] for row in rows.tolist()),
        )

    def of(self, *parts: Part, lit: bool | None = None) -> SkinPhotos:
        """Those of some parts; `lit`: only photos as they are (True) or only versions in another light (False)."""
        chosen = torch.tensor([part in parts for part in self.part])
        if lit is not None:
            chosen &= (self.light == 0) == lit
        return self.rows(chosen.nonzero()[:, 0])


@torch.inference_mode()
def read_skins(
    pipeline: ChildPipeline,
    folder: Path,
    cache: Path,
    settings: SkinSettings = SkinSettings(),
    *,
    progress: Callable[[float], None] | None = None,
) -> SkinPhotos:
    """Look at everybody in a folder laid out as `training.data.kin` says; what was seen is kept in `cache`, by family.

    Photos without a face that can be used are left out, and people of whom there is only one that tells a colour.
    """
    cache.mkdir(parents=True, exist_ok=True)
    families: dict[str, list[Person]] = {}
    for person in read_people(folder):
        families.setdefault(person.family, []).append(person)
    for number, (family, people) in enumerate(sorted(families.items())):
        kept = cache / f"{family}.npz"
        if not kept.is_file():
            fresh = kept.with_suffix(".new.npz")
            np.savez(fresh, allow_pickle=False, **_look_at(pipeline, people, settings, number))
            os.replace(fresh, kept)
        if progress is not None:
            progress((number + 1) / len(families))
    return gather_skins({family: dict(np.load(cache / f"{family}.npz")) for family in sorted(families)})


def _look_at(
    pipeline: ChildPipeline, people: list[Person], settings: SkinSettings, number: int
) -> dict[str, np.ndarray]:
    """Clues, descriptors, member and light of every usable photo of a family."""
    rng = np.random.default_rng((settings.seed, number))
    found: dict[str, list[object]] = {"clues": [], "descriptors": [], "member": [], "light": []}
    for member, person in enumerate(people):
        for path in person.photos:
            try:
                opened = pipeline.open_photo(path.read_bytes())
                aligned = align_face(opened.rgb, pipeline.models.finder.one_face(opened.rgb))
            except (FaceError, PhotoError):
                continue
            for light in range(settings.lights):
                picture = in_other_light(aligned.rgb, rng) if light else aligned.rgb
                judged = pipeline.engine.extract_features(identity_chip(to_tensor(picture)))
                found["clues"].append(light_clues(picture, aligned.landmarks))
                found["descriptors"].append(judged.descriptors[0].numpy())
                found["member"].append(member)
                found["light"].append(light)
    return {name: np.array(values) for name, values in found.items()}


def gather_skins(families: Mapping[str, Mapping[str, np.ndarray]]) -> SkinPhotos:
    """Photos of families, as `read_skins` keeps them: the target is the mean colour of the person's other photos."""
    rows: dict[str, list[object]] = {name: [] for name in ("clues", "descriptors", "target", "light", "others")}
    parts: list[Part] = []
    gaps: list[np.ndarray] = []
    for family, seen in families.items():
        for member in np.unique(seen["member"]):
            own = np.flatnonzero(seen["member"] == member)
            shots = np.cumsum(seen["light"][own] == 0) - 1
            colours = seen["clues"][own[seen["light"][own] == 0], :3]
            tells = np.hypot(colours[:, 1], colours[:, 2]) >= PALEST
            for row, shot in zip(own, shots, strict=True):
                others = tells & (np.arange(len(colours)) != shot)
                if not others.any():
                    continue
                target = colours[others].mean(axis=0)
                if tells[shot] and seen["light"][row] == 0 and part_of(family) == "teach":
                    gaps.append((colours[shot] - target) ** 2 / (1 + 1 / others.sum()))
                for name, value in (
                    ("clues", seen["clues"][row]),
                    ("descriptors", seen["descriptors"][row]),
                    ("target", target),
                    ("light", int(seen["light"][row])),
                    ("others", int(others.sum())),
                ):
                    rows[name].append(value)
                parts.append(part_of(family))
    found = {name: torch.from_numpy(np.array(values, np.float32)) for name, values in rows.items()}
    # One photo minus the mean of n others varies by 1 + 1/n times what photos of one person vary by.
    light_variance = torch.from_numpy(np.mean(gaps, axis=0).astype(np.float32))
    scatter = light_variance / found.pop("others")[:, None]
    return SkinPhotos(**found, scatter=scatter, part=tuple(parts))


@torch.inference_mode()
def read_peoples(pipeline: ChildPipeline, weights: Path, folder: Path, cache: Path, seed: int = 5) -> SkinPhotos:
    """Look once at those faces of a folder (`training.data.age_faces`) whose people is known; `cache` is a file."""
    if not cache.is_file():
        faces = [face for face in people_faces(folder) if face.frame == "points" and face.race]
        reader, rng = FaceReader(weights), np.random.default_rng(seed)
        found: dict[str, list[object]] = {name: [] for name in ("clues", "descriptors", "race", "part", "light")}
        for face in faces:
            rgb = reader.read(face)
            landmarks = pipeline.models.finder.aligned_landmarks(rgb)
            for light, picture in enumerate((rgb, in_other_light(rgb, rng))):
                found["clues"].append(light_clues(picture, landmarks))
                judged = pipeline.engine.extract_features(identity_chip(to_tensor(picture)))
                found["descriptors"].append(judged.descriptors[0].numpy())
                found["race"].append(face.race)
                found["part"].append(face.part)
                found["light"].append(light)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, allow_pickle=False, **{name: np.array(values) for name, values in found.items()})
    with np.load(cache, allow_pickle=False) as kept:
        return gather_peoples({name: kept[name] for name in kept})


def gather_peoples(seen: Mapping[str, np.ndarray]) -> SkinPhotos:
    """Faces as `read_peoples` keeps them: the target is the mean colour of the faces of the people that teach."""
    colours = seen["clues"][:, :3]
    usual = (seen["light"] == 0) & (seen["part"] == "teach") & (np.hypot(colours[:, 1], colours[:, 2]) >= PALEST)
    target = np.zeros_like(colours)
    for people in np.unique(seen["race"]):
        target[seen["race"] == people] = colours[usual & (seen["race"] == people)].mean(axis=0)
    return SkinPhotos(
        clues=torch.from_numpy(seen["clues"]),
        descriptors=torch.from_numpy(seen["descriptors"]),
        target=torch.from_numpy(target),
        scatter=torch.tensor(WITHIN_A_PEOPLE).square().expand(len(target), 3),
        light=torch.from_numpy(seen["light"]).float(),
        part=tuple(seen["part"].tolist()),
    )


def join(*photos: SkinPhotos) -> SkinPhotos:
    """All in one."""
    tensors = {
        name: torch.cat([getattr(one, name) for one in photos])
        for name in ("clues", "descriptors", "target", "scatter", "light")
    }
    return SkinPhotos(**tensors, part=tuple(part for one in photos for part in one.part))


def train_skin(
    families: SkinPhotos, peoples: SkinPhotos, out: Path, settings: SkinSettings = SkinSettings()
) -> PigmentEstimator:
    """Fit on those who teach, by the likelihood of their targets; leaves a log and the weights in `out`.

    The epoch that is kept is the best on those who choose.
    """
    torch.manual_seed(settings.seed)
    photos = join(families, peoples)
    teach, stop = photos.of("teach"), photos.of("stop")
    model = PigmentEstimator()
    inputs = torch.cat((teach.clues, teach.descriptors), dim=1)
    model.mean.copy_(inputs.mean(dim=0))
    model.scale.copy_(inputs.std(dim=0).clamp(min=1e-4))
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    log = TrainingLog(out, settings=asdict(settings), every=50)
    best, kept = float("inf"), {name: value.clone() for name, value in model.state_dict().items()}
    for epoch in range(settings.epochs):
        model.train()
        loss = surprise(model, teach)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        log.add(epoch + 1, loss=loss.item())
        if epoch % 10 == 9:
            model.eval()
            with torch.no_grad():
                missed = surprise(model, stop).item()
            if missed < best:
                best, kept = missed, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)
    model.eval()
    typical = photos.of("teach", lit=True).target.mean(dim=0)
    # Of a people the mean is what was asked for: nothing of the error against it is scatter.
    asked = replace(peoples, scatter=torch.zeros_like(peoples.scatter))
    for name, held in (("families", families), ("peoples", asked)):
        log.note(
            settings.epochs, **{f"{name}_{key}": value for key, value in report_skin(model, held, typical).items()}
        )
    save_weights(model, out / PIGMENT_FILE)
    return model


@torch.inference_mode()
def read_portraits(pipeline: ChildPipeline, folder: Path, most: int = 600) -> tuple[Tensor, Tensor]:
    """Clues (N, 41) and descriptors (N, 128) of aligned portraits of anybody, evenly out of a folder."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    clues, descriptors = [], []
    for number in np.linspace(0, len(files), min(most, len(files)), endpoint=False).astype(int):
        face = read_face(files[number])
        clues.append(light_clues(face, pipeline.models.finder.aligned_landmarks(face)))
        descriptors.append(pipeline.engine.extract_features(identity_chip(to_tensor(face))).descriptors[0])
    return torch.from_numpy(np.stack(clues)), torch.stack(descriptors)


@torch.no_grad()
def anchor(model: PigmentEstimator, clues: Tensor, descriptors: Tensor) -> Tensor:
    """Move all estimates by one colour (3,), which is returned: over portraits their mean is then the cheeks' mean.

    Small photos and telephones are warmer than the portraits that the generator learnt from; a child is drawn among the
    latter. Over hundreds of portraits light averages out.
    """
    tells = clues[:, 1:3].norm(dim=1) >= PALEST
    move: Tensor = (clues[:, :3] - model(clues, descriptors)[0])[tells].mean(dim=0)
    model.linear.bias[:3] += move / 10
    return move


def surprise(model: PigmentEstimator, photos: SkinPhotos) -> Tensor:
    """Mean negative log-likelihood of the targets, whose own scatter is no fault of the estimate."""
    colour, log_error = model(photos.clues, photos.descriptors)
    variance = (2 * log_error).exp() + photos.scatter
    loss: Tensor = 0.5 * ((colour - photos.target).square() / variance + variance.log()).mean()
    return loss


@torch.no_grad()
def report_skin(model: PigmentEstimator, photos: SkinPhotos, typical: Tensor) -> dict[str, float]:
    """Root mean square errors on families held apart, the scatter of the targets taken out, Lab.

    As they are and in another light: of the estimate, of the photo's own colour (within what skin can be), of the mean;
    and how many errors lie within one stated standard error (68 of 100 would be right).
    """
    found: dict[str, float] = {}
    for name, lit in (("photos", True), ("other_light", False)):
        held = photos.of("report", lit=lit)
        if not len(held):
            continue
        colour, log_error = model(held.clues, held.descriptors)
        low, high = torch.from_numpy(PIGMENTS).T
        ways = {
            "estimate": colour.clamp(low, high),
            "own_colour": held.clues[:, :3].clamp(low, high),
            "mean": typical.expand_as(held.target),
        }
        for way, guess in ways.items():
            squared = ((guess - held.target).square() - held.scatter).mean(dim=0).clamp(min=0)
            for channel, value in zip(CHANNELS, squared.sqrt().tolist(), strict=True):
                found[f"{name}_{way}_{channel}"] = round(value, 2)
            found[f"{name}_{way}"] = round(squared.sum().sqrt().item(), 2)
        stated = ((2 * log_error).exp() + held.scatter).sqrt()
        found[f"{name}_within_stated_error"] = round(((colour - held.target).abs() <= stated).float().mean().item(), 3)
    return found


def in_other_light(face: Pixels, rng: np.random.Generator) -> Pixels:
    """The same picture (H, H, 3) in another light: shaded, lit from a side, tinted, or in black and white."""
    side = face.shape[0]
    linear = (face.astype(np.float32) / 255) ** 2.2
    kind = rng.choice(4, p=(0.3, 0.25, 0.35, 0.1))
    if kind == 0:  # the shade of a hat or a tree, with a soft edge below
        edge, soft = rng.uniform(0.45, 1.1), rng.uniform(0.03, 0.2)
        lit = 1 / (1 + np.exp(-(np.linspace(0, 1, side) - edge) / soft))[:, None, None]
        dark = rng.uniform(0.15, 0.7)
        linear *= dark + (1 - dark) * lit
    elif kind == 1:  # light from the left or the right
        across = np.linspace(-1, 1, side)[None, :, None] * rng.choice((-1, 1))
        linear *= np.exp(rng.uniform(0.3, 1.2) * across - rng.uniform(0, 0.5))
    elif kind == 3:
        linear = np.repeat(linear @ np.array([[0.21], [0.72], [0.07]], np.float32), 3, axis=2)
    if kind in (0, 2):  # lamps, sunsets, filters
        linear *= np.exp(rng.normal(0, 0.25, 3)).astype(np.float32)
    linear *= np.exp(rng.normal(0, 0.25))
    return np.asarray((linear.clip(0, 1) ** (1 / 2.2) * 255).round(), np.uint8)
