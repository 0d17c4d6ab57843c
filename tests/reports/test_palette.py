from __future__ import annotations

from itertools import combinations

import numpy as np

from cellquery.core import PATTERNS, SIX_PATTERNS, title_of
from cellquery.reports.palette import PATTERN_COLOURS, RIGHT, WRONG, pattern_colour, pattern_short

# Linear-light simulations of complete protanopia and deuteranopia: Machado, Oliveira and
# Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1.0.
PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)


def test_every_known_pattern_has_a_colour_of_its_own() -> None:
    assert set(PATTERN_COLOURS) == {pattern.name for pattern in PATTERNS}
    assert len(set(PATTERN_COLOURS.values())) == len(PATTERNS)


def test_a_pattern_of_ones_own_keeps_its_colour() -> None:
    assert pattern_colour("my_class") == pattern_colour("my_class")
    assert pattern_colour("my_class").startswith("#")


def test_colours_of_the_six_patterns_differ_for_colour_blind_readers() -> None:
    six = [PATTERN_COLOURS[name] for name in SIX_PATTERNS]
    for seen_by in (np.eye(3), PROTANOPIA, DEUTERANOPIA):
        for one, other in [*combinations(six, 2), (RIGHT, WRONG)]:
            assert _distance(one, other, seen_by) > 8, (one, other)


def test_names_are_those_of_the_paper() -> None:
    assert pattern_short("nuclear_membrane") == "NucMe"
    assert title_of("coarse_speckled") == "Coarse speckled"
    assert pattern_short("my_own_class") == "my own c"


def _distance(one: str, other: str, seen_by: np.ndarray) -> float:
    """Return the CIE 1976 colour difference."""
    return float(np.linalg.norm(_lab(one, seen_by) - _lab(other, seen_by)))


def _lab(colour: str, seen_by: np.ndarray) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(seen_by @ linear, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
