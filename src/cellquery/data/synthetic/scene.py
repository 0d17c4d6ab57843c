"""A scene of nuclei, stained, lit and cropped as the contests cropped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cellquery.data.synthetic.microscope import observe
from cellquery.data.synthetic.nucleus import Nucleus, draw_nucleus
from cellquery.data.synthetic.site import Layer, Site, varied
from cellquery.data.synthetic.specimen import Specimen
from cellquery.data.synthetic.staining import stain
from cellquery.data.synthetic.textures import smooth_noise

Floats = NDArray[np.float32]

MARGIN_PX = 10  # the contest cut each cell with this margin round its nucleus
HALF_FIELD_PX = 600
_BORDER_PX = 7  # beyond the crop, so that the blur's wrapped borders stay outside
_STAINED_PX = 16  # how far a stain reaches outside its nucleus


@dataclass(frozen=True)
class Scene:
    """A canvas round one nucleus, with what else reaches into it.

    Attributes
    ----------
    specimen : Specimen
        What the cells share.
    site : Site
        The cell in the middle.
    mask : numpy.ndarray
        Its nucleus as the DNA stain would show it, of the canvas's shape, bool.
    crop : tuple of slice
        Rows and columns of the picture within the canvas.
    """

    specimen: Specimen
    site: Site
    mask: NDArray[np.bool_]
    crop: tuple[slice, slice]

    @classmethod
    def draw(cls, specimen: Specimen, rng: np.random.Generator) -> Scene:
        """Return a scene of the specimen; its cell is drawn, but not yet stained."""
        nucleus = draw_nucleus(rng, specimen.size)
        ys, xs = nucleus.outline(np.linspace(0, 2 * np.pi, 128))
        border = MARGIN_PX + _BORDER_PX
        centre = (border - float(ys.min()), border - float(xs.min()))
        canvas = [
            scipy.fft.next_fast_len(math.ceil(middle + float(side.max()) + border), real=True)
            for middle, side in zip(centre, (ys, xs), strict=True)
        ]
        site = _site(nucleus, centre, canvas)
        # DNA and antigen are stained and segmented apart: their outlines differ a little.
        mask = site.depth > 0.4 * rng.standard_normal()
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        box = np.array([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1])
        margins = np.full(4, MARGIN_PX)
        if rng.random() < 0.02:  # a nucleus near the edge of the image lost part of its margin
            margins[rng.integers(4)] = rng.integers(1, MARGIN_PX)
        top, bottom, left, right = (int(n) for n in box + margins * (-1, 1, -1, 1))
        return cls(specimen, site, mask, (slice(top, bottom), slice(left, right)))

    def light(self, rng: np.random.Generator) -> Floats:
        """Return the light that reaches the camera, in grey levels above the dark."""
        specimen = self.specimen
        layers = stain(self.site, specimen, rng)
        cytoplasm = np.minimum(self.site.depth, 0)
        for _ in range(rng.poisson(specimen.crowding)):
            self._add_neighbour(layers, cytoplasm, rng)
        strength = varied(rng, specimen.brightness, 0.16)
        defocus = abs(specimen.focus + 0.35 * rng.standard_normal())
        if rng.random() < 0.15:  # a nucleus above or below the others
            defocus += rng.exponential(0.9)
        own = varied(rng, specimen.background, 0.12)
        veil = np.exp(cytoplasm * (1 / 10))
        veil *= 0.4 * own
        veil += 0.6 * own
        veil += 0.25 * math.sqrt(own) * smooth_noise(rng, self.site.shape, 1.3)
        layers = [replace(layer, field=strength * layer.field) for layer in layers]
        light = observe([*layers, Layer(veil)], defocus, specimen.haze)
        self._illuminate(light, rng)
        return light

    def _add_neighbour(
        self, layers: list[Layer], cytoplasm: Floats, rng: np.random.Generator
    ) -> None:
        nucleus = draw_nucleus(rng, self.specimen.size)
        angle = rng.uniform(0, 2 * np.pi)
        gap = self.site.nucleus.radius_px + nucleus.radius_px + rng.uniform(3.0, 14.0)
        centre = (
            self.site.centre[0] + gap * np.sin(angle),
            self.site.centre[1] + gap * np.cos(angle),
        )
        reach = nucleus.long_px + _STAINED_PX
        window = tuple(
            slice(int(max(middle - reach, 0)), int(min(max(middle + reach, 0), side)))
            for middle, side in zip(centre, self.site.shape, strict=True)
        )
        if any(part.stop - part.start < 8 for part in window):
            return
        sides = [part.stop - part.start for part in window]
        corner = (centre[0] - window[0].start, centre[1] - window[1].start)
        site = _site(nucleus, corner, sides)
        for layer, other in zip(layers, stain(site, self.specimen, rng), strict=True):
            layer.field[window] += other.field
        cytoplasm[window] = np.maximum(cytoplasm[window], np.minimum(site.depth, 0))

    def _illuminate(self, light: Floats, rng: np.random.Generator) -> None:
        """Apply the fall-off towards the field's corners, a plane over the canvas, in place."""
        y, x = map(float, rng.uniform(-1, 1, 2))  # the cell's place in the field
        fall = self.specimen.vignetting / 2
        height, width = self.site.shape
        rows = np.arange(height, dtype=np.float32)[:, None] - height / 2
        columns = np.arange(width, dtype=np.float32)[None, :] - width / 2
        slope = 2 * fall / HALF_FIELD_PX
        light *= 1 - fall * (y * y + x * x) - slope * (y * rows + x * columns)


def _site(nucleus: Nucleus, centre: tuple[float, float], sides: Sequence[int]) -> Site:
    ys = np.arange(sides[0], dtype=np.float32) - np.float32(centre[0])
    xs = np.arange(sides[1], dtype=np.float32) - np.float32(centre[1])
    return Site(nucleus, centre, *nucleus.coordinates(ys, xs))
