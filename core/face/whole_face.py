"""Whether the face is among the part of a photo that its file still holds."""

from __future__ import annotations

from core.domain.errors import DamagedPhoto
from core.face.detection import Face
from core.photo.decode import Photo

FEATURES = slice(17, 68)
"""Landmarks of brows, nose, eyes and mouth: what makes a face somebody's. A chin that is missing is filled in."""

TOLERANCE = 0.02
"""Of the face's size: how far the landmarks of a cut face are off."""


def require_whole_face(photo: Photo, face: Face) -> None:
    """Raises DamagedPhoto where the photo was cut off and brows, eyes, nose or mouth lie beyond the cut."""
    height, width = photo.rgb.shape[:2]
    x, y = face.landmarks[FEATURES].T
    beyond = {
        "bottom": y.max() - (height - 1),
        "right": x.max() - (width - 1),
        "top": -y.min(),
        "left": -x.min(),
    }
    if beyond.get(photo.lacks, -1.0) > TOLERANCE * face.size:
        raise DamagedPhoto(format=photo.format)
