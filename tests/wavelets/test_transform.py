from __future__ import annotations

import pytest
import torch

from cellquery.core import SettingsError
from cellquery.wavelets import dwt2, network_inputs, sum_of_details


def test_haar_of_one_block_is_worked_by_hand() -> None:
    bands = dwt2(torch.tensor([[[[8.0, 4.0], [2.0, 0.0]]]]))
    assert [band.item() for band in bands] == [7.0, 5.0, 3.0, 1.0]


def test_horizontal_band_sees_horizontal_edges_only() -> None:
    image = torch.zeros(1, 1, 8, 8)
    image[..., 3:, :] = 1.0
    bands = dwt2(image)
    assert bands.horizontal.abs().max() > 0
    assert bands.vertical.abs().max() == 0
    assert bands.diagonal.abs().max() == 0


def test_sub_bands_of_the_papers_size_are_56_by_56() -> None:
    approximation, details = network_inputs(torch.zeros(2, 3, 112, 112))
    assert approximation.shape == details.shape == (2, 3, 56, 56)


def test_signed_haar_sum_is_twice_one_pixel_of_each_block_less_the_approximation() -> None:
    image = torch.rand(2, 1, 16, 16, dtype=torch.float64)
    bands = dwt2(image)
    expected = 2 * image[..., 0::2, 0::2] - bands.approximation
    torch.testing.assert_close(sum_of_details(bands, "signed"), expected)


def test_sum_of_magnitudes_turns_with_the_cell_and_the_signed_sum_does_not() -> None:
    image = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    turned = torch.rot90(image, 1, dims=(-2, -1))
    for details, turns in (("magnitude", True), ("signed", False)):
        of_turned = sum_of_details(dwt2(turned), details)
        turned_of = torch.rot90(sum_of_details(dwt2(image), details), 1, dims=(-2, -1))
        assert torch.allclose(of_turned, turned_of) is turns


@pytest.mark.parametrize(
    ("image", "wavelet", "fault"),
    [
        (torch.zeros(1, 1, 7, 8), "haar", "not both even"),
        (torch.zeros(1, 1, 8, 8), "bior1.3", "not orthogonal"),
        (torch.zeros(1, 1, 8, 8), "mystery", "not known"),
    ],
)
def test_what_cannot_be_transformed_is_named(image: torch.Tensor, wavelet: str, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        dwt2(image, wavelet)


def test_an_unknown_sum_is_refused() -> None:
    with pytest.raises(SettingsError, match="choose signed or magnitude"):
        sum_of_details(dwt2(torch.zeros(1, 1, 8, 8)), "squared")
