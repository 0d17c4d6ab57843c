from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cellquery.core import SettingsError
from cellquery.data.synthetic import SyntheticSettings, gallery, save_gallery


def test_the_sheet_has_a_row_a_pattern() -> None:
    one = gallery(SyntheticSettings(patterns=("golgi",), n_specimens=2))
    two = gallery(SyntheticSettings(patterns=("golgi", "centromere"), n_specimens=4))

    assert one.height < two.height
    assert one.width == two.width
    assert np.asarray(two).std() > 5


def test_the_sheet_is_a_png_file(tmp_path: Path) -> None:
    path = save_gallery(SyntheticSettings(n_specimens=6, bit_depth=16), tmp_path / "sheet.png")

    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        assert "Synthetic" in image.info["Description"]


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"end in \.png"):
        save_gallery(SyntheticSettings(), tmp_path / "sheet.jpg")
