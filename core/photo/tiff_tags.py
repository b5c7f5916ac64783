"""Read the few tags that tell a camera raw file from a TIFF, and how it lies.

TIFF 6.0, section 2; Digital Negative 1.7.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

NEW_SUBFILE_TYPE, PHOTOMETRIC, ORIENTATION, SUB_IFDS, DNG_VERSION = 254, 262, 274, 330, 50706
_SENSOR_DATA = {32803, 34892}
"""Color filter array and linear raw: the picture is not developed yet."""


@dataclass(frozen=True)
class TiffTags:
    """Of the first directory: orientation (1..8), and whether the file holds a sensor's data rather than a picture."""

    orientation: int = 1
    is_raw: bool = False
    is_dng: bool = False

    @property
    def raw_name(self) -> str:
        """What such a file is called."""
        return "dng" if self.is_dng else "raw"


def read_tags(data: bytes) -> TiffTags:
    """The tags of a TIFF; of anything else what a file without tags has. Raises nothing."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return TiffTags()
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, at)
        tags = {}
        for n in range(entries):
            tag, kind, _ = struct.unpack_from(order + "HHI", data, at + 2 + 12 * n)
            (tags[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, at + 10 + 12 * n)
    except struct.error:
        return TiffTags()
    told = tags.get(ORIENTATION, 1)
    thumbnail = tags.get(NEW_SUBFILE_TYPE, 0) & 1 and SUB_IFDS in tags
    raw = DNG_VERSION in tags or data[8:10] == b"CR" or tags.get(PHOTOMETRIC) in _SENSOR_DATA or bool(thumbnail)
    return TiffTags(told if 1 <= told <= 8 else 1, raw, DNG_VERSION in tags)
