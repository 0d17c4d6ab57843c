"""A contact sheet of synthetic cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cellquery.core import RESEARCH_USE_ONLY, SettingsError, find_pattern
from cellquery.core.durable import replacing
from cellquery.data.synthetic.brightness import INTENSITIES
from cellquery.data.synthetic.cells import synthetic_cell
from cellquery.data.synthetic.notice import synthetic_notice
from cellquery.data.synthetic.settings import SyntheticSettings
from cellquery.data.synthetic.specimen import Specimen, draw_specimen

MOST_SPECIMENS = 3
_TILE_PX = 104
_NAMES_PX = 150
_NARROWEST_PX = 640
_HEAD_PX = 84
_FOOT_PX = 34
_PAPER, _INK, _FAINT = 24, 235, 150


def save_gallery(settings: SyntheticSettings, path: str | Path) -> Path:
    """Return the path of a contact sheet: a row a pattern, two pictures of a cell a specimen.

    The left picture shows the counts as they were recorded, the right one the same cell stretched
    from its lowest to its highest count.

    Parameters
    ----------
    settings : SyntheticSettings
        Of the cells; at most three specimens a pattern and an intensity are shown.
    path : str or Path
        A PNG file.

    Raises
    ------
    SettingsError
        When the file's name does not end in .png.
    ProjectError
        When it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise SettingsError(path, "is no PNG file by its name", "let it end in .png")
    sheet = gallery(settings)
    with replacing(path) as file:
        sheet.save(file, "PNG", optimize=True, pnginfo=synthetic_notice())
    return path


def gallery(settings: SyntheticSettings) -> Image.Image:
    """Return the contact sheet of :func:`save_gallery`, grey, 8 bits."""
    specimens = [draw_specimen(settings, index) for index in range(settings.n_specimens)]
    rows = [
        (pattern, [_chosen(specimens, pattern, intensity) for intensity in INTENSITIES])
        for pattern in settings.patterns
    ]
    columns = [max(len(blocks[i]) for _, blocks in rows) for i in range(len(INTENSITIES))]
    lefts = [_NAMES_PX + 2 * _TILE_PX * sum(columns[:i]) for i in range(len(INTENSITIES))]
    size = (
        max(_NAMES_PX + 2 * _TILE_PX * sum(columns), _NARROWEST_PX),
        _HEAD_PX + len(rows) * _TILE_PX + _FOOT_PX,
    )
    sheet = Image.new("L", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    large, middle, small = (ImageFont.load_default(points) for points in (22, 13, 10))
    draw.text((12, 10), "Synthetic cells", _INK, large)
    note = "each as recorded and, beside it, stretched; no real specimen is shown"
    draw.text((190, 18), note, _FAINT, middle)
    draw.text((12, size[1] - 24), f"Synthetic cells. {RESEARCH_USE_ONLY}", _INK, middle)
    for intensity, n, left in zip(INTENSITIES, columns, lefts, strict=True):
        if n:
            draw.text((left + 4, _HEAD_PX - 26), intensity, _INK, middle)
    for row, (pattern, blocks) in enumerate(rows):
        y = _HEAD_PX + row * _TILE_PX
        known = find_pattern(pattern)
        draw.text((12, y + _TILE_PX // 2 - 8), known.title if known else pattern, _INK, middle)
        for left, block in zip(lefts, blocks, strict=True):
            for column, specimen in enumerate(block):
                x = left + 2 * _TILE_PX * column
                pixels = synthetic_cell(settings, specimen, 0).pixels
                recorded = (pixels >> (settings.content_bits - 8)).astype(np.uint8)
                _paste(sheet, recorded, x, y)
                _paste(sheet, _stretched(pixels), x + _TILE_PX, y)
                draw.text((x + 4, y + 1), specimen.name, _FAINT, small)
    return sheet


def _chosen(specimens: list[Specimen], pattern: str, intensity: str) -> list[Specimen]:
    alike = [s for s in specimens if (s.pattern, s.intensity) == (pattern, intensity)]
    return alike[:MOST_SPECIMENS]


def _stretched(pixels: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    low, high = int(pixels.min()), int(pixels.max())
    return ((pixels.astype(np.float32) - low) * (255 / max(high - low, 1))).astype(np.uint8)


def _paste(sheet: Image.Image, pixels: NDArray[np.uint8], x: int, y: int) -> None:
    tile = Image.fromarray(pixels)
    if max(tile.size) > _TILE_PX - 4:
        tile.thumbnail((_TILE_PX - 4, _TILE_PX - 4))
    sheet.paste(tile, (x + (_TILE_PX - tile.width) // 2, y + (_TILE_PX - tile.height) // 2))
