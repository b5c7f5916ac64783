"""Photos of people whose true age is known, as latents: what growing up does to real faces, in the generator's terms.

A photo that is encoded and drawn again keeps its age, so its latent may be labelled with the true one; no estimator's
opinion is involved.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.pipeline import ChildPipeline
from training.data.drawn_pairs import read_picture
from training.data.face_measures import face_measures


@dataclass(frozen=True)
class EncodedPhotos:
    """Latents W+ (N, L, D), age in years (N,), male 0 or 1 (N,), and the measures of the redrawn faces (N, 10)."""

    latent: Tensor
    age: Tensor
    male: Tensor
    measures: Tensor

    def __len__(self) -> int:
        return len(self.age)


@torch.inference_mode()
def encode_photos(pipeline: ChildPipeline, folder: Path, cache: Path) -> EncodedPhotos:
    """Encode every FFHQ-aligned photo of a folder with `labels.csv` (file, age, sex) once; `cache` is an .npz file.

    Rows whose age or sex is unknown are left out, and so are those whose `align` column says something but `ffhq` or
    whose `age_kind` something but `exact`.
    """
    if not cache.is_file():
        rows = [row for row in _rows(folder) if _is_usable(row)]
        found: dict[str, list[np.ndarray]] = {"latent": [], "measures": []}
        for row in rows:
            picture = read_picture(folder / row["file"])[None]
            latent = pipeline.second_look.correct(pipeline.engine.encode(picture), pipeline.second_look.looks(picture))
            found["latent"].append(latent[0].half().numpy())
            found["measures"].append(face_measures(pipeline.engine.preview(latent)[0].clamp(-1, 1)).numpy())
        cache.parent.mkdir(parents=True, exist_ok=True)
        age = np.array([float(row["age"]) for row in rows], np.float32)
        male = np.array([row["sex"] == "male" for row in rows], np.float32)
        np.savez(cache, age=age, male=male, latent=np.stack(found["latent"]), measures=np.stack(found["measures"]))
    with np.load(cache, allow_pickle=False) as kept:
        parts = [torch.from_numpy(kept[name].astype(np.float32)) for name in ("latent", "age", "male", "measures")]
    return EncodedPhotos(*parts)


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _is_usable(row: dict[str, str]) -> bool:
    """Whether a row of labels names an age, a sex and a picture in the right frame."""
    known = bool(row["age"]) and row["sex"] in ("male", "female")
    return known and row.get("align", "ffhq") == "ffhq" and row.get("age_kind", "exact") == "exact"
