"""The outline of a nucleus, a random smooth contour, and coordinates that follow it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# The contest kept no nucleus under 1,300 px or longer than 1.42 to 1, both of the rough outline.
SMALLEST_AREA_PX = 1420.0
LONGEST_AXES = 1.36
LARGEST_EXTENT_PX = 90.0


@dataclass(frozen=True)
class Nucleus:
    """An ellipse with low-order Fourier terms.

    Attributes
    ----------
    long_px, short_px : float
        Semi-axes.
    tilt : float
        Angle of the long axis, in radians.
    harmonics : numpy.ndarray
        Complex relative amplitudes of the Fourier terms of orders 2 to 6 of the contour.
    """

    long_px: float
    short_px: float
    tilt: float
    harmonics: NDArray[np.complex64]

    @property
    def radius_px(self) -> float:
        """The radius of the circle of the same area."""
        return float(np.sqrt(self.long_px * self.short_px))

    def outline(self, angles: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Return the contour's (y, x) from the centre at angles of the nucleus's own axes."""
        return self.at(np.ones_like(angles), angles)

    def at(
        self, reach: NDArray[np.floating], angles: NDArray[np.floating]
    ) -> tuple[Floats, Floats]:
        """Return (y, x) from the centre of points at a reach: 0 is the centre, 1 the contour."""
        turn = np.exp(1j * angles)
        scale = reach * self._contour(turn)
        long = scale * turn.real * self.long_px
        short = scale * turn.imag * self.short_px
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        return (
            (long * sin + short * cos).astype(np.float32),
            (long * cos - short * sin).astype(np.float32),
        )

    def coordinates(self, ys: Floats, xs: Floats) -> tuple[Floats, Floats]:
        """Return reach and depth of every point of a grid.

        Parameters
        ----------
        ys, xs : numpy.ndarray
            Rows and columns of the grid relative to the nucleus's centre, shapes (height,) and
            (width,), in px.

        Returns
        -------
        reach : numpy.ndarray
            Shape (height, width): 0 at the centre, 1 on the contour, more outside.
        depth : numpy.ndarray
            Distance in px along the radius from the contour, positive inside.
        """
        cos, sin = np.float32(np.cos(self.tilt)), np.float32(np.sin(self.tilt))
        y, x = ys[:, None], xs[None, :]
        point = np.empty((ys.size, xs.size), np.complex64)
        point.real = (x * cos + y * sin) / np.float32(self.long_px)
        point.imag = (y * cos - x * sin) / np.float32(self.short_px)
        ellipse = np.maximum(np.abs(point), np.float32(1e-3))
        reach = ellipse / self._contour(point / ellipse)
        distance = np.sqrt(y * y + x * x)
        return reach, distance / np.maximum(reach, np.float32(0.05)) - distance

    def _contour(self, turn: NDArray[np.complexfloating]) -> NDArray[np.floating]:
        terms = np.zeros_like(turn)
        for amplitude in self.harmonics[::-1]:
            terms = (terms + amplitude) * turn
        return 1 + (terms * turn).real  # the lowest order is 2


def draw_nucleus(rng: np.random.Generator, size: float) -> Nucleus:
    """Return a nucleus whose area and axes are distributed like those of the I3A cells."""
    area = max(1790.0 * size**2 * np.exp(0.165 * rng.standard_normal()), SMALLEST_AREA_PX)
    axes = min(1.05 + rng.gamma(2.5, 0.07), LONGEST_AXES)
    radius = np.sqrt(area / np.pi)
    long_px = min(radius * np.sqrt(axes), LARGEST_EXTENT_PX / 2)
    spreads = np.array([0.014, 0.022, 0.012, 0.008, 0.005])
    harmonics = spreads * (rng.standard_normal(5) + 1j * rng.standard_normal(5))
    return Nucleus(
        long_px=float(long_px),
        short_px=float(radius / np.sqrt(axes)),
        tilt=float(rng.uniform(0, np.pi)),
        harmonics=harmonics.astype(np.complex64),
    )
