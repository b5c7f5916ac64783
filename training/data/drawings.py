"""Make drawings of faces to learn from: photos turned into drawings, renders, statues, dolls, and cartoons of nobody.

In:  an aligned face, uint8 256×256×3, and a source of chance.
Out: the same face, or a made-up one, as somebody might have drawn, carved or rendered it; uint8 256×256×3.

Smoothing that keeps edges: Kuwahara, Hachimura, Eiho and Kinoshita, "Processing of RI-angiocardiographic images", 1976.
Lines: Winnemöller, Kyprianidis and Olsen, "XDoG: An eXtended difference-of-Gaussians compendium", 2012.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]
Chance = np.random.Generator
SIZE = 256


# --- parts of styles ----------------------------------------------------------------------------------------


def smoothed(picture: Image.Image, radius: int) -> Image.Image:
    """Kuwahara's filter: of the four squares around a pixel the mean of the most even one."""
    values = np.asarray(picture, np.float64)
    luma = values.mean(axis=2)
    means, variances = [], []
    for down in (-radius, 0):
        for right in (-radius, 0):
            window = (radius + 1, down, right)
            mean = np.stack([_box(values[..., c], *window) for c in range(3)], axis=2)
            means.append(mean)
            variances.append(_box(luma**2, *window) - _box(luma, *window) ** 2)
    best = np.argmin(variances, axis=0)
    chosen = np.take_along_axis(np.stack(means), best[None, ..., None], axis=0)[0]
    return Image.fromarray(chosen.clip(0, 255).astype(np.uint8))


def _box(plane: Plane, size: int, down: int, right: int) -> Plane:
    """Mean over a square of `size` that begins `down` and `right` of each pixel; edges are repeated."""
    before, after = size, size
    padded = np.pad(plane, ((before, after), (before, after)), mode="edge")
    total = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, columns = np.arange(plane.shape[0]) + before + down, np.arange(plane.shape[1]) + before + right
    rows, columns = rows[:, None], columns[None, :]
    area = total[rows + size, columns + size] - total[rows, columns + size]
    return np.asarray((area - total[rows + size, columns] + total[rows, columns]) / size**2)


def lines(picture: Image.Image, chance: Chance) -> Image.Image:
    """Dark lines where the light changes, on white (mode L)."""
    gray = np.asarray(picture.convert("L").filter(ImageFilter.GaussianBlur(1.0)), np.float64)
    sigma = chance.uniform(0.8, 1.8)
    fine = np.asarray(Image.fromarray(gray.astype(np.uint8)).filter(ImageFilter.GaussianBlur(sigma)), np.float64)
    wide = np.asarray(Image.fromarray(gray.astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.6 * sigma)), np.float64)
    edge = fine - chance.uniform(0.94, 0.99) * wide - chance.uniform(0.0, 3.0)
    ink = 1.0 + np.tanh(chance.uniform(0.3, 1.2) * np.minimum(edge, 0.0))
    return Image.fromarray((255 * ink.clip(0, 1)).astype(np.uint8))


