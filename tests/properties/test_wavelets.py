from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as st_numpy

from cellquery.wavelets import dwt2, idwt2, network_inputs

WAVELETS = st.sampled_from(["haar", "db2", "db4", "sym4", "coif1"])
IMAGES = st_numpy.arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.just(1), st.integers(1, 12).map(lambda n: 2 * n), st.just(16)),
    elements=st.floats(-100, 100),
)


@settings(max_examples=40)
@given(IMAGES, WAVELETS)
def test_the_inverse_gives_the_image_back(image: np.ndarray, wavelet: str) -> None:
    images = torch.from_numpy(image)
    # The filters themselves are tabulated to about 1e-12.
    torch.testing.assert_close(idwt2(dwt2(images, wavelet), wavelet), images, atol=1e-8, rtol=1e-8)


@settings(max_examples=40)
@given(IMAGES, WAVELETS)
def test_energy_is_kept(image: np.ndarray, wavelet: str) -> None:
    images = torch.from_numpy(image)
    energy = sum(float(band.square().sum()) for band in dwt2(images, wavelet))
    np.testing.assert_allclose(energy, float(images.square().sum()), rtol=1e-8, atol=1e-8)


@settings(max_examples=20)
@given(IMAGES, st.floats(-50, 50), WAVELETS)
def test_brightness_moves_the_approximation_and_not_the_details(
    image: np.ndarray, offset: float, wavelet: str
) -> None:
    images = torch.from_numpy(image)
    before, after = network_inputs(images, wavelet), network_inputs(images + offset, wavelet)
    torch.testing.assert_close(after[0], before[0] + 2 * offset, atol=1e-7, rtol=1e-7)
    torch.testing.assert_close(after[1], before[1], atol=1e-7, rtol=1e-7)
