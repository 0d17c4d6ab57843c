"""What stains are drawn with: a cell's place in the scene, layers, and the parts of a nucleus."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellquery.data.synthetic.nucleus import Nucleus
from cellquery.data.synthetic.textures import add_discs, smooth_noise

Floats = NDArray[np.float32]

# Scalars that meet a field are Python floats: a NumPy double would turn it into doubles.


@dataclass(frozen=True)
class Layer:
    """A concentration field, the size of its grains and its height, both in px of blur."""

    field: Floats
    grain_px: float = 0.0
    height_px: float = 0.0


@dataclass(frozen=True)
class Site:
    """One cell within a window of the scene, as its stain sees it.

    Attributes
    ----------
    nucleus : Nucleus
        Its outline.
    centre : tuple of float
        Row and column of the nucleus's centre in the window; it may lie outside.
    reach, depth : numpy.ndarray
        Coordinates that follow the contour, see :meth:`Nucleus.coordinates`.
    """

    nucleus: Nucleus
    centre: tuple[float, float]
    reach: Floats
    depth: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        return self.reach.shape[0], self.reach.shape[1]

    def blank(self) -> Floats:
        """Return an empty field."""
        return np.zeros(self.shape, np.float32)

    def body(self, flatness: float) -> Floats:
        """Return the thickness of the nucleus, 1 at the centre; flat ones drop only at the rim."""
        return np.maximum(1 - self.reach * self.reach, 0) ** flatness

    def points(
        self, reach: NDArray[np.floating], angles: NDArray[np.floating]
    ) -> tuple[Floats, Floats]:
        """Return rows and columns in the window of points in the nucleus's own coordinates."""
        ys, xs = self.nucleus.at(reach, angles)
        return ys + np.float32(self.centre[0]), xs + np.float32(self.centre[1])


def between(quantile: float, low: float, high: float) -> float:
    """Return the value at a quantile of a uniform range."""
    return low + (high - low) * quantile


def varied(rng: np.random.Generator, value: float, spread: float) -> float:
    """Return a value times a log-normal factor of median 1."""
    return value * math.exp(spread * rng.standard_normal())


def chromatin(site: Site, rng: np.random.Generator, grain_px: float, contrast: float) -> Floats:
    """Return a granular field around 1: many dim places, few bright ones."""
    return np.exp(contrast * smooth_noise(rng, site.shape, grain_px))


def nucleoli(site: Site, rng: np.random.Generator, n: int) -> Floats:
    """Return a field that is 1 within some nucleoli and 0 elsewhere."""
    field = site.blank()
    add_discs(
        field,
        *site.points(*scattered(rng, n, 0.62)),
        radii=rng.uniform(1.8, 5.0, n),
        weights=np.ones(n),
        stretch=rng.uniform(1.0, 1.25, n),
        tilts=rng.uniform(0, np.pi, n),
    )
    return np.minimum(field, 1)


def scattered(
    rng: np.random.Generator, n: int, furthest: float
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return reach and angle of a few points that keep apart: the best of four tries each."""
    tries = 4
    reach = furthest * np.sqrt(rng.random((n, tries)))
    angles = rng.uniform(0, 2 * np.pi, (n, tries))
    places = reach * np.exp(1j * angles)
    chosen = np.zeros(n, np.intp)
    for i in range(1, n):
        elders = places[np.arange(i), chosen[:i]]
        chosen[i] = np.abs(places[i][:, None] - elders).min(1).argmax()
    rows = np.arange(n)
    return reach[rows, chosen], angles[rows, chosen]


def strewn(
    rng: np.random.Generator, n: int, furthest: float
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return reach and angle of points strewn evenly over the nucleus up to a reach."""
    return furthest * np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)


def peaks(
    rng: np.random.Generator, n: int, grain_px: float, unevenness: float
) -> NDArray[np.floating]:
    """Return weights of points whose peaks, blurred by their size and the optics, are about 1."""
    area = 2 * math.pi * (grain_px**2 + 0.8**2)
    return area * np.exp(unevenness * rng.standard_normal(n))
