"""Draws the latent space as a map: latents of drawn faces in two dimensions, coloured by age and by sex.

Two ways to flatten them: t-SNE (van der Maaten and Hinton 2008) keeps neighbours together, locally linear embedding
(Roweis and Saul 2000) unrolls. The map is a PNG of four panels and an HTML page on which a face shows when pointed at.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont

from core.latent.attributes import Directions
from training.data.drawn_pairs import DrawnPairs
from training.trainers.attributes import components

Floats = npt.NDArray[np.float64]

PANEL = 620
RANK = 64
"""Principal directions of W that the map looks at."""

THUMB = 48
AGES = ((0, (69, 117, 180)), (10, (116, 173, 209)), (20, (254, 224, 144)), (40, (244, 109, 67)), (80, (165, 0, 38)))
"""Colours between which ages are mixed: cold is young."""
SEXES = {"female": (197, 27, 125), "male": (77, 146, 33)}


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Places (N, 2) in 0 … 1 by the name of the way they were found, and the labels (N,)."""

    places: dict[str, Floats]
    age: Floats
    male: Floats


def lay_out(pairs: DrawnPairs, directions: Directions, *, count: int, seed: int = 0) -> LatentMap:
    """Lay out the first so many faces whose age is known."""
    from sklearn.manifold import TSNE, LocallyLinearEmbedding

    rows = (pairs.age >= 0).nonzero().flatten()[:count]
    points = components(directions, pairs.latent(rows), RANK).mean(dim=1).numpy().astype(np.float64)
    neighbours = min(15, len(rows) - 1)
    ways = {
        "t-SNE": TSNE(perplexity=min(30.0, (len(rows) - 1) / 3), random_state=seed),
        "LLE": LocallyLinearEmbedding(
            n_neighbors=neighbours, reg=1e-2, random_state=seed, eigen_solver="dense" if len(rows) < 200 else "arpack"
        ),
    }
    places = {name: _to_unit(way.fit_transform(points)) for name, way in ways.items()}
    return LatentMap(places, pairs.age[rows].numpy().astype(np.float64), pairs.male[rows].numpy().astype(np.float64))


def _to_unit(places: Floats) -> Floats:
    """Into 0 … 1, by ranks where a few far points would squeeze all others."""
    low, high = np.percentile(places, [1, 99], axis=0)
    return np.asarray(((places - low) / np.maximum(high - low, 1e-12)).clip(0, 1))


def colours_of(found: LatentMap) -> dict[str, list[tuple[int, int, int]]]:
    """RGB of every face, by age and by sex."""
    stops = [age for age, _ in AGES]
    ramp = np.array([colour for _, colour in AGES])
    by_age = np.stack([np.interp(found.age, stops, ramp[:, k]) for k in range(3)], axis=1).astype(int)
    return {
        "age": [(int(r), int(g), int(b)) for r, g, b in by_age],
        "sex": [SEXES["male" if male > 0.5 else "female"] for male in found.male],
    }


def draw_png(found: LatentMap, path: Path) -> None:
    """Both ways, coloured by age and by sex, with a legend."""
    page = Image.new("RGB", (len(found.places) * PANEL, 2 * PANEL + 60), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(20)
    for row, (label, colours) in enumerate(colours_of(found).items()):
        for column, (way, places) in enumerate(found.places.items()):
            left, top = column * PANEL, row * PANEL
            pen.text((left + 12, top + 8), f"{way}, coloured by {label}", fill=(60, 60, 60), font=font)
            for (x, y), colour in zip(places, colours, strict=True):
                at = (left + 20 + x * (PANEL - 40), top + 40 + y * (PANEL - 60))
                pen.ellipse((at[0] - 3, at[1] - 3, at[0] + 3, at[1] + 3), fill=colour)
    legend = [(f"{age} years", colour) for age, colour in AGES] + list(SEXES.items())
    for n, (words, colour) in enumerate(legend):
        at = (20 + n * 160, 2 * PANEL + 25)
        pen.ellipse((at[0], at[1], at[0] + 14, at[1] + 14), fill=colour)
        pen.text((at[0] + 22, at[1] - 4), words, fill=(60, 60, 60), font=font)
    page.save(path)


def write_html(found: LatentMap, pairs: DrawnPairs, path: Path) -> None:
    """One file that needs nothing else: points on a canvas, the face under the pointer beside it."""
    rows = (pairs.age >= 0).nonzero().flatten()[: len(found.age)].tolist()
    data = {
        "places": {name: np.round(places, 4).tolist() for name, places in found.places.items()},
        "colours": colours_of(found),
        "words": [
            f"{age:.0f} years, {'male' if male > 0.5 else 'female'}"
            for age, male in zip(found.age, found.male, strict=True)
        ],
        "faces": [_thumb(pairs, row) for row in rows],
    }
    path.write_text(PAGE.replace("DATA", json.dumps(data)), encoding="utf-8")


def _thumb(pairs: DrawnPairs, row: int) -> str:
    pixels = torch.nn.functional.adaptive_avg_pool2d(pairs.picture(row), THUMB)
    file = io.BytesIO()
    rgb = pixels.add(1).mul(127.5).clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(rgb).save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>The latent space</title>
<style>body{font:16px sans-serif;margin:1em}canvas{border:1px solid #ddd}#face{width:144px;height:144px}</style>
<p><select id="way"></select> coloured by <select id="label"></select> <span id="words"></span></p>
<canvas id="map" width="900" height="700"></canvas> <img id="face" alt="">
<script>
const data = DATA, map = document.getElementById("map"), pen = map.getContext("2d");
const way = document.getElementById("way"), label = document.getElementById("label");
for (const name of Object.keys(data.places)) way.add(new Option(name));
for (const name of Object.keys(data.colours)) label.add(new Option(name));
const at = i => data.places[way.value][i].map((v, k) => 10 + v * ((k ? map.height : map.width) - 20));
function draw() {
  pen.clearRect(0, 0, map.width, map.height);
  data.words.forEach((_, i) => {
    const [x, y] = at(i);
    pen.fillStyle = `rgb(${data.colours[label.value][i]})`;
    pen.beginPath(); pen.arc(x, y, 4, 0, 7); pen.fill();
  });
}
map.onmousemove = event => {
  let best = -1, least = 200;
  data.words.forEach((_, i) => {
    const [x, y] = at(i), far = (x - event.offsetX) ** 2 + (y - event.offsetY) ** 2;
    if (far < least) { least = far; best = i; }
  });
  if (best < 0) return;
  document.getElementById("face").src = "data:image/jpeg;base64," + data.faces[best];
  document.getElementById("words").textContent = data.words[best];
};
way.onchange = label.onchange = draw;
draw();
</script></html>
"""
