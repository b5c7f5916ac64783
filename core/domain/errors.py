"""Every error of the pipeline, as one small tree.

    ChildFaceError
    ├── InputError                   what somebody sent cannot be used; they can fix it
    │   ├── PhotoError
    │   │   ├── EmptyPhoto           zero bytes
    │   │   ├── NotAPicture          text, an archive, noise …
    │   │   ├── UnsupportedPicture   a picture or film in a format we do not draw from (SVG, MP4 …)
    │   │   ├── DamagedPhoto         truncated or corrupt
    │   │   ├── PhotoTooLarge        too many bytes or pixels
    │   │   ├── UnsafePhoto          most likely NSFW
    │   │   └── NotAPhoto            most likely a drawing, a statue or a doll
    │   ├── FaceError
    │   │   ├── NoFace
    │   │   ├── SeveralFaces         carries the boxes, so that a chat can ask which
    │   │   ├── FaceTooSmall
    │   │   ├── FaceTurned
    │   │   ├── UnderAge             a parent who looks like a child
    │   │   └── AgeUncertain         a parent who may be an adult: somebody has to state it
    │   ├── SettingError             an age, mix, size … outside its range
    │   └── LatentMismatch           a latent made by another generator or encoder
    ├── MissingWeights               set-up has not been run, or a file was changed
    └── Cancelled                    somebody asked us to stop

An error carries facts, not a sentence: the chat adapter or the command line turns `code` and `facts()` into words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels of the upright photo."""


class ChildFaceError(Exception):
    """Root of the tree. `code` is the snake_case class name; keyword arguments become facts."""

    code: ClassVar[str] = "child_face_error"

    def __init_subclass__(cls) -> None:
        """Derive the code from the class name, so that the two cannot drift apart."""
        super().__init_subclass__()
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, **facts: Any) -> None:
        super().__init__(self.code, facts)
        self._facts = facts

    def facts(self) -> dict[str, Any]:
        """The facts as JSON-able values."""
        return dict(self._facts)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self._facts.items())
        return f"{self.code}: {told}" if told else self.code


class InputError(ChildFaceError):
    """What was sent cannot be used; the sender can fix it."""


class PhotoError(InputError):
    """The bytes are not a photo we can use."""


class EmptyPhoto(PhotoError):
    """The file is empty."""


class NotAPicture(PhotoError):
    """Not an image at all."""


class UnsupportedPicture(PhotoError):
    """An image or video in an unsupported format."""

    def __init__(self, *, found: str) -> None:
        super().__init__(found=found)


class DamagedPhoto(PhotoError):
    """A truncated or damaged image."""


class PhotoTooLarge(PhotoError):
    """Too many bytes or pixels."""

    def __init__(self, *, what: str, size: int, limit: int) -> None:
        super().__init__(what=what, size=size, limit=limit)


class UnsafePhoto(PhotoError):
    """Most likely NSFW: we do not draw from it, and keep nothing of it."""

    def __init__(self, *, score: float, limit: float) -> None:
        super().__init__(score=round(score, 3), limit=limit)


class NotAPhoto(PhotoError):
    """Most likely a drawing, a render, a statue or a doll: its face is nobody's.

    `anyway`: whether it may be used all the same, if its sender wants that.
    """

    def __init__(self, *, score: float, limit: float, anyway: bool = False) -> None:
        super().__init__(score=round(score, 3), limit=limit, anyway=anyway)
        self.score, self.limit = score, limit


class FaceError(InputError):
    """A photo without exactly one usable face."""


class NoFace(FaceError):
    """No face was detected, even by the more sensitive pass."""


class SeveralFaces(FaceError):
    """Several faces, and none was chosen."""

    def __init__(self, *, boxes: Sequence[Box]) -> None:
        super().__init__(boxes=[list(box) for box in boxes])
        self.boxes = list(boxes)


class FaceTooSmall(FaceError):
    """The face has too few pixels to recognize a person."""

    def __init__(self, *, pixels: int, needed: int) -> None:
        super().__init__(pixels=pixels, needed=needed)


class FaceTurned(FaceError):
    """The head is turned too far away from the camera."""

    def __init__(self, *, yaw: float, limit: float) -> None:
        super().__init__(yaw=round(yaw, 1), limit=limit)


class UnderAge(FaceError):
    """A face that looks clearly younger than a parent may be. `margin`: years by which the estimate may be wrong."""

    def __init__(self, *, age: float, margin: float, youngest: float) -> None:
        super().__init__(age=round(age, 1), margin=round(margin, 1), youngest=youngest)


class AgeUncertain(FaceError):
    """A face that does not show whether this is an adult: it can be used once somebody has stated that it is."""

    def __init__(self, *, age: float, youngest: float) -> None:
        super().__init__(age=round(age, 1), youngest=youngest)


class SettingError(InputError):
    """A setting outside its range."""

    def __init__(self, *, name: str, value: Any, allowed: str) -> None:
        super().__init__(name=name, value=str(value), allowed=allowed)


class LatentMismatch(InputError):
    """A latent of another generator, encoder or shape."""

    def __init__(self, *, expected: str, found: str) -> None:
        super().__init__(expected=expected, found=found)


class MissingWeights(ChildFaceError):
    """A weight file is absent or its hash is wrong."""

    def __init__(self, *, name: str, path: str) -> None:
        super().__init__(name=name, path=path)


class CredentialsFault(ChildFaceError):
    """Images cannot be signed with the configured certificate."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason=reason)


class Cancelled(ChildFaceError):
    """The operation was cancelled."""
