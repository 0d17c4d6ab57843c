"""Cells side by side: as a contact sheet in one PNG, or as pictures of a page.

How the grey levels are shown is stated with every gallery, since HEp-2 cells are so dark that
something must be done to see them: ``"cell"`` stretches each cell from its 0.5th to its 99.5th
percentile, which hides brightness; ``"shared"`` maps zero to the brightest of the gallery's cells
on one scale, which shows it.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cellquery.core import RESEARCH_USE_ONLY
from cellquery.reports.page import Picture
from cellquery.reports.palette import NEUTRAL, RIGHT, WRONG, pattern_colour

Scaling = Literal["cell", "shared"]
SCALING_WORDS: dict[str, str] = {
    "cell": "Each cell is stretched by itself from its 0.5th to its 99.5th percentile of grey: "
    "brightness cannot be compared between cells.",
    "shared": "All cells share one scale of grey, from zero to the brightest of them.",
}

_BACKGROUND = "#FFFFFF"
_INK = "#1A1F26"
_TILE_GREY = 24
_BORDER_PX = 6
_STRIP_PX = 5


@dataclass(frozen=True)
class GalleryCell:
    """A cell to be shown.

    Attributes
    ----------
    cell_id : str
        The cell's identifier.
    pixels : ndarray, shape (height, width) or (height, width, 3)
        Raw counts.
    lines : tuple of str
        The caption, one entry a line.
    pattern : str or None
        The pattern whose colour marks the cell.
    right : bool or None
        Whether the prediction was right; None when there is nothing to compare.
    synthetic : bool
        Whether the cell was generated; it is then said in the picture itself.
    """

    cell_id: str
    pixels: NDArray[Any]
    lines: tuple[str, ...] = ()
    pattern: str | None = None
    right: bool | None = None
    synthetic: bool = False


@dataclass(frozen=True)
class GalleryItem:
    """A cell as the page's gallery shows it."""

    picture: Picture
    side: int
    lines: tuple[str, ...]
    verdict: Literal["right", "wrong", ""]
    colour: str


def contact_sheet(
    cells: Sequence[GalleryCell],
    *,
    title: str = "",
    columns: int = 8,
    side_px: int = 112,
    scaling: Scaling = "cell",
) -> bytes:
    """Return the cells in rows, with their captions, as a PNG.

    A right prediction has a solid blue border and a tick, a wrong one a broken orange border and
    a cross; the strip below a cell has the colour of its pattern.

    Parameters
    ----------
    cells : sequence of GalleryCell
        The cells, in the order in which they are shown.
    title : str
        Printed at the top.
    columns : int
        Cells in a row.
    side_px : int
        The side of a tile in pixels. Cells are enlarged or reduced to fit, keeping their shape.
    scaling : {"cell", "shared"}
        How grey levels are shown; see the module's head.
    """
    text, strong = _font(11), _font(16)
    columns = max(1, min(columns, len(cells)))
    captions = [_wrapped(_marked(cell), text, side_px + 6) for cell in cells]
    line_px, margin = 15, 12
    tile = side_px + 2 * _BORDER_PX
    row_px = tile + _STRIP_PX + 6 + line_px * max((len(lines) for lines in captions), default=0) + 8
    width = max(columns * (tile + margin) + margin, 480)
    words = [(title, strong)] if title else []
    words += [(line, text) for line in _wrapped([_statement(cells, scaling)], text, width - 24)]
    top = margin + sum(24 if font is strong else line_px for _, font in words) + 8
    n_rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (width, top + n_rows * row_px + margin), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    y = margin
    for line, font in words:
        draw.text((margin, y), line, fill=_INK, font=font)
        y += 24 if font is strong else line_px
    for place, (cell, shown) in enumerate(zip(cells, _shown(cells, scaling), strict=True)):
        row, column = divmod(place, columns)
        x, y = margin + column * (tile + margin), top + row * row_px
        _frame(draw, (x + 2, y + 2, x + tile - 3, y + tile + _STRIP_PX - 3), cell.right)
        left, upper = x + _BORDER_PX, y + _BORDER_PX
        sheet.paste(_tile(shown, side_px, synthetic=cell.synthetic), (left, upper))
        if cell.pattern is not None:
            strip = (left, upper + side_px + 1, left + side_px - 1, upper + side_px + _STRIP_PX - 1)
            draw.rectangle(strip, fill=pattern_colour(cell.pattern))
        below = y + tile + _STRIP_PX + 3
        for number, line in enumerate(captions[place]):
            draw.text((x + 3, below + number * line_px), line, fill=_INK, font=text)
    return _png(sheet)


