"""Detects what may reduce the likeness: blur, poor lighting, occluded eyes or mouth.

In:  an aligned face, uint8 256×256×3, and its 68 landmarks in that crop.
Out: names of blemishes, worst last; they warn and do not refuse.

Every threshold was set on 800 FFHQ portraits so that about one clear face in a hundred is warned about by mistake;
`benchmarks/speed/faces.py --data DIR` counts them over any folder.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
Plane = npt.NDArray[np.float32]

SIZE = 256

SMALL_SIDE = 128.0
"""Side of FFHQ's square in photo pixels: below it the crop was enlarged more than twice."""

TURNED_YAW = 30.0

BLURRED_SHARPNESS = -1.2
"""Clear portraits are at -0.65 (lowest of 1,300: -1.07); a blur of sigma 2.5 pixels brings 99 in 100 below."""

DARK_LIGHT = 85.0
"""95th percentile of the face's luma. Dark skin in good light stays above 105, as highlights do not depend on it."""

OVEREXPOSED_MIDDLE = 228.0
"""Median of the face's luma: half of the face is close to paper white."""

FLAT_EYE, FLAT_EYES, DIM_EYES = 0.04, 0.085, 0.62
FLAT_MOUTH, PALE_MOUTH = 0.05, 0.026


def find_blemishes(crop: Pixels, landmarks: Points, *, side: float, yaw: float) -> list[str]:
    """Names out of small, turned, blurred, dark, overexposed, mouth_covered, eyes_covered.

    `side` is that of the square in photo pixels, `yaw` is in degrees.
    """
    luma = (crop.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)
    redness = crop[..., 0].astype(np.float32) - crop[..., 1].astype(np.float32)
    face = _inside(landmarks)
    small = side < SMALL_SIDE
    blurred = not small and sharpness(luma, face) < BLURRED_SHARPNESS  # what is enlarged is always soft
    found = {
        "small": small,
        "turned": abs(yaw) > TURNED_YAW,
        "blurred": blurred,
        "dark": float(np.percentile(luma[face], 95)) < DARK_LIGHT,
        "overexposed": float(np.median(luma[face])) > OVEREXPOSED_MIDDLE,
        "mouth_covered": not blurred and is_mouth_covered(luma, redness, landmarks),
        "eyes_covered": not blurred and are_eyes_covered(luma, landmarks),
    }
    return [name for name, there in found.items() if there]


def sharpness(luma: Plane, face: npt.NDArray[np.bool_]) -> float:
    """Logarithm of how strong details of 1-2 pixels are beside those of 4-8, within the face.

    As a ratio it does not depend on contrast or light; leaving out the finest band makes it deaf to noise.
    """
    rows, columns = _extent(np.any(face, axis=1)), _extent(np.any(face, axis=0))
    part, inside = luma[rows, columns], face[rows, columns]
    soft = [blur(part, sigma) for sigma in (1.0, 2.0, 4.0, 8.0)]
    fine, coarse = (soft[0] - soft[1])[inside].std(), (soft[2] - soft[3])[inside].std()
    return float(np.log((fine + 0.1) / (coarse + 0.3)))


def are_eyes_covered(luma: Plane, landmarks: Points) -> bool:
    """Whether the eyes show too little contrast, or too little light and no iris: bars, hands, sunglasses.

    Finds every bar and 27 of 34 pairs of sunglasses (the others can be seen through); 9 of 886 faces without any
    are taken for covered, most of them by hair or shadow.
    """
    luma, cheek = blur(luma, 1.0), _cheek_light(luma, landmarks)
    contrasts, lights, irises = [], [], []
    for eye, corners in ((slice(36, 42), (36, 39)), (slice(42, 48), (42, 45))):
        centre = landmarks[eye].mean(0)
        width = float(np.hypot(*(landmarks[corners[0]] - landmarks[corners[1]])))
        patch = _patch(luma, centre, 0.6 * width, 0.35 * width)
        whites = [np.median(_patch(luma, 0.35 * centre + 0.65 * landmarks[corner], 0.09 * width)) for corner in corners]
        contrasts.append(float(patch.std()) / cheek)
        lights.append(float(np.percentile(patch, 90)) / cheek)
        irises.append(float(max(whites) - np.median(_patch(luma, centre, 0.13 * width))) / cheek)
    contrast = float(np.mean(contrasts))
    dim = float(np.mean(lights)) + contrast + float(np.mean(irises)) < DIM_EYES
    return min(contrasts) < FLAT_EYE or contrast < FLAT_EYES or dim


