"""The transform in torch against PyWavelets."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import torch

from cellquery.wavelets import dwt2

ORTHOGONAL = ["haar", "db2", "db3", "db7", "sym4", "sym5", "coif1", "coif3"]


@pytest.mark.parametrize("wavelet", ORTHOGONAL)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_sub_bands_agree_with_pywavelets(wavelet: str, dtype: torch.dtype) -> None:
    images = torch.from_numpy(np.random.default_rng(3).normal(size=(3, 2, 48, 64))).to(dtype)
    approximation, details = pywt.dwt2(images.numpy(), wavelet, mode="periodization")
    # The sums have at most 36 terms of order one: rounding stays below 100 units in the last place.
    tolerance = 100 * torch.finfo(dtype).eps
    for ours, theirs in zip(dwt2(images, wavelet), (approximation, *details), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=tolerance, rtol=0)


def test_haar_agrees_with_every_border_mode_of_pywavelets() -> None:
    images = torch.from_numpy(np.random.default_rng(4).normal(size=(2, 1, 112, 112)))
    for mode in ("symmetric", "zero", "periodization"):
        approximation, details = pywt.dwt2(images.numpy(), "haar", mode=mode)
        for ours, theirs in zip(dwt2(images), (approximation, *details), strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)
