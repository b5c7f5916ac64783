"""Encodes output images, marks them as AI-generated, resizes them and joins them side by side.

Pictures are uint8 H×W×3 RGB everywhere. What is wrong here is our own mistake, not a sender's: ValueError.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal
from xml.sax.saxutils import escape  # nosec B406 # writes XML, reads none

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

Pixels = npt.NDArray[np.uint8]

MADE_BY_A_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's name for "created by a trained model", which other programs look for to tell such pictures from photos."""

SAID_IN_WORDS = "AI-generated picture, drawn by a trained model. This person does not exist."
MAKER = "ChildFace"

MARK = "AI"
MARK_SHARE = 1 / 28
"""Height of the corner mark's letters, as a share of the picture's shorter side."""

JPEG_QUALITY = 93
PNG_COMPRESSION = 1
"""Of 9: a 1024-px picture takes 0.2 s instead of the 0.8 s of the usual 6, for a file about 15 % larger."""


def encode_picture(image: Pixels, *, kind: Literal["png", "jpeg"] = "png", text: dict[str, str] | None = None) -> bytes:
    """A PNG or JPEG file that says that a model made it, with the entries of `text` in it.

    It says so three times, since nobody reads everything: XMP with IPTC's digital source type (what other programs look
    for), EXIF (what picture viewers show), and in a PNG its own text chunks. `text` goes into text chunks of the same
    names in a PNG, into lines "name: value" of the comment in a JPEG.

    >>> encode_picture(np.zeros((2, 2, 3), np.uint8))[1:4]
    b'PNG'
    """
    picture, text, file = _picture(image), text or {}, io.BytesIO()
    xmp, exif = _xmp(text.get("Description", SAID_IN_WORDS)), _exif()
    if kind == "png":
        chunks = PngInfo()
        marks = {"Software": MAKER, "Source": MADE_BY_A_MODEL, "Disclaimer": SAID_IN_WORDS}
        for name, value in {**marks, **text}.items():
            chunks.add_itxt(name, value)
        chunks.add_itxt("XML:com.adobe.xmp", xmp)
        picture.save(file, "PNG", compress_level=PNG_COMPRESSION, pnginfo=chunks, exif=exif)
    elif kind == "jpeg":
        comment = "\n".join(f"{name}: {value}" for name, value in text.items())
        told = {"comment": comment.encode(), "xmp": xmp.encode(), "exif": exif}
        picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, **told)
    else:
        raise ValueError(f"kind must be png or jpeg, not {kind!r}")
    return file.getvalue()


def mark_corner(image: Pixels) -> Pixels:
    """The picture with a small, half transparent "AI" in its lower right corner; what was handed in stays as it is.

    Chats throw away what a file says about itself; this stays.
    """
    letters = max(13, round(min(image.shape[:2]) * MARK_SHARE))
    sheet = _picture(image).convert("RGBA")
    layer = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    corner = (sheet.width - letters * 0.6, sheet.height - letters * 0.5)
    edge = max(1, letters // 12)
    ImageDraw.Draw(layer).text(
        corner,
        MARK,
        font=ImageFont.load_default(letters),
        anchor="rs",
        # White within a dark edge is seen on every ground.
        fill=(255, 255, 255, 170),
        stroke_width=edge,
        stroke_fill=(0, 0, 0, 90),
    )
    return np.array(Image.alpha_composite(sheet, layer).convert("RGB"))


def resize_area(image: Pixels, size: int) -> Pixels:
    """A square picture at size×size: every new pixel is the mean of the area it covers; enlarged, it is smoothed."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    kind = Image.Resampling.BOX if size <= min(height, width) else Image.Resampling.BICUBIC
    return np.array(_picture(image).resize((size, size), kind))


def strip(images: Sequence[Pixels], labels: Sequence[str] | None = None, *, gap: int = 8) -> Pixels:
    """Pictures of one size side by side on white, with a small label under each when there are labels."""
    if not images:
        raise ValueError("a strip needs a picture")
    if labels is not None and len(labels) != len(images):
        raise ValueError(f"{len(labels)} labels for {len(images)} pictures")
    if len({image.shape for image in images}) != 1:
        raise ValueError("the pictures of a strip must have one size")
    height, width = images[0].shape[:2]
    letters = max(12, height // 16)
    foot = 2 * letters if labels else 0
    sheet = Image.new("RGB", (len(images) * (width + gap) + gap, height + 2 * gap + max(0, foot - gap)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(letters)
    for place, image in enumerate(images):
        left = gap + place * (width + gap)
        sheet.paste(_picture(image), (left, gap))
        if labels:
            middle = (left + width / 2, gap + height + foot / 2)
            pen.text(middle, labels[place], fill=(60, 60, 60), font=font, anchor="mm")
    return np.array(sheet)


def _picture(image: Pixels) -> Image.Image:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a picture is uint8 H×W×3, not {image.dtype} {image.shape}")
    return Image.fromarray(np.ascontiguousarray(image))


def _exif() -> Image.Exif:
    """What viewers show: a description and the program."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = SAID_IN_WORDS
    exif[ExifTags.Base.Software] = MAKER
    return exif


def _xmp(description: str) -> str:
    """XMP packet with IPTC's digital source type. ISO 16684-1; IPTC Photo Metadata Standard 2023.1."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{MADE_BY_A_MODEL}</Iptc4xmpExt:DigitalSourceType>"
        f"<xmp:CreatorTool>{MAKER}</xmp:CreatorTool>"
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{escape(description)}</rdf:li></rdf:Alt></dc:description>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
