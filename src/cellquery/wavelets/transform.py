"""The two-dimensional discrete wavelet transform of a batch, in torch, and its inverse."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from cellquery.core import SettingsError


class SubBands(NamedTuple):
    """The four sub-bands of a batch, each of shape (cells, channels, height / 2, width / 2)."""

    approximation: Tensor
    horizontal: Tensor
    vertical: Tensor
    diagonal: Tensor


@lru_cache(maxsize=32)
def _filters(wavelet: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    import pywt

    if wavelet not in pywt.wavelist(kind="discrete"):
        raise SettingsError("wavelet", f"'{wavelet}' is not known", "choose haar, db2, sym4, ...")
    bank = pywt.Wavelet(wavelet)
    if not bank.orthogonal:
        raise SettingsError("wavelet", f"'{wavelet}' is not orthogonal", "choose haar, db2, ...")
    return tuple(bank.dec_lo), tuple(bank.dec_hi)


def _split(signal: Tensor, wavelet: str, axis: int) -> tuple[Tensor, Tensor]:
    """Low- and high-pass one axis with periodised borders, keeping every second sample.

    Output i is the sum over j of filter[j] * signal[2 i + L / 2 - j], the alignment of
    PyWavelets' ``periodization`` mode for filters of even length L.
    """
    low_filter, high_filter = _filters(wavelet)
    half = len(low_filter) // 2
    low, high = torch.zeros((), dtype=signal.dtype), torch.zeros((), dtype=signal.dtype)
    pairs = signal.unflatten(axis, (-1, 2))
    even, odd = pairs.select(axis, 0), pairs.select(axis, 1)
    for j, (low_tap, high_tap) in enumerate(zip(low_filter, high_filter, strict=True)):
        offset = half - j
        samples = (odd if offset % 2 else even).roll(-(offset // 2), dims=axis)
        low = low + low_tap * samples
        high = high + high_tap * samples
    return low, high


def _merge(low: Tensor, high: Tensor, wavelet: str, axis: int) -> Tensor:
    """Undo ``_split``: its transpose, since the transform is orthogonal."""
    low_filter, high_filter = _filters(wavelet)
    half = len(low_filter) // 2
    phases = [torch.zeros_like(low), torch.zeros_like(low)]
    for j, (low_tap, high_tap) in enumerate(zip(low_filter, high_filter, strict=True)):
        offset = half - j
        samples = (low_tap * low + high_tap * high).roll(offset // 2, dims=axis)
        phases[offset % 2] = phases[offset % 2] + samples
    return torch.stack(phases, dim=axis).flatten(axis - 1, axis)


def dwt2(images: Tensor, wavelet: str = "haar") -> SubBands:
    """Return the four sub-bands of one level of the 2D wavelet transform.

    Agrees with ``pywt.dwt2(images, wavelet, mode="periodization")`` to float precision.

    Parameters
    ----------
    images : Tensor, shape (..., height, width)
        Floating point; height and width even.
    wavelet : str
        Name of a discrete orthogonal wavelet of PyWavelets.

    Returns
    -------
    SubBands
        Each of shape (..., height / 2, width / 2). A constant image c gives approximation 2 c.

    Raises
    ------
    SettingsError
        When a side is odd or the wavelet is unknown or not orthogonal.

    References
    ----------
    Mallat 1989, doi:10.1109/34.192463; Vununu et al. 2021, section 2.1, doi:10.3390/s21041469.

    Examples
    --------
    >>> bands = dwt2(torch.tensor([[[4.0, 2.0], [2.0, 0.0]]]))
    >>> [round(float(band), 4) for band in bands]
    [4.0, 2.0, 2.0, 0.0]
    """
    height, width = images.shape[-2:]
    if height % 2 or width % 2:
        raise SettingsError(
            "image", f"sides of {height} x {width} px are not both even", "resize to an even side"
        )
    if wavelet == "haar":
        # The general path gives the same numbers; this one reads each pixel once.
        a, b = images[..., 0::2, 0::2], images[..., 0::2, 1::2]
        c, d = images[..., 1::2, 0::2], images[..., 1::2, 1::2]
        top, bottom, left, right = a + b, c + d, a - b, c - d
        return SubBands(
            (top + bottom) / 2, (top - bottom) / 2, (left + right) / 2, (left - right) / 2
        )
    low, high = _split(images, wavelet, axis=-1)
    approximation, horizontal = _split(low, wavelet, axis=-2)
    vertical, diagonal = _split(high, wavelet, axis=-2)
    return SubBands(approximation, horizontal, vertical, diagonal)


def idwt2(bands: SubBands, wavelet: str = "haar") -> Tensor:
    """Return the images whose sub-bands these are; the inverse of `dwt2`.

    Parameters
    ----------
    bands : SubBands
        Each of shape (..., height / 2, width / 2).
    wavelet : str
        The wavelet that `dwt2` was given.

    Returns
    -------
    Tensor, shape (..., height, width)
    """
    low = _merge(bands.approximation, bands.horizontal, wavelet, axis=-2)
    high = _merge(bands.vertical, bands.diagonal, wavelet, axis=-2)
    return _merge(low, high, wavelet, axis=-1)


def sum_of_details(bands: SubBands, details: str = "signed") -> Tensor:
    """Return the sum of the three detail sub-bands, the second network's input.

    Parameters
    ----------
    bands : SubBands
        As `dwt2` gives them.
    details : {"signed", "magnitude"}
        H + V + D as the paper says, or |H| + |V| + |D|. With Haar the signed sum equals
        2 x[0::2, 0::2] - A: one pixel of each 2 x 2 block, which no flip or rotation preserves.

    Returns
    -------
    Tensor, shape (..., height / 2, width / 2)
    """
    _, horizontal, vertical, diagonal = bands
    if details == "magnitude":
        return horizontal.abs() + vertical.abs() + diagonal.abs()
    if details == "signed":
        return horizontal + vertical + diagonal
    raise SettingsError("details", f"'{details}' is not known", "choose signed or magnitude")


def network_inputs(
    images: Tensor, wavelet: str = "haar", details: str = "signed"
) -> tuple[Tensor, Tensor]:
    """Return the approximation and the sum of details of a batch (Figure 2 of the paper).

    Parameters
    ----------
    images : Tensor, shape (cells, channels, height, width)
    wavelet, details : str
        See `dwt2` and `sum_of_details`.

    Returns
    -------
    approximation, details : Tensor, shape (cells, channels, height / 2, width / 2)
    """
    bands = dwt2(images, wavelet)
    return bands.approximation, sum_of_details(bands, details)