def is_mouth_covered(luma: Plane, redness: Plane, landmarks: Points) -> bool:
    """Whether there is no red of lips beside skin, or no contrast at all: masks, bars.

    The folds of a mask differ in light but not in redness, by which lips, skin and beard do.
    """
    cheek = _cheek_light(luma, landmarks)
    low, high = landmarks[48:60].min(0), landmarks[48:60].max(0)
    width, height = (high - low) / 2 + 1
    flat = _patch(blur(luma, 1.0), (low + high) / 2, width, 1.1 * height).std() / cheek
    pale = _patch(blur(redness, 1.0), (low + high) / 2, width, 1.1 * height).std() / cheek
    eyes = _patch(redness, landmarks[27], 40.0, 20.0)
    in_colour = float(np.percentile(np.abs(eyes), 90)) > 8.0
    return bool(flat < FLAT_MOUTH or (in_colour and pale < PALE_MOUTH))


def blur(plane: Plane, sigma: float) -> Plane:
    """A Gaussian blur that mirrors the plane at its edges, as scipy's: two products with bands of weights.

    The same from `scipy.ndimage` takes a quarter of a second, once, to be imported.
    """
    down, across = (_bands(size, sigma) for size in plane.shape)
    return (down @ plane @ across.T).astype(np.float32, copy=False)


@lru_cache(maxsize=64)
def _bands(size: int, sigma: float) -> Plane:
    """The matrix (size, size) that blurs along one axis; what lies beyond an edge is seen in a mirror."""
    reach = int(4 * sigma + 0.5)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    at = (np.arange(size)[:, None] + steps) % (2 * size)
    matrix: Plane = np.zeros((size, size), np.float32)
    np.add.at(matrix, (np.arange(size)[:, None], np.minimum(at, 2 * size - 1 - at)), weights / weights.sum())
    return matrix


def _extent(there: npt.NDArray[np.bool_]) -> slice:
    """From the first to the last place that is there."""
    places = np.flatnonzero(there)
    return slice(int(places[0]), int(places[-1]) + 1)


def _cheek_light(luma: Plane, landmarks: Points) -> float:
    """Luma of the lighter cheek, by which that of eyes and mouth is measured."""
    reach = 0.12 * float(np.hypot(*(landmarks[42:48].mean(0) - landmarks[36:42].mean(0))))
    cheeks = ((landmarks[2] + landmarks[31]) / 2, (landmarks[14] + landmarks[35]) / 2)
    return max(float(np.median(_patch(luma, cheek, reach))) for cheek in cheeks) + 5.0


def _patch(plane: Plane, centre: Points, across: float, down: float | None = None) -> Plane:
    """Pixels within `across` and `down` of a point; at least one, wherever the point lies."""
    reach = np.array([across, across if down is None else down])
    left, top = np.rint(centre - reach).clip(0, SIZE - 1).astype(int)
    right, bottom = np.rint(centre + reach).clip([left + 1, top + 1], SIZE).astype(int)
    return plane[top:bottom, left:right]


def _inside(landmarks: Points) -> npt.NDArray[np.bool_]:
    """Which pixels lie between the jaw and the brows."""
    outline = [(float(x), float(y)) for x, y in (*landmarks[:17], *landmarks[26:16:-1])]
    area = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(area).polygon(outline, fill=1)
    inside = np.asarray(area).astype(bool)
    return inside if inside.any() else np.ones((SIZE, SIZE), bool)
