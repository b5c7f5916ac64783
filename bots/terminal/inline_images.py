"""Inline images in terminals: kitty, iTerm2 and sixel graphics, else colored blocks.

What the terminal can is read from its environment variables. Asking the terminal itself would mean reading from the
same keyboard that somebody is typing on.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image

COLUMNS = 48
"""Width in characters."""
CELL = (10, 20)
"""Pixels of one character where the terminal does not say; only the sharpness depends on it."""

SIXEL_TERMINALS = ("mlterm", "foot", "contour", "yaft", "xterm-sixel", "wezterm")
KITTY_PROGRAMS = ("ghostty", "kitty")
ITERM_PROGRAMS = ("iterm.app", "wezterm", "mintty")


def protocol_of(environment: Mapping[str, str]) -> str | None:
    """kitty, iterm2, sixel or blocks; None where nothing should be drawn."""
    terminal = environment.get("TERM", "")
    program = (environment.get("TERM_PROGRAM") or environment.get("LC_TERMINAL") or "").lower()
    if terminal in ("", "dumb", "unknown"):
        return None
    if "TMUX" in environment or terminal.startswith("screen"):
        return "blocks"  # they hold graphics back
    if "KITTY_WINDOW_ID" in environment or "kitty" in terminal or program in KITTY_PROGRAMS:
        return "kitty"
    if program in ITERM_PROGRAMS or program == "iterm2":
        return "iterm2"
    if terminal.startswith(SIXEL_TERMINALS):
        return "sixel"
    return "blocks"


def draw_inline(picture: bytes, environment: Mapping[str, str], columns: int = COLUMNS) -> str | None:
    """A picture as characters and control sequences; None where the terminal or this machine cannot."""
    protocol = protocol_of(environment)
    if protocol is None:
        return None
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            opened.draft("RGB", (columns * CELL[0], columns * CELL[0]))
            image = opened.convert("RGB")
        image.thumbnail((columns * CELL[0], columns * CELL[0]))
        return _with_chafa(image, protocol, environment, columns)
    except Exception:  # a decoration; whatever hinders it, the path of the file is shown anyway
        return None


def _with_chafa(image: Image.Image, protocol: str, environment: Mapping[str, str], columns: int) -> str:
    import chafa

    colours = environment.get("COLORTERM", "").lower() in ("truecolor", "24bit")
    modes = {
        "kitty": chafa.PixelMode.CHAFA_PIXEL_MODE_KITTY,
        "iterm2": chafa.PixelMode.CHAFA_PIXEL_MODE_ITERM2,
        "sixel": chafa.PixelMode.CHAFA_PIXEL_MODE_SIXELS,
        "blocks": chafa.PixelMode.CHAFA_PIXEL_MODE_SYMBOLS,
    }
    config = chafa.CanvasConfig()
    config.pixel_mode = modes[protocol]
    config.canvas_mode = (
        chafa.CanvasMode.CHAFA_CANVAS_MODE_TRUECOLOR
        if colours or protocol != "blocks"
        else chafa.CanvasMode.CHAFA_CANVAS_MODE_INDEXED_240
    )
    config.cell_width, config.cell_height = CELL
    config.width, config.height = columns, columns
    config.calc_canvas_geometry(image.width, image.height, CELL[0] / CELL[1])
    canvas = chafa.Canvas(config)
    pixels = image.tobytes()
    canvas.draw_all_pixels(
        chafa.PixelType.CHAFA_PIXEL_RGB8, pixels, image.width, image.height, image.width * len(image.getbands())
    )
    drawn: bytes = canvas.print(term_info=chafa.TermDb().get_fallback_info())
    return drawn.decode(errors="replace")
