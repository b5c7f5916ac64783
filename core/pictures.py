"""Pictures on their way out: encoded and marked as made by a machine, shrunk, laid side by side.

Pictures are uint8 H×W×3 RGB everywhere. What is wrong here is our own mistake, not a sender's: ValueError.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

Pixels = npt.NDArray[np.uint8]

MADE_BY_A_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's name for "created by a trained model", which other programs look for to tell such pictures from photos."""

JPEG_QUALITY = 93
PNG_COMPRESSION = 1
"""Of 9: a 1024-px picture takes 0.2 s instead of the 0.8 s of the usual 6, for a file about 15 % larger."""


def encode_picture(image: Pixels, *, kind: Literal["png", "jpeg"] = "png", text: dict[str, str] | None = None) -> bytes:
    """A PNG or JPEG file that says in its XMP that a model made it, with the entries of `text` in it.

    PNG takes them as text chunks of the same names, JPEG as lines "name: value" of its comment.

    >>> encode_picture(np.zeros((2, 2, 3), np.uint8))[1:4]
    b'PNG'
    """
    picture, text, file = _picture(image), text or {}, io.BytesIO()
    xmp = _xmp(text.get("Description", ""))
    if kind == "png":
        chunks = PngInfo()
        for name, value in text.items():
            chunks.add_itxt(name, value)
        chunks.add_itxt("XML:com.adobe.xmp", xmp)
        picture.save(file, "PNG", compress_level=PNG_COMPRESSION, pnginfo=chunks)
    elif kind == "jpeg":
        comment = "\n".join(f"{name}: {value}" for name, value in text.items())
        picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, comment=comment.encode(), xmp=xmp.encode())
    else:
        raise ValueError(f"kind must be png or jpeg, not {kind!r}")
    return file.getvalue()


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


def _xmp(description: str) -> str:
    """XMP packet with IPTC's digital source type. ISO 16684-1; IPTC Photo Metadata Standard 2023.1."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{MADE_BY_A_MODEL}</Iptc4xmpExt:DigitalSourceType>"
        "<xmp:CreatorTool>ChildFace</xmp:CreatorTool>"
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{escape(description)}</rdf:li></rdf:Alt></dc:description>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