def gallery_items(
    cells: Sequence[GalleryCell], *, side_px: int = 112, scaling: Scaling = "cell"
) -> list[GalleryItem]:
    """Return the cells as pictures for the ``gallery`` piece of a page."""
    items = []
    for cell, shown in zip(cells, _shown(cells, scaling), strict=True):
        picture = Picture(
            _png(_tile(shown, side_px, synthetic=cell.synthetic)),
            alt=f"Cell {cell.cell_id}: {', '.join(cell.lines)}",
        )
        verdict: Literal["right", "wrong", ""] = (
            "" if cell.right is None else "right" if cell.right else "wrong"
        )
        colour = pattern_colour(cell.pattern) if cell.pattern else "transparent"
        items.append(GalleryItem(picture, side_px, tuple(_marked(cell)), verdict, colour))
    return items


def scaled_for_display(pixels: NDArray[Any], *, top: float | None = None) -> NDArray[np.uint8]:
    """Return raw counts as grey levels 0 to 255 that can be seen.

    Parameters
    ----------
    pixels : ndarray, shape (height, width) or (height, width, 3)
        Raw counts; colour is shown as its brightest channel.
    top : float, optional
        The count shown as white, zero being black. Without it the cell is stretched from its
        0.5th to its 99.5th percentile.
    """
    grey = _brightest_channel(pixels).astype(np.float64)
    low, high = (0.0, top) if top is not None else np.percentile(grey, (0.5, 99.5))
    # an even image has nothing to stretch: it is shown black instead of as amplified noise
    stretched = (grey - low) / (high - low) if high > low else np.zeros_like(grey)
    return np.round(255 * np.clip(stretched, 0, 1)).astype(np.uint8)


def _brightest_channel(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.ndim == 2:
        return pixels
    return pixels[..., int(np.argmax(pixels.mean(axis=(0, 1))))]


def _bright_end(pixels: NDArray[Any]) -> float:
    return float(np.percentile(_brightest_channel(pixels), 99.5))


def _shown(cells: Sequence[GalleryCell], scaling: Scaling) -> Iterable[NDArray[np.uint8]]:
    top = None
    if scaling == "shared" and cells:
        top = max(_bright_end(cell.pixels) for cell in cells)
    for cell in cells:
        yield scaled_for_display(cell.pixels, top=top)


def _statement(cells: Sequence[GalleryCell], scaling: Scaling) -> str:
    parts = [SCALING_WORDS[scaling], RESEARCH_USE_ONLY]
    if any(cell.synthetic for cell in cells):
        parts.insert(0, "Synthetic cells: generated by a program, not taken from a patient.")
    return " ".join(parts)


def _marked(cell: GalleryCell) -> list[str]:
    mark = {True: "✓ right", False: "✗ wrong", None: None}[cell.right]
    return [*([mark] if mark else []), *cell.lines]


def _tile(shown: NDArray[np.uint8], side_px: int, *, synthetic: bool) -> Image.Image:
    height, width = shown.shape
    scale = side_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(shown).resize(size, Image.Resampling.BICUBIC)
    tile = Image.new("L", (side_px, side_px), _TILE_GREY)
    tile.paste(picture, ((side_px - size[0]) // 2, (side_px - size[1]) // 2))
    if synthetic:
        font = _font(9)
        draw = ImageDraw.Draw(tile)
        left, upper, right, lower = draw.textbbox((3, 2), "synthetic", font=font)
        draw.rectangle((left - 2, upper - 1, right + 1, lower + 1), fill=0)
        draw.text((3, 2), "synthetic", fill=235, font=font)
    return tile


def _frame(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], right: bool | None) -> None:
    left, upper, right_edge, lower = box
    if right is not False:
        draw.rectangle(box, outline=NEUTRAL if right is None else RIGHT, width=3 if right else 1)
        return
    dash = 8
    for start in range(left, right_edge, 2 * dash):
        end = min(start + dash, right_edge)
        for y in (upper, lower - 1):
            draw.line((start, y, end, y), fill=WRONG, width=3)
    for start in range(upper, lower, 2 * dash):
        end = min(start + dash, lower)
        for x in (left, right_edge - 1):
            draw.line((x, start, x, end), fill=WRONG, width=3)


def _wrapped(lines: Sequence[str], font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    letters = max(6, int(width_px / font.getlength("n") * 1.02))
    return [part for line in lines for part in textwrap.wrap(line, letters) or [""]]


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    # Matplotlib brings DejaVu Sans, so captions look the same on every machine
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size_px)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
