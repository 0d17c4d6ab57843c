from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cellquery.reports.galleries import (
    GalleryCell,
    contact_sheet,
    gallery_items,
    scaled_for_display,
)
from cellquery.reports.palette import RIGHT, WRONG, pattern_colour

DARK = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48) % 40
BRIGHT = DARK * 100


def _colours(png: bytes) -> set[str]:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return {"#{:02X}{:02X}{:02X}".format(*colour) for _, colour in image.getcolors(1 << 24) or []}


def test_a_dark_cell_is_stretched_until_it_can_be_seen() -> None:
    shown = scaled_for_display(DARK)
    assert (shown.min(), shown.max()) == (0, 255)


def test_on_a_shared_scale_a_dark_cell_stays_dark() -> None:
    assert scaled_for_display(DARK, top=3900.0).max() <= 3


def test_an_even_image_is_black_instead_of_amplified_noise() -> None:
    assert not scaled_for_display(np.full((20, 20), 7, np.uint8)).any()


def test_colour_is_shown_as_its_brightest_channel() -> None:
    colour = np.zeros((20, 20, 3), np.uint8)
    colour[..., 1] = np.arange(20)
    assert scaled_for_display(colour).max() == 255


@pytest.mark.parametrize("scaling", ["cell", "shared"])
def test_a_sheet_marks_right_and_wrong_cells_and_their_patterns(scaling: str) -> None:
    cells = [
        GalleryCell("a", DARK, ("one",), "golgi", right=True),
        GalleryCell("b", BRIGHT, ("two",), "centromere", right=False),
    ]
    colours = _colours(contact_sheet(cells, title="Cells", scaling=scaling))
    assert {RIGHT, WRONG, pattern_colour("golgi"), pattern_colour("centromere")} <= colours


def test_a_synthetic_cell_is_marked_in_the_picture_itself() -> None:
    plain, marked = (
        gallery_items([GalleryCell("a", DARK, synthetic=synthetic)])[0].picture.data
        for synthetic in (False, True)
    )
    assert plain != marked


def test_captions_and_verdicts_reach_the_page() -> None:
    item = gallery_items([GalleryCell("a<b>", DARK, ("true Golgi",), right=False)])[0]
    assert item.verdict == "wrong"
    assert item.lines == ("✗ wrong", "true Golgi")
    assert "a<b>" in item.picture.alt


def test_a_sheet_of_no_cells_and_a_caption_of_one_long_word_are_drawn() -> None:
    assert contact_sheet([])
    assert contact_sheet([GalleryCell("a", DARK, ("x" * 300,))])
