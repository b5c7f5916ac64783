"""Landmarks and colours (`training.data.traits`) → the quantities of `core.latent.attributes`, still in their own
units.

Shares of the picture's side for lengths, CIE Lab for colours. Nothing here is learnt; `training.trainers.attributes`
takes pose and expression out of the shapes afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.color import rgb2lab

from training.data.traits import EYES_BOX, THUMB, Floats, Looks

LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW = slice(36, 42), slice(42, 48), slice(17, 22), slice(22, 27)


def measure(looks: Looks) -> dict[str, Floats]:
    """Every quantity that needs no label, (N,) each; None is missing."""
    lab = rgb2lab(looks.thumbs).astype(np.float32)
    found = shapes(looks.points) | colours(looks.points, lab) | poses(looks.points)
    return found | grey_eyes(looks.points, looks.eyes, found["skin_light"])


def shapes(p: Floats) -> dict[str, Floats]:
    """Lengths and heights of the parts of faces (N, 68, 2)."""

    def apart(a: int, b: int) -> Floats:
        return np.asarray(np.linalg.norm(p[:, a] - p[:, b], axis=1), np.float32)

    def below(a: int, b: int) -> Floats:
        return np.asarray(p[:, b, 1] - p[:, a, 1], np.float32)

    eyes_y = (p[:, LEFT_EYE, 1].mean(axis=1) + p[:, RIGHT_EYE, 1].mean(axis=1)) / 2
    brows_y = (p[:, LEFT_BROW, 1].mean(axis=1) + p[:, RIGHT_BROW, 1].mean(axis=1)) / 2
    opening = (apart(37, 41) + apart(38, 40) + apart(43, 47) + apart(44, 46)) / 4
    return {
        "cheek_width": apart(2, 14),
        "temple_width": apart(0, 16),
        "eye_distance": np.asarray(p[:, RIGHT_EYE, 0].mean(axis=1) - p[:, LEFT_EYE, 0].mean(axis=1)),
        "eye_width": (apart(36, 39) + apart(42, 45)) / 2,
        "eye_gap": apart(39, 42),
        "eye_slant": (below(36, 39) + below(45, 42)) / 2,
        "eye_height": opening,
        "brow_height": np.asarray(eyes_y - brows_y),
        "brow_arch": (below(19, 17) + below(24, 26)) / 2,
        "brow_width": (apart(17, 21) + apart(22, 26)) / 2,
        "nose_width": apart(31, 35),
        "nose_length": apart(27, 33),
        "nose_tip": below(30, 33),
        "mouth_width": apart(48, 54),
        "upper_lip": apart(51, 62),
        "lower_lip": apart(57, 66),
        "mouth_height": below(33, 51),
        "chin_length": apart(57, 8),
        "jaw_width": apart(5, 11),
        "chin_width": apart(7, 9),
        "mouth_open": apart(62, 66),
        "eyes_open": opening / ((apart(36, 39) + apart(42, 45)) / 2),
        "smile": (below(48, 51) + below(54, 51)) / -2 + 0.25 * apart(48, 54),
    }


def poses(p: Floats) -> dict[str, Floats]:
    """Where heads are turned to, from the nose's place between the ends of the jaw and between eyes and mouth."""
    tip = p[:, 30, 0]
    left, right = tip - p[:, 0:5, 0].mean(axis=1), p[:, 12:17, 0].mean(axis=1) - tip
    eyes_y = p[:, 36:48, 1].mean(axis=1)
    height = p[:, [48, 54], 1].mean(axis=1) - eyes_y
    return {
        "yaw": (left - right) / np.maximum(left + right, 1e-3),
        "pitch": -(p[:, 30, 1] - eyes_y) / height + (p[:, [0, 16], 1].mean(axis=1) - eyes_y) / height,
    }


def colours(p: Floats, lab: Floats) -> dict[str, Floats]:
    """Skin, hair, background, light and paint from small copies in Lab (N, 64, 64, 3)."""
    left = patch(lab, (p[:, 2] + p[:, 31] + p[:, 36]) / 3)
    right = patch(lab, (p[:, 14] + p[:, 35] + p[:, 45]) / 3)
    chin = patch(lab, (p[:, 8] + 2 * p[:, 57]) / 3)
    above_lip = patch(lab, (p[:, 33] + p[:, 51]) / 2, reach=0)
    lips = patch(lab, p[:, 57] / 2 + p[:, 66] / 2, reach=0)
    lids = (patch(lab, p[:, 37:39].mean(axis=1), reach=0) + patch(lab, p[:, 43:45].mean(axis=1), reach=0)) / 2
    skin = (left + right) / 2
    hair = np.median(lab[:, 3:10, 22:42].reshape(len(lab), -1, 3), axis=1)
    # Long hair shows beside the neck: there the colours of the hair come back.
    sides = np.concatenate([lab[:, 40:60, 4:14], lab[:, 40:60, 50:60]], axis=2).reshape(len(lab), -1, 3)
    far = np.linalg.norm(sides - hair[:, None], axis=2)
    corners = np.concatenate([lab[:, :16, :6, 0], lab[:, :16, -6:, 0]], axis=2).reshape(len(lab), -1)
    return {
        "skin_light": skin[:, 0],
        "skin_red": skin[:, 1],
        "skin_yellow": skin[:, 2],
        "hair_light": hair[:, 0],
        "hair_red": hair[:, 1],
        "hair_yellow": hair[:, 2],
        "hair_length": np.asarray((far < 14).mean(axis=1), np.float32),
        "background": np.median(corners, axis=1),
        "side_light": right[:, 0] - left[:, 0],
        "beard": skin[:, 0] - (chin[:, 0] + above_lip[:, 0]) / 2,
        "makeup": lips[:, 1] - skin[:, 1] + 0.5 * (skin[:, 0] - lids[:, 0]),
    }


def grey_eyes(p: Floats, eyes: npt.NDArray[np.uint8], skin_light: Floats) -> dict[str, Floats]:
    """Irises and brows, which are too fine for the small copy, in the grey cut of the eyes (N, 24, 64)."""

    def shade(points: npt.NDArray[Any]) -> Floats:
        left, top, right, bottom = EYES_BOX
        x = np.rint((points[:, 0] - left) / (right - left) * 64 - 0.5).astype(int).clip(1, 62)
        y = np.rint((points[:, 1] - top) / (bottom - top) * 24 - 0.5).astype(int).clip(1, 22)
        rows = np.arange(len(eyes))
        around = [eyes[rows, y + j, x + i].astype(np.float32) for j in (-1, 0, 1) for i in (-1, 0, 1)]
        return np.asarray(np.mean(around, axis=0) / 2.55, np.float32)

    irises = (shade(p[:, LEFT_EYE].mean(axis=1)) + shade(p[:, RIGHT_EYE].mean(axis=1))) / 2
    brows = np.mean([shade(p[:, i]) for i in (18, 19, 20, 23, 24, 25)], axis=0)
    return {"iris_light": np.asarray(irises, np.float32), "brow_dark": np.asarray(skin_light - brows, np.float32)}


def patch(lab: Floats, centres: npt.NDArray[Any], *, reach: int = 1) -> Floats:
    """Mean colour (N, 3) of a small square around a point of each face, points (N, 2) as shares."""
    at = np.rint(centres * THUMB - 0.5).astype(int).clip(reach, THUMB - 1 - reach)
    rows = np.arange(len(lab))
    shifts = [(i, j) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)]
    return np.asarray(np.mean([lab[rows, at[:, 1] + j, at[:, 0] + i] for i, j in shifts], axis=0), np.float32)
