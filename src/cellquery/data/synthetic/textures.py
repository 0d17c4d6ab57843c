"""Random fields that antigens are made of: smooth noise and points."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@lru_cache(maxsize=4096)
def _frequencies(n: int, real: bool) -> Floats:
    steps = np.fft.rfftfreq(n) if real else np.fft.fftfreq(n)
    return (-2 * np.pi**2 * steps**2).astype(np.float32)


def gaussian_transfer(shape: tuple[int, int], sigma_px: float) -> Floats:
    """Return the transfer function of a Gaussian blur for ``rfft2`` of a shape."""
    variance = np.float32(sigma_px**2)
    rows = np.exp(variance * _frequencies(shape[0], False))
    columns = np.exp(variance * _frequencies(shape[1], True))
    return rows[:, None] * columns


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], grain_px: float) -> Floats:
    """Return Gaussian noise of mean 0 and variance 1 with grains of a size, shape as asked.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the numbers come from.
    shape : tuple of int
        Rows and columns, in px.
    grain_px : float
        Standard deviation of the Gaussian that white noise is blurred with.
    """
    padded = (scipy.fft.next_fast_len(shape[0], True), scipy.fft.next_fast_len(shape[1], True))
    transfer = gaussian_transfer(padded, grain_px)
    # White noise is white in the frequencies too: drawn there, it saves one transform. The columns
    # that the inverse transform does not double get their missing half.
    parts = rng.standard_normal((*transfer.shape, 2), dtype=np.float32)
    spectrum = parts.view(np.complex64)[..., 0]
    spectrum *= transfer
    spectrum[:, 0] *= math.sqrt(2)
    smooth: Floats = scipy.fft.irfft2(spectrum, padded, norm="ortho")[: shape[0], : shape[1]]
    power = transfer * transfer
    # Mean 0 and variance 1 hold over many fields; a field of few grains may be off.
    smooth *= 1 / math.sqrt(2 * float(2 * power.sum() - power[:, 0].sum()) / math.prod(padded))
    return smooth


def add_points(field: Floats, ys: Floats, xs: Floats, weights: NDArray[np.floating]) -> None:
    """Add points between the pixels of a field, each shared by its four neighbours, in place.

    Points outside the field are left out.
    """
    height, width = field.shape
    top, left = np.floor(ys).astype(np.intp), np.floor(xs).astype(np.intp)
    inside = (top >= 0) & (left >= 0) & (top < height - 1) & (left < width - 1)
    top, left = top[inside], left[inside]
    down, right = ys[inside] - top, xs[inside] - left
    weights = weights[inside]
    flat = field.ravel()  # a view: fields are contiguous
    start = top * width + left
    for step, share in (
        (0, (1 - down) * (1 - right)),
        (1, (1 - down) * right),
        (width, down * (1 - right)),
        (width + 1, down * right),
    ):
        np.add.at(flat, start + step, share * weights)


def add_discs(
    field: Floats,
    ys: Floats,
    xs: Floats,
    radii: NDArray[np.floating],
    weights: NDArray[np.floating],
    stretch: NDArray[np.floating],
    tilts: NDArray[np.floating],
) -> None:
    """Add soft-edged ellipses to a field, in place, cut at its border.

    Parameters
    ----------
    field : numpy.ndarray
        Shape (height, width).
    ys, xs, radii, weights, stretch, tilts : numpy.ndarray
        Shape (discs,): centres and radii in px, heights, the ratio of the axes (1 is round) and
        the angle of the long axis in radians.
    """
    for y, x, radius, weight, ratio, tilt in zip(
        ys, xs, radii, weights, stretch, tilts, strict=True
    ):
        reach = int(radius * ratio + 3)
        rows = np.arange(max(int(y) - reach, 0), min(int(y) + reach + 2, field.shape[0]))
        columns = np.arange(max(int(x) - reach, 0), min(int(x) + reach + 2, field.shape[1]))
        if not (rows.size and columns.size):
            continue
        dy, dx = (rows - y)[:, None], (columns - x)[None, :]
        cos, sin = np.cos(tilt), np.sin(tilt)
        distance = np.hypot((dx * cos + dy * sin) / ratio, (dy * cos - dx * sin) * ratio)
        soft = np.clip((radius - distance) / 1.6 + 0.5, 0, 1) * weight
        field[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += soft.astype(np.float32)
