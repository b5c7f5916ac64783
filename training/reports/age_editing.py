"""Moves faces through ages and sexes, draws and judges them: how well does an age model do what it is asked?

Nobody looks at a face on its way (`core.latent.correction` does so in the program); the finished drawing is judged by
the age estimator, dlib's distance and the colours of its regions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from core.face.age_estimator import AgeEstimator
from core.face.recognition import identity_chip
from core.latent.age_editing import Ager
from training.data.face_measures import COLOURS, region_colours

ASKED = (1.0, 3.0, 6.0, 9.0, 12.0, 16.0, 22.0, 35.0, 50.0, 70.0)
BANDS = ((0, 4), (5, 8), (9, 12), (13, 25), (26, 60), (61, 90))
SEX_SHOWS = 4
"""Years from which a girl must look like a girl."""

Draw = Callable[[Tensor], Tensor]


@torch.inference_mode()
def ageing_report(
    ager: Ager,
    latents: Tensor,
    *,
    draw: Draw,
    estimator: AgeEstimator,
    ages: Sequence[float] = ASKED,
) -> dict[str, float]:
    """Latents (N, L, D) at every age, by turns as girl and as boy. `draw`: W+ (1, L, D) → (1, 3, 256, 256).

    Returns mean absolute error and bias in years by band of the asked age, the share of right sexes, the median dlib
    distance between six and twelve, and the median drift (CIE Lab) of skin and hair between six and sixty or the like.
    """
    asked, seen, right = [], [], []
    kept: dict[float, list[Tensor]] = {age: [] for age in ages}
    colours: dict[float, list[Tensor]] = {age: [] for age in ages}

    for row, latent in enumerate(latents):
        male = row % 2 == 1
        for age in ages:
            picture = draw(ager.solve(latent[None], age=age, male=male))
            found = estimator.estimate(picture)
            asked.append(age)
            seen.append(found.age)
            right.append((found.male > 0.5) == male)
            kept[age].append(estimator.network(identity_chip(picture))[0])
            colours[age].append(region_colours(picture[0]))
    scores = by_band(np.array(asked), np.array(seen), np.array(right))
    for young, old in ((6.0, 12.0), (12.0, 35.0), (6.0, 35.0)):
        if young in kept and old in kept:
            name = f"{young:g}_{old:g}"
            apart = torch.stack(kept[young]) - torch.stack(kept[old])
            scores[f"distance_{name}"] = apart.norm(dim=1).median().item()
            drift = torch.stack(colours[young]) - torch.stack(colours[old])
            for region in ("skin", "hair"):
                at = COLOURS.index(f"{region}_L")
                scores[f"{region}_drift_{name}"] = drift[:, at : at + 3].norm(dim=1).median().item()
    return scores


def by_band(asked: np.ndarray, seen: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Errors in years (N,) by band of the age asked, and the share of right sexes from four years on."""
    scores = {}
    off = seen - asked
    for low, high in BANDS:
        band = (asked >= low) & (asked <= high)
        if band.any():
            scores[f"mae_{low}_{high}"] = float(np.abs(off[band]).mean())
            scores[f"bias_{low}_{high}"] = float(off[band].mean())
    for name, band in (("1_12", asked <= 12), ("13_25", (asked >= 13) & (asked <= 25)), ("above", asked > 25)):
        if band.any():
            scores[f"mae_{name}"] = float(np.abs(off[band]).mean())
    scores["sex"] = float(right[asked >= SEX_SHOWS].mean())
    return scores
