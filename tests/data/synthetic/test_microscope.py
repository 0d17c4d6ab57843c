from __future__ import annotations

import numpy as np
import pytest

from cellquery.data.synthetic import SyntheticSettings, draw_specimen
from cellquery.data.synthetic.microscope import READ_NOISE, expose, observe
from cellquery.data.synthetic.site import Layer
from cellquery.data.synthetic.textures import add_points, smooth_noise

SPECIMEN = draw_specimen(SyntheticSettings(), 0)


def point(side: int = 64) -> np.ndarray:
    field = np.zeros((side, side), np.float32)
    field[side // 2, side // 2] = 1
    return field


@pytest.mark.parametrize("haze", [0.0, 0.3])
def test_blur_and_haze_keep_the_light(haze: float) -> None:
    image = observe([Layer(point())], defocus_px=1.5, haze=haze)

    assert image.sum() == pytest.approx(1, abs=1e-4)


def test_a_point_out_of_focus_is_wider_and_weaker() -> None:
    peaks = [observe([Layer(point())], defocus, 0.0).max() for defocus in (0.0, 1.0, 2.0)]

    assert peaks == sorted(peaks, reverse=True)


def test_a_layer_above_comes_into_focus_when_the_focus_rises() -> None:
    above = [Layer(point(), height_px=2.0)]

    assert observe(above, 2.0, 0.0).max() > observe(above, 0.0, 0.0).max()


def test_noise_has_the_variance_of_photons_and_of_reading() -> None:
    light = np.full((200, 200), 100.0, np.float32)
    counts = expose(light, SPECIMEN, 12, np.random.default_rng(0)) / 16

    variance = 100 / SPECIMEN.electrons + READ_NOISE**2

    assert counts.mean() == pytest.approx(100 + SPECIMEN.offset, abs=0.05)
    assert counts.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize(("bits", "highest"), [(8, 255), (12, 4095)])
def test_a_camera_saturates(bits: int, highest: int) -> None:
    counts = expose(np.full((8, 8), 1e4, np.float32), SPECIMEN, bits, np.random.default_rng(0))

    assert (counts == highest).all()


@pytest.mark.parametrize("grain", [0.0, 1.0, 3.0])
def test_noise_is_standardised_whatever_its_grain(grain: float) -> None:
    rng = np.random.default_rng(1)
    noise = np.stack([smooth_noise(rng, (60, 75), grain) for _ in range(100)])

    assert noise.std() == pytest.approx(1, abs=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.08)


def test_points_are_added_where_they_lie_and_left_out_beyond_the_border() -> None:
    field = np.zeros((5, 6), np.float32)
    add_points(
        field,
        np.array([1.0, 2.5, -3.0, 9.0], np.float32),
        np.array([2.0, 3.0, 1.0, 1.0], np.float32),
        np.array([1.0, 2.0, 5.0, 5.0]),
    )

    assert field[1, 2] == 1
    assert field[2, 3] == field[3, 3] == 1
    assert field.sum() == 3
