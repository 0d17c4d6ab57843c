"""Synthetic HEp-2-like cells from a physical model, for demonstrations, tests and scale runs."""

from typing import TYPE_CHECKING

from cellquery.core.lazy import lazily

if TYPE_CHECKING:
    from cellquery.data.synthetic.brightness import STAINED_PATTERNS
    from cellquery.data.synthetic.cells import SyntheticCell, synthetic_cell
    from cellquery.data.synthetic.series import synthesize, synthetic_cells
    from cellquery.data.synthetic.settings import SyntheticSettings, synthetic_settings
    from cellquery.data.synthetic.sheet import gallery, save_gallery
    from cellquery.data.synthetic.specimen import Specimen, draw_specimen
    from cellquery.data.synthetic.writing import into_folder, into_project

__getattr__ = lazily(
    __name__,
    brightness=("STAINED_PATTERNS",),
    cells=("SyntheticCell", "synthetic_cell"),
    series=("synthesize", "synthetic_cells"),
    settings=("SyntheticSettings", "synthetic_settings"),
    sheet=("gallery", "save_gallery"),
    specimen=("Specimen", "draw_specimen"),
    writing=("into_folder", "into_project"),
)

__all__ = [
    "STAINED_PATTERNS",
    "Specimen",
    "SyntheticCell",
    "SyntheticSettings",
    "draw_specimen",
    "gallery",
    "into_folder",
    "into_project",
    "save_gallery",
    "synthesize",
    "synthetic_cell",
    "synthetic_cells",
    "synthetic_settings",
]
