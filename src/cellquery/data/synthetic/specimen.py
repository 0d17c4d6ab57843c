"""A synthetic specimen: what all cells of one serum on one slide share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cellquery.core import generator
from cellquery.data.synthetic.brightness import GREY_LEVELS, INTENSITIES
from cellquery.data.synthetic.settings import SyntheticSettings


@dataclass(frozen=True)
class Specimen:
    """What the cells of one specimen share.

    Attributes
    ----------
    index : int
        Position, from 0.
    name : str
        Such as ``S001`` for index 0.
    pattern, intensity : str
        The staining pattern; "positive" or "intermediate".
    brightness : float
        Grey levels (of 8-bit counts) of antigen of concentration 1 in focus.
    background, offset : float
        Grey levels of the cytoplasm's own light, and of the camera in the dark.
    electrons : float
        Photoelectrons a grey level: fewer make more shot noise.
    focus : float
        Typical distance of the nuclei from the focal plane, in px of blur.
    haze : float
        Share of the light that out-of-focus planes spread widely.
    size : float
        Nuclear diameter relative to the mean.
    vignetting : float
        Relative loss of illumination in the corners of the field.
    crowding : float
        Mean number of neighbours that reach into a crop.
    grain, contrast, filling, density, mixture : float
        Traits of the texture in [0, 1], the quantiles of what a pattern makes of them: size of
        its grains, their contrast, the level of what lies between, their number, its sub-type.
    """

    index: int
    name: str
    pattern: str
    intensity: str
    brightness: float
    background: float
    offset: float
    electrons: float
    focus: float
    haze: float
    size: float
    vignetting: float
    crowding: float
    grain: float
    contrast: float
    filling: float
    density: float
    mixture: float


def draw_specimen(settings: SyntheticSettings, index: int) -> Specimen:
    """Return the specimen of an index, whatever the number of specimens.

    Patterns take turns, and at each round the intensity changes, so that a few specimens already
    show every pattern at both intensities.
    """
    rng = generator(settings.seed, "synthetic", index)
    rounds, turn = divmod(index, len(settings.patterns))
    pattern = settings.patterns[turn]
    intensity = INTENSITIES[rounds % 2]

    def between(low: float, high: float) -> float:
        return low + (high - low) * (0.5 + settings.spread * (rng.random() - 0.5))

    def trait() -> float:
        return between(0.0, 1.0)

    return Specimen(
        index=index,
        name=f"S{index + 1:03}",
        pattern=pattern,
        intensity=intensity,
        brightness=math.exp(between(*map(math.log, GREY_LEVELS[pattern][intensity]))),
        background=math.exp(between(math.log(3.0), math.log(26.0))),
        offset=between(11.5, 13.5),
        electrons=between(60.0, 120.0),
        focus=between(0.0, 1.0) ** 2 * 1.9,
        haze=between(0.1, 0.36),
        size=between(0.93, 1.08),
        vignetting=between(0.05, 0.35),
        crowding=between(0.2, 1.1),
        grain=trait(),
        contrast=trait(),
        filling=trait(),
        density=trait(),
        mixture=trait(),
    )
