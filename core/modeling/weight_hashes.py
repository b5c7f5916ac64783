"""Which file of weights is the one we know: its SHA-256 is compared before anything parses it.

Weights that set-up keeps or converts without arithmetic are known by the table here, those that come with the code by
`core/weights/SHA256SUMS` (a test keeps that file true). The generator's file holds a mean that set-up computes, whose
last digits differ between processors: it is compared with the manifest that set-up wrote beside it. A folder that a
training run wrote has neither; who trains vouches for it.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from core.domain.errors import MissingWeights

SHIPPED = Path(__file__).parents[1] / "weights"
"""The folder of the weights that come with the code."""

SUMS = "SHA256SUMS"
"""As `sha256sum *.safetensors` writes it."""

MANIFEST = "manifest.json"

FETCHED = {
    "shape_predictor_68_face_landmarks.dat": "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    "dlib_face_recognition_resnet_model_v1.dat": "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    "open-nsfw.safetensors": "fd049f2b003e12f00a29b87447ac9fe0e18ef792c55ae526b9b1f9ff1fa88cf2",
    "vgg16-hed.safetensors": "c1c9d457738e39e634184793a45db76e5717a2ebc38a5bf5d1a8b02d90e98e6a",
    "age-v1.onnx": "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
    "gender-v1.onnx": "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
}
"""Files of the weights folder."""


def verified(path: Path, *, name: str | None = None) -> Path:
    """The same path, once its SHA-256 is the known one.

    MissingWeights (`name`: by default the file's) when the file is absent, changed or not one we know.
    """
    try:
        expected = _known_hash(path)
        good = expected is None or file_sha256(path) == expected
    except (OSError, KeyError, ValueError, TypeError) as cause:
        raise MissingWeights(name=name or path.stem, path=str(path)) from cause
    if not good:
        raise MissingWeights(name=name or path.stem, path=str(path))
    return path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits; read once in a process unless the file changes. Raises OSError."""
    facts = path.stat()
    return _hash(path.resolve(), facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


@lru_cache(maxsize=256)
def _hash(path: Path, *_facts: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _known_hash(path: Path) -> str | None:
    """None for a file of a training run. KeyError for a file that should be known and is not."""
    if path.name in FETCHED:
        return FETCHED[path.name]
    if path.parent.resolve() == SHIPPED or (path.parent / SUMS).is_file():
        lines = (path.parent / SUMS).read_text().splitlines()
        return {file: digest for digest, file in (line.split() for line in lines)}[path.name]
    if (path.parent / MANIFEST).is_file():
        return str(json.loads((path.parent / MANIFEST).read_text())[path.name]["sha256"])
    return None
