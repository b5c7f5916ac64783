"""Opens a photo for a chat process: decoded behind the fence, in a helper that lives only as long as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from bots.cards.face_numbers import OpenPhoto
    from childface.settings import Settings


def preview_opener(settings: Settings) -> OpenPhoto:
    """How a chat process sees a photo with several faces, to number them.

    Nothing is imported or started before the first such photo, and no helper stays: a chat process is small.
    """

    def open_preview(data: bytes) -> tuple[Image.Image, int] | None:
        from PIL import Image

        from core.domain.errors import PhotoError
        from core.photo.decode import open_photo
        from core.photo.sandbox_client import PhotoProcesses

        helpers = PhotoProcesses(1)
        opener = open_photo if settings.photo_processes == 0 else helpers.open
        try:
            photo = opener(data)
        except (PhotoError, OSError):  # unreadable, or no helper can be started: words must do
            return None
        finally:
            helpers.close()
        return Image.fromarray(photo.rgb), photo.shrunk

    return open_preview