def few_colors(picture: Image.Image, count: int) -> Image.Image:
    """At most `count` colors."""
    return picture.quantize(count, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")


def paper(chance: Chance, strength: float) -> Plane:
    """Grain (256, 256) around 0."""
    grain = chance.normal(0, 1, (SIZE, SIZE))
    coarse = np.asarray(Image.fromarray(grain.astype(np.float32)).resize((SIZE, SIZE)))
    return np.asarray(strength * (0.6 * coarse + 0.4 * np.roll(coarse, 1, axis=1)))


def with_grain(picture: Image.Image, chance: Chance, strength: float) -> Image.Image:
    """The picture on paper or canvas."""
    values = np.asarray(picture, np.float64) + paper(chance, strength)[..., None]
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def saturated(picture: Image.Image, factor: float) -> Image.Image:
    """More or less color."""
    return ImageEnhance.Color(picture).enhance(factor)


# --- styles -------------------------------------------------------------------------------------------------


def cartoon(photo: Image.Image, chance: Chance) -> Image.Image:
    """Flat colors with outlines."""
    flat = few_colors(smoothed(smoothed(photo, 3), int(chance.integers(2, 5))), int(chance.integers(6, 28)))
    outlined = ImageChops.multiply(flat, lines(photo, chance).convert("RGB"))
    return saturated(outlined, chance.uniform(1.0, 1.8))


def flat(photo: Image.Image, chance: Chance) -> Image.Image:
    """Flat colors without outlines, as vector art has."""
    even = smoothed(photo, int(chance.integers(3, 6))).filter(ImageFilter.MedianFilter(5))
    return saturated(few_colors(even, int(chance.integers(4, 20))), chance.uniform(0.9, 1.6))


def pencil(photo: Image.Image, chance: Chance) -> Image.Image:
    """Graphite or colored pencil: divided by its own blur, with strokes."""
    gray = np.asarray(photo.convert("L"), np.float64)
    blurred = np.asarray(photo.convert("L").filter(ImageFilter.GaussianBlur(chance.uniform(4, 14))), np.float64)
    drawn = (255 * gray / np.maximum(blurred, 1.0)).clip(0, 255)
    strokes = np.asarray(Image.fromarray(paper(chance, 28.0).astype(np.float32)).rotate(chance.uniform(20, 70)))
    drawn = drawn + (1 - gray / 255) * np.minimum(strokes, 0) * chance.uniform(0.3, 2.0)
    sheet = Image.fromarray(drawn.clip(0, 255).astype(np.uint8))
    if chance.random() < 0.3:
        return ImageChops.multiply(sheet.convert("RGB"), few_colors(smoothed(photo, 4), 12))
    return ImageOps.colorize(sheet, (30, 30, 34), (252, 250, 242))


def line_art(photo: Image.Image, chance: Chance) -> Image.Image:
    """Ink on white."""
    inked = lines(photo, chance)
    dark = photo.convert("L").filter(ImageFilter.GaussianBlur(2)).point(_threshold(chance.uniform(30, 80)))
    return ImageChops.multiply(inked, dark).convert("RGB")


def oil(photo: Image.Image, chance: Chance) -> Image.Image:
    """Strokes of paint on canvas."""
    painted = smoothed(photo, int(chance.integers(4, 8)))
    if chance.random() < 0.5:
        painted = painted.filter(ImageFilter.ModeFilter(int(chance.integers(3, 6))))
    painted = painted.filter(ImageFilter.UnsharpMask(3, int(chance.integers(60, 200)), 0))
    return with_grain(saturated(painted, chance.uniform(1.0, 1.6)), chance, chance.uniform(0.0, 7.0))


def watercolor(photo: Image.Image, chance: Chance) -> Image.Image:
    """Pale washes with darker rims on paper."""
    wash = few_colors(smoothed(photo, int(chance.integers(4, 7))), int(chance.integers(12, 40)))
    rims = ImageOps.invert(wash.convert("L").filter(ImageFilter.FIND_EDGES)).filter(ImageFilter.GaussianBlur(1))
    pale = Image.blend(wash, Image.new("RGB", wash.size, "white"), chance.uniform(0.1, 0.4))
    return with_grain(ImageChops.multiply(pale, rims.convert("RGB")), chance, chance.uniform(2.0, 8.0))


def halftone(photo: Image.Image, chance: Chance) -> Image.Image:
    """Dots of print, black or in colors."""
    pitch, angle = chance.uniform(3.0, 7.0), chance.uniform(0, np.pi / 2)
    y, x = np.mgrid[:SIZE, :SIZE]
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    screen = 0.5 + 0.25 * (np.cos(2 * np.pi * u / pitch) + np.cos(2 * np.pi * v / pitch))
    even = np.asarray(smoothed(photo, 2), np.float64) / 255
    even = even if chance.random() < 0.5 else np.repeat(even.mean(axis=2, keepdims=True), 3, axis=2)
    dots = 1 / (1 + np.exp(-12 * (even - screen[..., None])))
    return Image.fromarray((255 * dots).astype(np.uint8))


def comic(photo: Image.Image, chance: Chance) -> Image.Image:
    """A few tones, strong color, ink, and often dots."""
    levels = int(chance.integers(3, 6))
    tones = saturated(ImageOps.posterize(smoothed(photo, 3), 8), chance.uniform(1.4, 2.4))
    stepped = Image.fromarray((np.floor(np.asarray(tones) / 256 * levels) * (255 / (levels - 1))).astype(np.uint8))
    if chance.random() < 0.4:
        stepped = Image.blend(stepped, halftone(stepped, chance), 0.35)
    return ImageChops.multiply(stepped, lines(photo, chance).convert("RGB"))


def pixel_art(photo: Image.Image, chance: Chance) -> Image.Image:
    """Large squares of few colors."""
    side = int(chance.integers(28, 72))
    small = few_colors(saturated(photo, 1.3).resize((side, side), Image.Resampling.BOX), int(chance.integers(8, 32)))
    return small.resize((SIZE, SIZE), Image.Resampling.NEAREST)


def render(photo: Image.Image, chance: Chance) -> Image.Image:
    """A computer's render: skin without pores, large eyes, saturated color, soft light from one side."""
    big = _swollen_eyes(photo, chance.uniform(0.15, 0.5))
    even = smoothed(smoothed(big, int(chance.integers(3, 6))), 2).filter(
        ImageFilter.GaussianBlur(chance.uniform(0.8, 1.8))
    )
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    light = 1 + chance.uniform(-0.25, 0.25) * x + chance.uniform(-0.25, 0.1) * y
    lit = Image.fromarray((np.asarray(even) * light[..., None]).clip(0, 255).astype(np.uint8))
    return ImageEnhance.Contrast(saturated(lit, chance.uniform(1.1, 1.7))).enhance(chance.uniform(1.0, 1.3))


def doll(photo: Image.Image, chance: Chance) -> Image.Image:
    """Plastic skin with highlights."""
    even = np.asarray(smoothed(smoothed(photo, 5), 3), np.float64)
    luma = even.mean(axis=2, keepdims=True)
    tint = np.array([chance.uniform(225, 250), chance.uniform(180, 210), chance.uniform(160, 190)])
    mixed = even * 0.45 + 0.55 * tint * luma / max(luma.mean(), 1.0) * 0.8
    shine = np.clip(luma - chance.uniform(150, 190), 0, None) * chance.uniform(0.5, 1.5)
    return Image.fromarray((mixed + shine).clip(0, 255).astype(np.uint8))


def statue(photo: Image.Image, chance: Chance) -> Image.Image:
    """Stone, plaster or bronze: one color, eyes without irises, a rough surface."""
    gray = np.asarray(smoothed(photo, int(chance.integers(2, 5))).convert("L"), np.float64)
    local = np.asarray(Image.fromarray(gray.astype(np.uint8)).filter(ImageFilter.GaussianBlur(18)), np.float64)
    relief = gray - local
    carved = chance.uniform(110, 200) + chance.uniform(0.5, 1.0) * relief + chance.uniform(0.0, 0.4) * (local - 128)
    rough = carved + paper(chance, chance.uniform(0.5, 9.0))
    dark, bright = STONES[int(chance.integers(len(STONES)))]
    return ImageOps.colorize(Image.fromarray(rough.clip(0, 255).astype(np.uint8)), dark, bright)


STONES = (((40, 38, 36), (245, 240, 230)), ((30, 20, 10), (220, 170, 100)), ((20, 24, 22), (170, 190, 180)))
"""Darkest and brightest color of marble, bronze and slate."""


def _swollen_eyes(photo: Image.Image, strength: float) -> Image.Image:
    """The eyes of an aligned face enlarged."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    from_x, from_y = x.copy(), y.copy()
    for eye in (0.385, 0.615):
        away_x, away_y = x - eye * SIZE, y - 0.47 * SIZE
        pull = strength * np.exp(-(away_x**2 + away_y**2) / (2 * 22.0**2))
        from_x, from_y = from_x - pull * away_x, from_y - pull * away_y
    rows, columns = (np.rint(n).clip(0, SIZE - 1).astype(int) for n in (from_y, from_x))
    return Image.fromarray(np.asarray(photo)[rows, columns])


def _threshold(limit: float) -> list[int]:
    return [255 if level > limit else 0 for level in range(256)]


def airbrush(photo: Image.Image, chance: Chance) -> Image.Image:
    """No grain anywhere, edges kept: total variation made small (Chambolle 2004)."""
    from skimage import restoration

    smooth: Callable[..., Plane] = restoration.denoise_tv_chambolle
    even = smooth(np.asarray(photo) / 255, weight=chance.uniform(0.18, 0.35), channel_axis=2)
    sprayed = saturated(Image.fromarray((255 * even).clip(0, 255).astype(np.uint8)), chance.uniform(1.0, 1.6))
    return few_colors(sprayed, int(chance.integers(16, 40))) if chance.random() < 0.5 else sprayed


def inked(photo: Image.Image, chance: Chance) -> Image.Image:
    """Airbrush with the edges drawn in ink."""
    edges = photo.convert("L").filter(ImageFilter.FIND_EDGES).point(_threshold(chance.uniform(35, 80)))
    ink = Image.new("RGB", photo.size, (int(chance.integers(0, 40)),) * 3)
    return Image.composite(ink, airbrush(photo, chance), edges)


def poster(photo: Image.Image, chance: Chance) -> Image.Image:
    """Each channel in a few steps."""
    return ImageOps.posterize(photo.filter(ImageFilter.MedianFilter(5)), int(chance.integers(2, 4)))


STYLES: dict[str, Callable[[Image.Image, Chance], Image.Image]] = {
    "cartoon": cartoon,
    "flat": flat,
    "pencil": pencil,
    "line_art": line_art,
    "oil": oil,
    "watercolor": watercolor,
    "halftone": halftone,
    "comic": comic,
    "pixel_art": pixel_art,
    "render": render,
    "doll": doll,
    "statue": statue,
    "airbrush": airbrush,
    "inked": inked,
    "poster": poster,
}


def drawing_of(photo: Pixels, style: str, chance: Chance) -> Pixels:
    """An aligned photo (256×256×3) in one of `STYLES`."""
    return np.asarray(STYLES[style](Image.fromarray(photo), chance).convert("RGB"))


# --- cartoons of nobody -------------------------------------------------------------------------------------


def made_up_face(chance: Chance) -> Pixels:
    """A face of ellipses and lines in FFHQ's frame: as children, icons and logos show one."""
    scale = 4
    sheet = Image.new("RGB", (SIZE * scale, SIZE * scale), _color(chance, 60, 255))
    pen = ImageDraw.Draw(sheet)
    skin = tuple(int(n) for n in np.array([250, 215, 185]) * chance.uniform(0.35, 1.0))
    ink, hair = (int(chance.integers(0, 60)),) * 3, _color(chance, 10, 200)
    line = int(chance.integers(0, 9)) * scale // 2

    def ellipse(x: float, y: float, wide: float, high: float, fill: object, width: int = 0) -> None:
        box = [side * scale for side in (x - wide, y - high, x + wide, y + high)]
        pen.ellipse(box, fill=fill, outline=ink if width else None, width=max(width, 1))  # type: ignore[arg-type]

    wide, high = chance.uniform(66, 84), chance.uniform(88, 104)
    ellipse(128, 120, wide + chance.uniform(6, 24), high + chance.uniform(2, 20), hair)
    ellipse(128, 138, wide, high, skin, line)
    size = chance.uniform(8, 22)
    for side in (-1, 1):
        x, y = 128 + side * chance.uniform(29, 34), 122
        ellipse(x, y, size * 1.3, size * chance.uniform(0.6, 1.1), "white", line)
        ellipse(x, y, size * 0.6, size * 0.6, _color(chance, 20, 160))
        ellipse(x, y, size * 0.3, size * 0.3, ink)
        brow = [(x - 18) * scale, (y - 26) * scale, (x + 18) * scale, (y - 14) * scale]
        pen.arc(brow, 200, 340, fill=ink, width=max(2, line) * 2)
    pen.line(
        [(128 * scale, 130 * scale), ((128 - 8) * scale, 160 * scale), (132 * scale, 162 * scale)],
        fill=ink,
        width=max(3, line),
    )
    mouth = [(128 - 26) * scale, 168 * scale, (128 + 26) * scale, (186 + chance.uniform(0, 12)) * scale]
    if chance.random() < 0.5:
        pen.chord(mouth, 0, 180, fill=(190, 60, 70), outline=ink)
    else:
        pen.arc(mouth, 10, 170, fill=(170, 50, 60), width=3 * scale)
    small = sheet.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(small.filter(ImageFilter.GaussianBlur(chance.uniform(0, 3))) if chance.random() < 0.4 else small)


def _color(chance: Chance, low: int, high: int) -> tuple[int, int, int]:
    red, green, blue = (int(n) for n in chance.integers(low, high, 3))
    return red, green, blue


# --- how pictures travel ------------------------------------------------------------------------------------


def _reframed(photo: Image.Image, chance: Chance) -> Image.Image:
    """As an alignment that is a little off would have cut it."""
    side = SIZE * chance.uniform(0.92, 1.0)
    left, top = chance.uniform(0, SIZE - side, 2)
    return photo.resize((SIZE, SIZE), Image.Resampling.BICUBIC, (left, top, left + side, top + side))


def as_sent(picture: Pixels, chance: Chance) -> Pixels:
    """As it may arrive: smaller, blurred, gray, darker, noisy, and compressed."""
    photo = Image.fromarray(picture)
    if chance.random() < 0.5:
        photo = _reframed(photo, chance)
    if chance.random() < 0.4:
        side = int(chance.integers(72, 220))
        photo = photo.resize((side, side), Image.Resampling.LANCZOS).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    if chance.random() < 0.15:
        photo = ImageOps.grayscale(photo).convert("RGB")
    if chance.random() < 0.3:
        photo = ImageEnhance.Brightness(photo).enhance(chance.uniform(0.55, 1.3))
    if chance.random() < 0.2:
        photo = photo.filter(ImageFilter.GaussianBlur(chance.uniform(0.4, 1.8)))
    if chance.random() < 0.2:
        photo = with_grain(photo, chance, chance.uniform(1, 9))
    if chance.random() < 0.8:
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=int(chance.integers(35, 96)))
        photo = Image.open(file).convert("RGB")
    return np.asarray(photo)
