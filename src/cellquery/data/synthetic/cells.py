"""One synthetic cell, determined by the settings and its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellquery.core import generator
from cellquery.data.synthetic.microscope import expose
from cellquery.data.synthetic.scene import Scene
from cellquery.data.synthetic.settings import SyntheticSettings
from cellquery.data.synthetic.specimen import Specimen, draw_specimen


@dataclass(frozen=True)
class SyntheticCell:
    """One synthetic cell.

    Attributes
    ----------
    cell_id : str
        Such as ``S003-00017``: the specimen and the number within it.
    pixels : numpy.ndarray
        Counts, shape (height, width), uint8 or uint16.
    mask : numpy.ndarray
        The nucleus as its DNA stain would show it, shape (height, width), bool.
    pattern, specimen, intensity : str
        What is known of the cell.
    """

    cell_id: str
    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    mask: NDArray[np.bool_]
    pattern: str
    specimen: str
    intensity: str


def synthetic_cell(
    settings: SyntheticSettings, specimen: Specimen | int, number: int
) -> SyntheticCell:
    """Return one cell, always the same for the same settings and place.

    Parameters
    ----------
    settings : SyntheticSettings
        As for the whole set.
    specimen : Specimen or int
        The specimen or its index, from 0.
    number : int
        The cell's number within the specimen, from 0.
    """
    if isinstance(specimen, int):
        specimen = draw_specimen(settings, specimen)
    rng = generator(settings.seed, "synthetic", specimen.index, number)
    scene = Scene.draw(specimen, rng)
    light = scene.light(rng)
    return SyntheticCell(
        cell_id=f"{specimen.name}-{number + 1:05}",
        pixels=expose(light[scene.crop], specimen, settings.content_bits, rng),
        mask=scene.mask[scene.crop].copy(),
        pattern=specimen.pattern,
        specimen=specimen.name,
        intensity=specimen.intensity,
    )
